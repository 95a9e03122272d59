/*
 * multi.c: waiting for several futures: what gather, wait, race and
 * as_completed are made of. A Multi watches the futures of a list, notes the
 * order in which they end, and wakes its one waiting task when that task's
 * condition holds. Its finalizer stops what it still watches.
 */
#include <lauxlib.h>
#include <stdio.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"

/* A member that is cancelled has ended with an error, and has not failed. */
typedef enum {
  WAIT_ALL,
  WAIT_FIRST,
  WAIT_FIRST_ERROR,
  WAIT_FIRST_FAILURE
} wait_mode;

typedef struct np_multi np_multi;

typedef struct np_member {
  np_watch watch;
  np_multi *multi;
} np_member;

struct np_multi {
  np_wait wait;
  np_timer timer; /* of a wait with a deadline */
  np_host *host;
  int n;
  int pending;     /* watched and not ended */
  int nended;      /* entries of `order` */
  int taken;       /* of them given out by next() */
  int first_error; /* index, 0: none */
  bool failed;     /* one of them has */
  wait_mode mode;
  bool flow;   /* cancelling the waiter cancels the members */
  bool late;   /* the deadline has passed */
  bool cut;    /* the waiter had been cancelled when it joined the members */
  bool undone; /* the wait was, and the members are still watched */
  int *order;  /* indices in the order they ended; behind the members */
  np_member members[];
};

enum { UV_LIST = 1, LONGEST = 1000000000 };

static bool satisfied(const np_multi *m) {
  if (m->pending == 0) return true;
  switch (m->mode) {
    case WAIT_FIRST: return m->nended > m->taken;
    case WAIT_FIRST_ERROR: return m->first_error != 0;
    case WAIT_FIRST_FAILURE: return m->failed;
    default: return false;
  }
}

static void note_end(np_multi *m, int index, const np_future *f) {
  m->order[m->nended++] = index;
  if (f->state == NP_FAILED) m->failed = true;
  if (m->first_error || f->state == NP_SUCCEEDED) return;
  m->first_error = index;
}

static bool on_member(np_watch *w, int event) {
  np_member *member = np_container_of(w, np_member, watch);
  np_multi *m = member->multi;
  if (event == NP_ASK) return np_wait_busy(&m->wait) && !m->undone;
  int index = (int)(member - m->members) + 1;
  m->pending--;
  note_end(m, index, w->future);
  if (satisfied(m)) np_wake(&m->wait);
  return true;
}

static void stop_all(np_multi *m) {
  for (int i = 0; i < m->n; i++) np_watch_stop(&m->members[i].watch);
  m->pending = 0;
}

/* Lets the cancellation flow into the members; true if none of them is to be
 * waited for. */
static bool flow(np_multi *m) {
  for (int i = 0; i < m->n; i++) {
    np_watch *w = &m->members[i].watch;
    if (w->future && np_watch_flow(w)) m->pending--;
  }
  return m->pending == 0;
}

/* ---- the wait ---------------------------------------------------------- */

static np_multi *multi_of(np_wait *w) {
  return np_container_of(w, np_multi, wait);
}

static void multi_describe(np_wait *w, char *buf, size_t size) {
  np_multi *m = multi_of(w);
  snprintf(buf, size, "%d of %d futures", m->pending, m->n);
}

static bool multi_cancel(np_wait *w) {
  np_multi *m = multi_of(w);
  np_timer_stop(m->host, &m->timer);
  if (!m->flow) return m->undone = true;
  m->mode = WAIT_ALL;
  return flow(m);
}

static void multi_drop(np_wait *w) {
  np_multi *m = multi_of(w);
  np_timer_stop(m->host, &m->timer);
  stop_all(m);
}

