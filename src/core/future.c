/*
 * future.c: futures, awaiting them, done callbacks, and the rule that no
 * failure is silent.
 *
 * A future is a userdata; the value, the error and the callbacks are its user
 * values. Who waits is linked in as an np_watch, which lies in the waiting
 * task, so awaiting allocates nothing. A failure that nobody was waiting for
 * is watched by failure.c.
 */
#include "core/future.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "core/trace.h"

/* ---- watchers ---------------------------------------------------------- */

void np_watch_start(np_watch *w, np_future *f, bool (*fire)(np_watch *, int)) {
  w->future = f;
  w->fire = fire;
  np_list_init(&w->link);
  if (f->watchers)
    np_list_append(f->watchers, &w->link); /* before the first: last */
  else
    f->watchers = &w->link;
}

static void unlink_watch(np_future *f, np_link *l) {
  if (f->watchers == l) f->watchers = np_list_linked(l) ? l->next : NULL;
  np_list_remove(l);
}

void np_watch_stop(np_watch *w) {
  if (!w->future) return;
  unlink_watch(w->future, &w->link);
  w->future = NULL;
}

/* True if a task waits for the future through another watch than w. */
static bool others_wait(const np_watch *w) {
  for (const np_link *l = w->link.next; l != &w->link; l = l->next) {
    np_watch *other = np_container_of(l, np_watch, link);
    if (other->fire(other, NP_ASK)) return true;
  }
  return false;
}

bool np_watch_flow(np_watch *w) {
  np_future *f = w->future;
  np_host *h = np_future_host(f);
  np_task *t = (np_task *)f;
  bool cycle = f->is_task && np_inpass(h, t);
  if (f->is_task && !cycle && !others_wait(w)) {
    np_task_cancel(h, t);
    return false;
  }
  np_watch_stop(w);
  return true;
}

void np_future_end(np_future *f, int state, int nresults) {
  f->state = (uint8_t)state;
  f->nresults = nresults;
  np_link *l;
  while ((l = f->watchers) != NULL) {
    np_watch *w = np_container_of(l, np_watch, link);
    unlink_watch(f, l);
    w->fire(w, NP_ENDED); /* which sees w->future for the last time */
    w->future = NULL;
  }
}

/* ---- ending ------------------------------------------------------------ */

void np_future_succeed(lua_State *L, int idx, int n) {
  np_future *f = lua_touserdata(L, idx);
  if (n > 1) {
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, n, 0);
    lua_insert(L, -(n + 1));
    for (int i = n; i > 0; i--) lua_rawseti(L, -(i + 1), i);
  } else if (n == 0) {
    lua_pushnil(L);
  }
  if (f->has_calls) np_done_schedule(L, idx);
  lua_setiuservalue(L, idx, NP_UV_VALUE);
  np_future_end(f, NP_SUCCEEDED, n);
}

void np_future_fail(lua_State *L, int idx) {
  np_future *f = lua_touserdata(L, idx);
  const char *code = np_errcode(L, -1);
  bool cancelled = code && strcmp(code, "CANCELLED") == 0;
  const np_link *first = f->watchers;
  bool unwatched = !first || (f->outside && !np_list_linked(first));
  lua_pushvalue(L, -1);
  if (f->has_calls) np_done_schedule(L, idx);
  lua_setiuservalue(L, idx, NP_UV_VALUE);
  lua_pop(L, 1);
  np_future_end(f, cancelled ? NP_CANCELLED : NP_FAILED, 1);
  if (unwatched) np_future_watch_failure(L, idx);
}

int np_future_results(lua_State *L, int idx) {
  np_future *f = lua_touserdata(L, idx);
  if (f->nresults == 0) return 0;
  lua_getiuservalue(L, idx, NP_UV_VALUE);
  if (f->state != NP_SUCCEEDED) {
    np_future_retrieved(L, idx);
    if (f->is_task) np_trace_awaited(L, np_future_host(f), idx);
    return lua_error(L);
  }
  if (f->nresults == 1) return 1;
  luaL_checkstack(L, f->nresults, "too many results");
  int list = lua_gettop(L);
  for (int i = 1; i <= f->nresults; i++) lua_rawgeti(L, list, i);
  return f->nresults;
}

/* ---- await ------------------------------------------------------------- */

static np_task *await_task(np_wait *w) {
  return np_container_of(w, np_task, own.wait);
}

static const np_wait_class await_class;

/* "task-2" becomes "task-2 > task-3 > sleep": what the awaited task waits for.
 * It ends where the chain comes back, or the buffer is full. */
