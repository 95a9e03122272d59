/*
 * callback.c: call_soon, call_later, call_at and their handles.
 * A callback is a task of its own that is made when it is registered, holds
 * the function and its arguments, and begins when its time has come. The
 * watchdog of neap.testing is one, too.
 */
#include <lauxlib.h>

#include "base/class.h"
#include "core/open.h"
#include "core/task.h"

/* A task with its timer behind it. */
typedef struct np_callback {
  np_task task;
  np_timer timer;
} np_callback;

typedef struct np_handle_ud {
  np_callback *cb; /* held by user value 1 */
  lua_Number when; /* s */
  bool timed;
  bool cancelled;
} np_handle_ud;

static void on_time(np_timer *timer) {
  np_callback *cb = np_container_of(timer, np_callback, timer);
  np_host *h = np_task_host(&cb->task);
  np_task_begin(h, &cb->task);
  np_unkeep(h);
}

/* ---- the watchdog ------------------------------------------------------ */

static void on_watchdog(uv_timer_t *uv) {
  np_host *h = np_container_of(uv, np_host, watchdog);
  np_task *t = h->watchman;
  h->watchman = NULL;
  np_task_begin(h, t);
}

static void watchdog_stop(np_host *h) {
  np_task *t = h->watchman;
  if (!t) return;
  h->watchman = NULL;
  uv_timer_stop(&h->watchdog);
  np_task_discard(h, t);
}

/*
 * watchdog(seconds, fn, ...) calls fn then, by the real clock, also while the
 * virtual one runs. It is the only one: another call replaces it, one without
 * arguments stops it. While it runs there is no deadlock, but it keeps no
 * program alive.
 */
static int watchdog(lua_State *L) {
  np_host *h = np_gethost(L);
  if (lua_isnoneornil(L, 1)) {
    watchdog_stop(h);
    return 0;
  }
  lua_Number seconds = np_checknumber(L, 1);
  np_checkfunction(L, 2);
  int nargs = lua_gettop(L) - 2;
  size_t extra = sizeof(np_callback) - sizeof(np_task);
  np_task *t = np_task_new(L, h, nargs, NP_TASK_CALLBACK, extra);
  watchdog_stop(h);
  h->watchman = t;
  uv_update_time(h->uv);
  uv_timer_start(&h->watchdog, on_watchdog,
                 seconds > 0 ? (uint64_t)(seconds * 1000) + 1 : 0, 0);
  return 0;
}

/* preempt_after(seconds) -> what it was: tasks that compute for longer let the
 * others run, so that the watchdog is heard; 0: never. */
static int preempt_after(lua_State *L) {
  np_host *h = np_gethost(L);
  np_limits limits = h->limits;
  lua_pushnumber(L, limits.preempt);
  limits.preempt = np_checknumber(L, 1);
  np_limits_set(h, &limits); /* without a timer, it is as it was */
  return 1;
}

/* ---- handles ----------------------------------------------------------- */

void np_callback_cancel(np_host *h, np_task *t) {
  if (t == h->watchman) {
    watchdog_stop(h);
    return;
  }
  np_callback *cb = (np_callback *)t;
  if (!np_timer_running(&cb->timer)) return;
  np_timer_stop(h, &cb->timer);
  np_unkeep(h);
  np_task_discard(h, t);
}

static int handle_cancel(lua_State *L) {
  np_handle_ud *hd = np_checkself(L);
  np_task *t = &hd->cb->task;
  if (hd->cancelled || t->started || t->future.state != NP_PENDING) return 0;
  hd->cancelled = true;
  if (t->begun)
    np_task_cancel(np_task_host(t), t);
  else
    np_callback_cancel(np_task_host(t), t);
  return 0;
}

static int handle_cancelled(lua_State *L) {
  np_handle_ud *hd = np_checkself(L);
  lua_pushboolean(L, hd->cancelled);
  return 1;
}

