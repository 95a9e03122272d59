/*
 * worker.c: the host of a thread. A job is unpacked and called in the main
 * task; what it returns is packed there, too, and its error after the loop has
 * ended. Everything in the host is used by this thread alone, but for `wake`.
 */
#include "thread/worker.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/task.h"

/* ---- what it begins with ----------------------------------------------- */

/* [..] -> [..]  A copy of package[name], or NULL. */
static char *copy_path(lua_State *L, const char *name) {
  char *copy = NULL;
  if (lua_getglobal(L, LUA_LOADLIBNAME) == LUA_TTABLE) {
    lua_pushstring(L, name);
    if (lua_rawget(L, -2) == LUA_TSTRING) copy = strdup(lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return copy;
}

void np_worker_setup_take(lua_State *L, np_host *h, np_worker_setup *setup) {
  *setup = (np_worker_setup){.open_lib = h->open_lib,
                             .close_lib = h->close_lib,
                             .limits = h->limits,
                             .grace = h->grace,
                             .debug = h->debug};
  setup->path = copy_path(L, "path");
  setup->cpath = copy_path(L, "cpath");
}

void np_worker_setup_free(np_worker_setup *setup) {
  free(setup->path);
  free(setup->cpath);
}

/* ---- opening and closing ----------------------------------------------- */

static void set_path(lua_State *L, const char *name, const char *value) {
  if (!value) return;
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static int no_exit(lua_State *L) {
  return np_raise(L, "INVALID_STATE",
                  "os.exit ends the process, and is not for threads: see "
                  "neap.exit");
}

/* [host, setup] */
static int open_state(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  const np_worker_setup *setup = lua_touserdata(L, 2);
  luaL_openlibs(L);
  setup->open_lib(L, h);
  set_path(L, "path", setup->path);
  set_path(L, "cpath", setup->cpath);
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, no_exit);
  lua_setfield(L, -2, "exit");
  return 0;
}

static void on_wake(uv_async_t *wake) {
  np_worker *w = np_container_of(wake, np_worker, wake);
  uv_mutex_lock(&w->lock);
  bool stop = w->stop;
  uv_mutex_unlock(&w->lock);
  if (!stop) return;
  w->host.exit_called = true;
  np_loop_recheck(&w->host);
}

/* What computes is cancelled, as the loop would do with what waits. */
static bool on_interrupt(np_host *h) {
  h->exit_called = true;
  return true;
}

void np_worker_init(np_worker *w) { uv_mutex_init(&w->lock); }

void np_worker_free(np_worker *w) { uv_mutex_destroy(&w->lock); }

static int open_host(np_worker *w, const np_worker_setup *setup) {
  np_host *h = &w->host;
  lua_State *L = lua_newstate(np_pool_alloc, h);
  if (!L) return UV_ENOMEM;
  int err = np_host_init(h, NULL);
  if (err < 0) {
    lua_close(L);
    np_pool_close(&h->pool_memory);
    return err;
  }
  h->L = L;
  h->owns_state = h->yieldable_require = h->in_thread = true;
  h->grace = setup->grace;
  *(void **)lua_getextraspace(L) = NULL;
  lua_pushcfunction(L, open_state);
  lua_pushlightuserdata(L, h);
  lua_pushlightuserdata(L, (void *)setup);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return 0;
  setup->close_lib(h);
  return UV_ENOMEM;
}

int np_worker_open(np_worker *w, const np_worker_setup *setup) {
  np_host *h = &w->host;
  int err = open_host(w, setup);
  if (err < 0) return err;
  w->close_lib = setup->close_lib;
  h->debug = setup->debug;
  if ((err = np_limits_set(h, &setup->limits)) == 0)
    err = uv_async_init(h->uv, &w->wake, on_wake);
  if (err < 0) {
    w->close_lib(h);
    return err;
  }
  h->nhandles++;
  uv_unref((uv_handle_t *)&w->wake);
  h->guard.on_interrupt = on_interrupt;
  np_guard_watch(h); /* else code that computes cannot be stopped */
  uv_mutex_lock(&w->lock);
  w->open = true;
  uv_mutex_unlock(&w->lock);
  return 0;
}

void np_worker_close(np_worker *w) {
  uv_mutex_lock(&w->lock);
  w->open = false;
  uv_mutex_unlock(&w->lock);
  np_loop_close_handle(&w->host, &w->wake);
  w->close_lib(&w->host);
}

void np_worker_stop(np_worker *w) {
  uv_mutex_lock(&w->lock);
  w->stop = true;
  if (w->open) {
    np_guard_interrupt(&w->host);
    uv_async_send(&w->wake);
  }
  uv_mutex_unlock(&w->lock);
}

/* ---- a job ------------------------------------------------------------- */

/* [job, results ..] */
static int job_returned(lua_State *L, int status, lua_KContext ctx) {
  np_job *job = (np_job *)ctx;
  (void)status;
  job->result = np_pack(L, lua_gettop(L) - 1, 0);
  return 0;
}

/* [job] The body of the main task. */
static int job_body(lua_State *L) {
  np_job *job = lua_touserdata(L, 1);
  np_unpack(L, job->call);
  lua_callk(L, job->call->n - 1, LUA_MULTRET, (lua_KContext)job, job_returned);
  return job_returned(L, LUA_OK, (lua_KContext)job);
}

/* [job] -> task */
static int spawn_job(lua_State *L) {
  np_host *h = np_host_of(L);
  lua_pushcfunction(L, job_body);
  lua_insert(L, 1);
  h->main = np_spawn(L, h, 1, NP_TASK_PLAIN);
  h->main->pinned = true;
  return 1;
}

/* [.. err trace] -> [.. err]  The error tells where it was in the thread. */
static void add_trace(lua_State *L) {
  int err = lua_gettop(L) - 1;
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
  } else if (lua_type(L, err) == LUA_TSTRING) {
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, err), lua_tostring(L, -1));
    lua_replace(L, err);
    lua_settop(L, err);
  } else if (np_errcode(L, err)) {
    lua_setfield(L, err, "traceback");
  } else {
    lua_pop(L, 1);
  }
}