static void follow(np_task *waiter, np_task *t, char *buf, size_t size) {
  np_task *first = t;
  while (t->wait && !t->ready) {
    size_t used = strlen(buf);
    if (used + 8 >= size) return;
    used += (size_t)snprintf(buf + used, size - used, " > ");
    np_future *f = t->own.u.watch.future;
    if (t->wait->cls != &await_class || !f || !f->is_task) {
      if (t->wait->cls == &await_class)
        snprintf(buf + used, size - used, "future");
      else
        np_task_describe(t, buf + used, size - used);
      return;
    }
    t = (np_task *)f;
    np_task_label(t, buf + used, size - used);
    if (t == first || t == waiter) return;
  }
}

static void await_describe(np_wait *w, char *buf, size_t size) {
  np_future *f = await_task(w)->own.u.watch.future;
  if (!f || !f->is_task) {
    snprintf(buf, size, "future");
    return;
  }
  np_task_label((np_task *)f, buf, size);
  if ((np_task *)f != await_task(w))
    follow(await_task(w), (np_task *)f, buf, size);
}

static bool await_cancel(np_wait *w) {
  np_task *t = await_task(w);
  if (!t->own_flag) return np_watch_flow(&t->own.u.watch);
  np_watch_stop(&t->own.u.watch);
  return true;
}

static void await_drop(np_wait *w) {
  np_watch_stop(&await_task(w)->own.u.watch);
}

static int await_finish(lua_State *L, np_wait *w) {
  np_task *t = await_task(w);
  if (!t->cancel_sent) return np_future_results(L, 1);
  np_future *f = lua_touserdata(L, 1);
  np_future_watch_failure(L, 1);
  return np_scope_raise(L, np_future_host(f), t);
}

static const np_wait_class await_class = {
    "future", await_describe, await_cancel, await_finish, await_drop};

static bool await_fire(np_watch *w, int event) {
  if (event == NP_ENDED)
    np_wake(&np_container_of(w, np_task, own.u.watch)->own.wait);
  return true;
}

/* Waits for the future at index 1 of the stack. */
static int await_future(lua_State *L, np_host *h, np_future *f, bool shielded) {
  np_checkwait(L, h);
  np_task *t = h->current;
  if (f == &t->future)
    return np_raise(L, "INVALID_STATE", "a task cannot await itself");
  if (f->state == NP_SUCCEEDED && f->nresults == 0) return 0;
  if (f->state != NP_PENDING) return np_future_results(L, 1);
  t->own_flag = shielded;
  np_watch_start(&t->own.u.watch, f, await_fire);
  return np_park(L, h, &t->own.wait, &await_class);
}

static int returns_all(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L);
}

static int await(lua_State *L) {
  np_host *h = np_gethost(L);
  np_future *f = np_tofuture(L, h, 1);
  if (f) return await_future(L, h, f, false);
  if (lua_isnone(L, 1) || !luaL_getmetafield(L, 1, "__await"))
    return np_typeerror(L, 1, "awaitable");
  lua_insert(L, 1);
  lua_settop(L, 2); /* [__await, x] */
  np_checkwait(L, h);
  lua_callk(L, 1, LUA_MULTRET, 0, returns_all);
  return lua_gettop(L);
}

/* core.await_shielded(future) */
static int await_shielded(lua_State *L) {
  return await_future(L, np_gethost(L), np_checkfuture(L, 1), true);
}

/* ---- the class --------------------------------------------------------- */

np_future *np_tofuture(lua_State *L, np_host *h, int idx) {
  np_future *f = lua_touserdata(L, idx);
  if (!f || lua_rawlen(L, idx) < sizeof *f) return NULL;
  return f->tag == np_future_tag(h) ? f : NULL;
}

np_future *np_checkfuture(lua_State *L, int arg) {
  np_future *f = np_tofuture(L, np_gethost(L), arg);
  if (!f) np_typeerror(L, arg, "Future");
  return f;
}

np_future *np_checkself_future(lua_State *L) {
  np_future *f = np_tofuture(L, np_gethost(L), 1);
  return f ? f : np_checkself(L);
}

void np_future_extra(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (lua_getiuservalue(L, idx, NP_UV_EXTRA) == LUA_TTABLE) return;
  np_future *f = lua_touserdata(L, idx);
  lua_pop(L, 1);
  lua_createtable(L, f->is_task ? NP_EX_LOCALS : NP_EX_CALLS, 0);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, idx, NP_UV_EXTRA);
}

void np_future_pushcalls(lua_State *L, int idx) {
  np_future_extra(L, idx);
  lua_rawgeti(L, -1, NP_EX_CALLS);
  lua_remove(L, -2);
}

void np_future_setcalls(lua_State *L, int idx) {
  np_future_extra(L, idx);
  lua_insert(L, -2);
  lua_rawseti(L, -2, NP_EX_CALLS);
  lua_pop(L, 1);
}

np_future *np_future_new(lua_State *L, np_host *h) {
  np_future *f = lua_newuserdatauv(L, sizeof *f, NP_UV_EXTRA);
  *f = (np_future){.tag = np_future_tag(h)};
  np_pushslot(L, h, NP_SLOT_FUTURE_MT);
  lua_setmetatable(L, -2);
  return f;
}

