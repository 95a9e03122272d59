/*
 * thread.c: jobs for Lua. A Job is a userdata with a hold on its np_job and
 * the wait for its end. A wait for a job cannot be undone, only hurried: the
 * job is asked to end, and the waiter goes on when its cleanup has run.
 */
#include "thread/thread.h"

#include <lauxlib.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "thread/crew.h"

typedef struct job_box {
  np_job *job;
  np_host *host;
  np_wait wait;
} job_box;

static void on_done(void *user) { np_wake(&((job_box *)user)->wait); }

/* ---- the wait ---------------------------------------------------------- */

static job_box *of_wait(np_wait *w) {
  return np_container_of(w, job_box, wait);
}

static bool job_cancel(np_wait *w) {
  np_job_stop(of_wait(w)->job);
  return false;
}

static void job_drop(np_wait *w) { np_job_stop(of_wait(w)->job); }

/* [..] -> [.. results]  The end of a job, here. */
static int give_end(lua_State *L, np_job *job) {
  int top = lua_gettop(L);
  switch (job->state) {
    case NP_JOB_RETURNED: np_unpack(L, job->result); return lua_gettop(L) - top;
    case NP_JOB_FAILED:
      if (!job->result) return luaL_error(L, "not enough memory");
      np_unpack(L, job->result);
      return lua_error(L);
    case NP_JOB_UNSTARTED:
      np_pusherror_uv(L, job->err, "cannot start a thread");
      return lua_error(L);
    default: return np_raise(L, "CANCELLED", "the thread was stopped");
  }
}

static int job_finish(lua_State *L, np_wait *w) {
  np_host *h = of_wait(w)->host;
  if (h->current->cancel_sent) return np_scope_raise(L, h, h->current);
  return give_end(L, of_wait(w)->job);
}

static const np_wait_class job_class = {.name = "thread",
                                        .cancel = job_cancel,
                                        .finish = job_finish,
                                        .drop = job_drop};

/* ---- starting ---------------------------------------------------------- */

static int job__gc(lua_State *L) {
  job_box *b = np_checkself(L);
  if (!b->job) return 0;
  b->job->on_done = NULL;
  if (!b->host->closed && !b->job->told) np_job_stop(b->job);
  np_job_drop(b->job);
  b->job = NULL;
  return 0;
}

static const luaL_Reg job_meta[] = {{"__gc", job__gc}, {NULL, NULL}};

static int job_await(lua_State *L);
static int job_stop(lua_State *L);

static const luaL_Reg job_methods[] = {
    {"await", job_await}, {"stop", job_stop}, {NULL, NULL}};
static const np_class job_class_ = {"ThreadJob", job_methods, job_meta};

/* [fn args ..] -> [Job]  A job that has been started. */
static job_box *start(lua_State *L, np_host *h, bool alone) {
  int n = lua_gettop(L);
  job_box *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (job_box){.host = h};
  np_class_set(L, &job_class_);
  lua_insert(L, 1);
  b->job = np_job_new(np_pack(L, n, 1), alone);
  if (!b->job) luaL_error(L, "not enough memory");
  lua_settop(L, 1);
  b->job->user = b;
  b->job->on_done = on_done;
  int err = np_job_queue(L, h, b->job);
  if (err < 0) {
    b->job->state = NP_JOB_UNSTARTED;
    b->job->err = err;
    b->job->told = true;
  }
  return b;
}

static void check_allowed(lua_State *L) {
  if (np_gethost(L)->no_threads)
    np_raise(L, "INVALID_STATE",
             "there are no threads in a host that restricts its scripts");
}

/* Only a function can be called in another state. */
static void check_function(lua_State *L) {
  check_allowed(L);
  if (!lua_isfunction(L, 1)) np_typeerror(L, 1, "function");
}

/* run(fn, ...) -> its results */
static int thread_run(lua_State *L) {
  np_host *h = np_gethost(L);
  check_function(L);
  np_checkwait(L, h);
  job_box *b = start(L, h, false);
  if (b->job->told) return give_end(L, b->job);
  return np_park(L, h, &b->wait, &job_class);
}

/* spawn(fn, ...) -> Job on a thread of its own */
static int thread_spawn(lua_State *L) {
  check_function(L);
  start(L, np_gethost(L), true);
  return 1;
}

static job_box *self(lua_State *L) {
  job_box *b = np_checkself(L);
  if (!b->job) np_raise(L, "INVALID_STATE", "the thread was finalized");
  return b;
}

/* Job:await() -> its results */
static int job_await(lua_State *L) {
  job_box *b = self(L);
  lua_settop(L, 1);
  np_checkwait(L, b->host);
  if (b->job->told) return give_end(L, b->job);
  if (np_wait_busy(&b->wait))
    return np_raise(L, "BUSY", "another task waits for the thread");
  return np_park(L, b->host, &b->wait, &job_class);
}

static int job_stop(lua_State *L) {
  job_box *b = np_checkself(L);
  if (b->job && !b->job->told) np_job_stop(b->job);
  return 0;
}

/* rest(): ends the threads that have nothing to do. */
static int thread_rest(lua_State *L) {
  np_crew_rest(np_gethost(L));
  return 0;
}

/* [value] */
static int try_pack(lua_State *L) {
  np_packed_free(np_pack(L, 1, 0));
  return 0;
}

/* problem(value) -> why it cannot be copied, or nil */
static int thread_problem(lua_State *L) {
  check_allowed(L);
  lua_settop(L, 1);
  lua_pushcfunction(L, try_pack);
  lua_insert(L, 1);
  switch (lua_pcall(L, 1, 0, 0)) {
    case LUA_OK: return 0;
    case LUA_ERRRUN: return 1;
    default: return lua_error(L);
  }
}

static const luaL_Reg funcs[] = {{"run", thread_run},
                                 {"spawn", thread_spawn},
                                 {"problem", thread_problem},
                                 {"rest", thread_rest},
                                 {NULL, NULL}};

/* core.thread = { run =, spawn =, .. } */
void np_thread_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &job_class_);
  lua_newtable(L);
  np_setfuncs(L, h, funcs);
  lua_setfield(L, -2, "thread");
}