/* [job, err] */
static int pack_error(lua_State *L) {
  np_job *job = lua_touserdata(L, 1);
  job->result = np_pack(L, 1, 0);
  return 0;
}

/* [job, err] */
static int pack_text(lua_State *L) {
  np_job *job = lua_touserdata(L, 1);
  luaL_tolstring(L, 2, NULL);
  job->result = np_pack(L, 1, 0);
  return 0;
}

/* [job, task]: the error of the task, or a text of it. */
static int take_error(lua_State *L) {
  np_job *job = lua_touserdata(L, 1);
  lua_getiuservalue(L, 2, NP_UV_VALUE);
  np_future_extra(L, 2);
  lua_rawgeti(L, -1, NP_EX_TRACE);
  lua_replace(L, -2);
  add_trace(L);
  static const lua_CFunction ways[] = {pack_error, pack_text};
  for (int i = 0; i < 2; i++) {
    lua_pushcfunction(L, ways[i]);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK) return 0;
  }
  lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 3));
  job->result = np_pack(L, 1, 0);
  return 0;
}

/* [job]: what np_loop_run reported to nobody */
static int deadlock_error(lua_State *L) {
  np_job *job = lua_touserdata(L, 1);
  np_pusherror(L, "DEADLOCK",
               "every task of the thread waits, and nothing is left that "
               "could wake one");
  job->result = np_pack(L, 1, 0);
  return 0;
}

/* Calls fn(job [, the value at idx]); what is out of memory leaves no
 * result. */
static void call(lua_State *L, lua_CFunction fn, np_job *job, int idx) {
  lua_pushcfunction(L, fn);
  lua_pushlightuserdata(L, job);
  if (idx) lua_pushvalue(L, idx);
  if (lua_pcall(L, idx ? 2 : 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* The loop has ended: what became of the main task at idx. */
static np_job_state conclude(np_worker *w, np_job *job, int idx) {
  np_host *h = &w->host;
  lua_State *L = h->L;
  int state = h->main->future.state;
  if (w->spoiled || (state == NP_CANCELLED && h->exit_called))
    return job->result && state == NP_SUCCEEDED ? NP_JOB_RETURNED
                                                : NP_JOB_CANCELLED;
  if (h->deadlocked) {
    np_packed_free(job->result);
    job->result = NULL;
    call(L, deadlock_error, job, 0);
    return NP_JOB_FAILED;
  }
  if (state == NP_SUCCEEDED) return NP_JOB_RETURNED;
  if (state == NP_CANCELLED) return NP_JOB_CANCELLED;
  call(L, take_error, job, idx);
  return NP_JOB_FAILED;
}

np_job_state np_worker_run(np_worker *w, np_job *job) {
  np_host *h = &w->host;
  lua_State *L = h->L;
  h->ending = h->main_done = h->main_failed = h->deadlocked = false;
  h->exit_called = false;
  h->end_with_main = !job->alone;
  lua_settop(L, 0);
  lua_pushcfunction(L, spawn_job);
  lua_pushlightuserdata(L, job);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    job->err = UV_ENOMEM;
    return NP_JOB_UNSTARTED;
  }
  uv_mutex_lock(&w->lock);
  if (w->stop) h->exit_called = true;
  uv_mutex_unlock(&w->lock);
  np_loop_run(h);
  if (h->main_done) np_future_retrieved(L, 1); /* it is given back */
  np_loop_unwind(h, h->grace);
  uv_mutex_lock(&w->lock);
  w->spoiled = w->stop;
  uv_mutex_unlock(&w->lock);
  np_job_state state = conclude(w, job, 1);
  np_task_unpin(h, h->main);
  h->main = NULL;
  lua_settop(L, 0);
  return state;
}
