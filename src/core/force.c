/*
 * force.c: ending a task that does not end by itself: its wait is dropped and
 * its coroutines are closed, the innermost first. Their <close> handlers run,
 * as a slice of the task of their own, and cannot wait.
 */
#include <lauxlib.h>

#include "core/coro.h"
#include "core/task.h"
#include "core/trace.h"

static void wait_drop(np_task *t) {
  np_wait *w = t->wait;
  t->wait = NULL;
  if (np_waiter(w)) {
    if (w->cls->drop)
      w->cls->drop(w);
    else
      w->cls->cancel(w);
  }
  w->task = NULL;
}

/* Resets the coroutines of a parked task, innermost first. */
static void close_chain(np_host *h, np_task *t) {
  lua_State *chain[256]; /* Lua nests fewer than 200 */
  int n = 0;
  for (lua_State *co = t->co; co && n < 256; n++) {
    chain[n] = co;
    co = co == t->leaf ? NULL : lua_tothread(co, -1);
  }
  while (n-- > 0) {
    np_coro_setparked(h, chain[n], false);
    np_coro_close(h, chain[n]);
  }
}

/* Its <close> handlers run as a slice of the task. */
static void kill_with(np_host *h, np_task *t, lua_CFunction make) {
  np_task *current = h->current;
  lua_State *running = h->running;
  bool chain_ok = h->chain_ok;
  if (t->wait) wait_drop(t);
  np_unready(h, t);
  t->root.cancelled = true;
  if (t->started) {
    h->chain_ok = false;
    t->base.exposed = true; /* its stack is not as the pool wants it */
    np_task_enter(h, t, t->co);
    close_chain(h, t);
    h->current = current;
    h->running = running;
    h->chain_ok = chain_ok;
    if (h->guard.counting) np_limits_account(h, t, false);
    if (np_guard_busy(&h->guard)) np_guard_leave(h, t);
  }
  np_task_end_with(h, t, make);
}

void np_task_kill(np_host *h, np_task *t) {
  if (t == h->current || t->future.state != NP_PENDING) return;
  kill_with(h, t, np_task_cancelled_error);
}

/* In a protected call: [task] notes where a suspended task stands. */
static int note_trace(lua_State *L) {
  np_task *t = lua_touserdata(L, 1);
  np_task_push(L, np_task_host(t), t);
  np_future_extra(L, -1);
  np_trace_task(L, t);
  lua_rawseti(L, -2, NP_EX_TRACE);
  return 0;
}

/* The hook has ended the task, whatever its slice ended with. */
static void keep_trace(np_host *h, np_task *t) {
  lua_pushcfunction(h->scratch, note_trace);
  lua_pushlightuserdata(h->scratch, t);
  if (lua_pcall(h->scratch, 1, 0, 0) != LUA_OK) lua_pop(h->scratch, 1);
}

void np_task_hog(np_host *h, np_task *t) {
  if (t->started) keep_trace(h, t);
  h->guard.verdict = NP_WANT_MEMORY;
  h->guard.where[0] = '\0';
  kill_with(h, t, np_guard_error);
}

void np_task_force(np_host *h, np_task *t, int status) {
  h->parking = false;
  if (status == LUA_YIELD) {
    keep_trace(h, t);
    kill_with(h, t, np_guard_error);
    return;
  }
  t->base.exposed = true;
  np_task_end_with(h, t, np_guard_error);
}