static int future_new(lua_State *L) {
  np_future_new(L, np_gethost(L));
  return 1;
}

static int future_await(lua_State *L) {
  np_host *h = np_gethost(L);
  np_future *f = np_tofuture(L, h, 1);
  return await_future(L, h, f ? f : np_checkself(L), false);
}

/* Raises unless the future may be given an end from outside. */
static void check_open(lua_State *L, np_future *f) {
  if (f->is_task) np_raise(L, "INVALID_STATE", "a task's result cannot be set");
  if (f->state != NP_PENDING)
    np_raise(L, "INVALID_STATE", "the future has ended already");
}

static int future_set_result(lua_State *L) {
  np_future *f = np_checkself_future(L);
  check_open(L, f);
  np_future_succeed(L, 1, lua_gettop(L) - 1);
  return 0;
}

static int future_set_error(lua_State *L) {
  np_future *f = np_checkself_future(L);
  if (lua_isnoneornil(L, 2)) return np_typeerror(L, 2, "error");
  check_open(L, f);
  lua_settop(L, 2);
  np_future_fail(L, 1);
  return 0;
}

static int future_cancel(lua_State *L) {
  np_future *f = np_checkself_future(L);
  bool message = !lua_isnoneornil(L, 2);
  if (message) np_checkstring(L, 2, NULL);
  lua_settop(L, 2);
  if (f->state != NP_PENDING) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (f->is_task) {
    if (message) {
      np_future_extra(L, 1);
      lua_pushvalue(L, 2);
      lua_rawseti(L, -2, NP_EX_MESSAGE);
    }
    np_task_cancel(np_future_host(f), (np_task *)f);
  } else {
    np_pusherror(L, "CANCELLED", "future was cancelled");
    if (message) {
      lua_pushvalue(L, 2);
      lua_setfield(L, -2, "message");
    }
    np_future_fail(L, 1);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int future_done(lua_State *L) {
  lua_pushboolean(L, np_checkself_future(L)->state != NP_PENDING);
  return 1;
}

static int future_cancelled(lua_State *L) {
  lua_pushboolean(L, np_checkself_future(L)->state == NP_CANCELLED);
  return 1;
}

static void check_ended(lua_State *L, np_future *f) {
  if (f->state == NP_PENDING)
    np_raise(L, "INVALID_STATE", "the future has not ended yet");
}

static int future_result(lua_State *L) {
  check_ended(L, np_checkself_future(L));
  return np_future_results(L, 1);
}

static int future_error(lua_State *L) {
  np_future *f = np_checkself_future(L);
  check_ended(L, f);
  if (f->state == NP_CANCELLED) return np_future_results(L, 1);
  lua_pushnil(L);
  if (f->state == NP_SUCCEEDED) return 1;
  np_future_retrieved(L, 1);
  lua_getiuservalue(L, 1, NP_UV_VALUE);
  return 1;
}

static int future__tostring(lua_State *L) {
  static const char *const text[] = {"pending", "done", "failed", "cancelled"};
  lua_pushfstring(L, "Future: %s", text[np_checkself_future(L)->state]);
  return 1;
}

static const luaL_Reg future_methods[] = {
    {"await", future_await},
    {"set_result", future_set_result},
    {"set_error", future_set_error},
    {"cancel", future_cancel},
    {"done", future_done},
    {"cancelled", future_cancelled},
    {"result", future_result},
    {"error", future_error},
    {"add_done_callback", np_done_add},
    {"remove_done_callback", np_done_remove},
    {NULL, NULL},
};

static const luaL_Reg future_meta[] = {{"__tostring", future__tostring},
                                       {NULL, NULL}};

static const np_class future_class = {"Future", future_methods, future_meta};

static int is_future(lua_State *L) {
  lua_pushboolean(L, np_tofuture(L, np_gethost(L), 1) != NULL);
  return 1;
}

static int is_task(lua_State *L) {
  np_future *f = np_tofuture(L, np_gethost(L), 1);
  lua_pushboolean(L, f && f->is_task);
  return 1;
}

static int is_awaitable(lua_State *L) {
  lua_settop(L, 1);
  lua_pushboolean(L, np_tofuture(L, np_gethost(L), 1) ||
                         luaL_getmetafield(L, 1, "__await"));
  return 1;
}

static const luaL_Reg funcs[] = {
    {"future", future_new},
    {"await", await},
    {"await_shielded", await_shielded},
    {"is_future", is_future},
    {"is_task", is_task},
    {"is_awaitable", is_awaitable},
    {NULL, NULL},
};

void np_future_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &future_class);
  np_class_push(L, &future_class);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_FUTURE_MT);
}