/* Seconds, on the clock of loop.time(); nothing for call_soon. */
static int handle_when(lua_State *L) {
  np_handle_ud *hd = np_checkself(L);
  lua_pushnil(L);
  if (!hd->timed) return 1;
  lua_pushnumber(L, hd->when);
  return 1;
}

static int handle__tostring(lua_State *L) {
  np_handle_ud *hd = np_checkself(L);
  np_task *t = &hd->cb->task;
  lua_pushfstring(L, "Handle callback-%d: %s", (int)t->number,
                  hd->cancelled                   ? "cancelled"
                  : t->future.state != NP_PENDING ? "done"
                  : t->begun                      ? "begun"
                                                  : "pending");
  return 1;
}

static const luaL_Reg handle_methods[] = {{"cancel", handle_cancel},
                                          {"close", handle_cancel},
                                          {"cancelled", handle_cancelled},
                                          {"when", handle_when},
                                          {NULL, NULL}};
static const luaL_Reg handle_meta[] = {{"__tostring", handle__tostring},
                                       {NULL, NULL}};
static const np_class handle_class = {"Handle", handle_methods, handle_meta};

/* [any, fn, args ..] -> [handle] */
static np_handle_ud *new_handle(lua_State *L, np_host *h) {
  int nargs = lua_gettop(L) - 2;
  size_t extra = sizeof(np_callback) - sizeof(np_task);
  np_limits_checkcount(L, h);
  np_handle_ud *hd = lua_newuserdatauv(L, sizeof *hd, 1);
  *hd = (np_handle_ud){0};
  np_pushslot(L, h, NP_SLOT_HANDLE_MT);
  lua_setmetatable(L, -2);
  lua_replace(L, 1);
  np_task *t = np_task_new(L, h, nargs, NP_TASK_CALLBACK, extra);
  hd->cb = (np_callback *)t;
  lua_setiuservalue(L, 1, 1);
  lua_settop(L, 1);
  return hd;
}

static int call_soon(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checkfunction(L, 1);
  lua_pushnil(L);
  lua_insert(L, 1);
  np_task_begin(h, &new_handle(L, h)->cb->task);
  return 1;
}

/* [any, fn, args ..] -> [handle] */
static int call_when(lua_State *L, np_host *h, uint64_t when,
                     lua_Number seconds) {
  np_handle_ud *hd = new_handle(L, h);
  hd->timed = true;
  hd->when = seconds;
  hd->cb->timer.fire = on_time;
  if (when == NP_FOREVER) when = NP_NEVER;
  int err = np_timer_start_asked(h, &hd->cb->timer, when);
  if (err < 0) {
    np_task_discard(h, &hd->cb->task);
    return np_timer_refused(L, err);
  }
  np_keep(h);
  return 1;
}

static int call_later(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Number seconds = np_checknumber(L, 1);
  np_checkfunction(L, 2);
  uint64_t when = np_deadline(h, seconds);
  return call_when(L, h, when, (lua_Number)when / 1e9);
}

/* The first nanosecond at which loop.time() is not before `time`. */
static uint64_t not_before(lua_Number time) {
  if (time <= 0) return 0;
  if (time >= 1.8e10) return NP_FOREVER; /* 2^64 ns and more */
  uint64_t when = (uint64_t)(time * 1e9);
  while ((lua_Number)when / 1e9 < time) when++;
  return when;
}

static int call_at(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Number time = np_checknumber(L, 1);
  np_checkfunction(L, 2);
  return call_when(L, h, not_before(time), time);
}

static const luaL_Reg funcs[] = {{"call_soon", call_soon},
                                 {"call_later", call_later},
                                 {"call_at", call_at},
                                 {"watchdog", watchdog},
                                 {"preempt_after", preempt_after},
                                 {NULL, NULL}};

void np_callback_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &handle_class);
  np_class_push(L, &handle_class);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_HANDLE_MT);
}