/* Failures that the cancelled waiter does not take must not be silent. */
static void watch_failures(lua_State *L, np_multi *m) {
  lua_getiuservalue(L, 1, UV_LIST);
  for (int i = 1; i <= m->n; i++) {
    lua_rawgeti(L, -1, i);
    if (np_tofuture(L, m->host, -1)) np_future_watch_failure(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int multi_finish(lua_State *L, np_wait *w) {
  np_multi *m = multi_of(w);
  np_task *t = m->host->current;
  np_timer_stop(m->host, &m->timer);
  if ((t->cancel_sent || m->cut) && m->flow) {
    watch_failures(L, m);
    return np_scope_raise(L, m->host, t);
  }
  lua_pushboolean(L, !m->late || satisfied(m));
  return 1;
}

static const np_wait_class multi_class = {
    "futures", multi_describe, multi_cancel, multi_finish, multi_drop};

static void on_late(np_timer *timer) {
  np_multi *m = np_container_of(timer, np_multi, timer);
  m->late = true;
  np_wake(&m->wait);
}

/* wait(mode, flow [, deadline]) -> true | false past the deadline, which is
 * one of core.deadline */
static int multi_wait(lua_State *L) {
  static const char *const modes[] = {"all", "first", "first_error",
                                      "first_failure", NULL};
  np_multi *m = np_checkself(L);
  wait_mode mode = (wait_mode)luaL_checkoption(L, 2, NULL, modes);
  uint64_t deadline = (uint64_t)luaL_optinteger(L, 4, -1);
  np_checkwait(L, m->host);
  if (np_wait_busy(&m->wait))
    return np_raise(L, "BUSY", "another task waits already");
  m->mode = mode;
  m->flow = lua_toboolean(L, 3);
  m->late = m->cut = m->undone = false;
  lua_settop(L, 1);
  if (satisfied(m)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  m->timer.fire = on_late;
  int err = 0;
  if (deadline != NP_FOREVER)
    err = np_timer_start_asked(m->host, &m->timer, deadline);
  if (err < 0) return np_timer_refused(L, err);
  return np_park(L, m->host, &m->wait, &multi_class);
}

/*
 * join() cancels the members that only the running task waits for, and waits
 * for them. The task may have been cancelled since its last wait ended: then
 * CANCELLED is raised when they have ended, as if it had come meanwhile, and
 * not at all where there are none. **raises**, **waits**
 */
static int multi_join(lua_State *L) {
  np_multi *m = np_checkself(L);
  np_task *t = np_checkyield(L, m->host);
  if (np_wait_busy(&m->wait))
    return np_raise(L, "BUSY", "another task waits already");
  lua_settop(L, 1);
  m->mode = WAIT_ALL;
  m->flow = true;
  m->late = m->undone = false;
  np_pass_begin(m->host, t);
  flow(m);
  np_pass_end(m->host);
  if (m->pending == 0) return 0;
  m->cut = np_scope_cause(m->host, t) != NULL;
  return np_park(L, m->host, &m->wait, &multi_class);
}

/* ---- the rest ---------------------------------------------------------- */

static int multi_next(lua_State *L) {
  np_multi *m = np_checkself(L);
  lua_pushnil(L);
  if (m->taken == m->nended) return 1;
  lua_pushinteger(L, m->order[m->taken++]);
  return 1;
}

static int multi_first_error(lua_State *L) {
  np_multi *m = np_checkself(L);
  lua_pushnil(L);
  if (m->first_error == 0) return 1;
  lua_pushinteger(L, m->first_error);
  return 1;
}

/* results() -> { first result of each, n = }; all must have succeeded. */
static int multi_results(lua_State *L) {
  np_multi *m = np_checkself(L);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, UV_LIST);
  lua_createtable(L, m->n, 1);
  for (int i = 1; i <= m->n; i++) {
    lua_rawgeti(L, 2, i);
    np_future *f = np_tofuture(L, m->host, -1);
    if (!f || f->state != NP_SUCCEEDED)
      return np_raise(L, "INVALID_STATE", "member %d has no results", i);
    if (f->nresults == 1) {
      lua_getiuservalue(L, -1, NP_UV_VALUE);
    } else if (f->nresults > 1) {
      lua_getiuservalue(L, -1, NP_UV_VALUE);
      lua_rawgeti(L, -1, 1);
      lua_remove(L, -2);
    } else {
      lua_pushnil(L);
    }
    lua_rawseti(L, 3, i);
    lua_pop(L, 1);
  }
  lua_pushinteger(L, m->n);
  lua_setfield(L, 3, "n");
  return 1;
}

static int multi_pending(lua_State *L) {
  np_multi *m = np_checkself(L);
  lua_pushinteger(L, m->pending);
  return 1;
}

/* Stops watching. A member's failure that nobody has taken by then goes to
 * the exception handler later: what fails while it is watched is not silent. */
static int multi_close(lua_State *L) {
  np_multi *m = np_checkself(L);
  np_timer_stop(m->host, &m->timer);
  stop_all(m);
  if (!m->host->closed && m->first_error) watch_failures(L, m);
  return 0;
}

static const luaL_Reg methods[] = {
    {"wait", multi_wait},       {"join", multi_join},
    {"next", multi_next},       {"first_error", multi_first_error},
    {"results", multi_results}, {"pending", multi_pending},
    {"close", multi_close},     {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", multi_close}, {NULL, NULL}};
static const np_class multi_class_ = {"Multi", methods, meta};

/* core.multi(list of futures) */
static int multi_new(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checktable(L, 1);
  lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
  luaL_argcheck(L, n <= LONGEST, 1, "list too long");
  size_t size =
      sizeof(np_multi) + (size_t)n * (sizeof(np_member) + sizeof(int));
  np_multi *m = lua_newuserdatauv(L, size, 1);
  *m = (np_multi){.host = h, .n = (int)n};
  m->order = (int *)(m->members + n);
  for (int i = 0; i < m->n; i++) {
    m->members[i].multi = m;
    m->members[i].watch = (np_watch){.link = {0}};
  }
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_LIST);
  np_class_set(L, &multi_class_);
  for (int i = 0; i < m->n; i++) {
    lua_rawgeti(L, 1, i + 1);
    np_future *f = np_tofuture(L, h, -1);
    if (!f) return np_typeerror(L, 1, "list of futures");
    if (f->state == NP_PENDING) {
      np_watch_start(&m->members[i].watch, f, on_member);
      m->pending++;
    } else {
      note_end(m, i + 1, f);
    }
    lua_pop(L, 1);
  }
  return 1;
}

/* core.futures(list) -> a copy of the list if all of it are futures, or nil;
 * nil also for a list with a metatable. */
static int futures(lua_State *L) {
  enum { LIST = 1, COPY };
  np_host *h = np_gethost(L);
  np_checktable(L, LIST);
  lua_Integer n = (lua_Integer)lua_rawlen(L, LIST);
  if (n > LONGEST || lua_getmetatable(L, LIST)) n = 0;
  lua_settop(L, LIST);
  lua_pushnil(L);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, LIST, i);
    if (!np_tofuture(L, h, -1)) {
      lua_pushnil(L);
      return 1;
    }
    if (i == 1) {
      lua_createtable(L, (int)n, 0);
      lua_replace(L, COPY);
    }
    lua_rawseti(L, COPY, i);
  }
  return 1;
}

static const luaL_Reg funcs[] = {
    {"multi", multi_new}, {"futures", futures}, {NULL, NULL}};

void np_multi_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &multi_class_);
}
