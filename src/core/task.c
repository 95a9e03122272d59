/*
 * task.c: the life of a task: spawned, resumed, parked, woken, ended.
 *
 * A task is one userdata. While it lives, the table NP_SLOT_LIVE holds it; its
 * Lua thread lies in NP_SLOT_THREADS, comes from a pool when the task first
 * runs, and goes back when it ends. C enters Lua in np_task_resume and nowhere
 * else. Functions here that run outside Lua (resume, end) do what may fail for
 * want of memory inside a protected call.
 */
#include "core/task.h"

#include <lauxlib.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/anchor.h"
#include "core/coro.h"
#include "core/debug.h"
#include "core/loop.h"
#include "core/trace.h"

enum { FEW_ARGS = 8 }; /* for which a C function's stack has room anyway */

/* ---- spawning ---------------------------------------------------------- */

/* The new task sees the values of task_local that its maker sees. */
static void inherit_locals(lua_State *L, np_host *h, np_task *t) {
  np_task_push(L, h, h->current);
  np_future_extra(L, -1);
  lua_rawgeti(L, -1, NP_EX_LOCALS);
  np_future_extra(L, -4); /* [task, parent, its extra, locals, extra] */
  lua_insert(L, -2);
  lua_rawseti(L, -2, NP_EX_LOCALS);
  lua_pop(L, 3);
  t->has_locals = true;
}

/* [.. ] -> [.. base function, message handler] from the thread's bottom. */
static void push_base(lua_State *co) {
  lua_pushvalue(co, 1);
  lua_pushvalue(co, 2);
}

/* Where the body and its arguments wait for the first run: on the thread if
 * the pool has one, else in user values. [fn args .. task] -> the same. */
static void keep_body(lua_State *L, np_task *t, int fn) {
  for (int i = 0; i <= t->nargs; i++) {
    lua_pushvalue(L, fn + i);
    if (t->co)
      lua_xmove(L, t->co, 1);
    else
      lua_setiuservalue(L, -2, i == 0 ? NP_UV_VALUE : NP_UV_ARGS + i - 1);
  }
}

np_task *np_task_new(lua_State *L, np_host *h, int nargs, int kind,
                     size_t extra) {
  int fn = lua_gettop(L) - nargs;
  bool eager = h->npool > h->nvacant && nargs <= FEW_ARGS;
  if (h->ending) np_raise(L, "INVALID_STATE", "the host is closing");
  if (h->limited && h->current && kind != NP_TASK_REPORT)
    np_limits_checkspawn(L, h);
  if (nargs > UINT16_MAX) luaL_error(L, "too many arguments to spawn");
  if (nargs > FEW_ARGS) luaL_checkstack(L, LUA_MINSTACK, NULL);
  np_task *t = lua_newuserdatauv(L, sizeof *t + extra, NP_UV_ARGS - 1 + nargs);
  memset(t, 0, sizeof *t + extra);
  t->future.tag = np_future_tag(h);
  t->future.is_task = true;
  t->scope = &t->root;
  t->root.coro = &t->base;
  t->base.base = true;
  t->base.top = &t->root;
  t->base.task = t;
  t->kind = (uint8_t)kind & 7;
  t->nargs = (uint16_t)nargs;
  np_pushslot(L, h, NP_SLOT_TASK_MT);
  lua_setmetatable(L, -2);
  if (h->current && h->current->has_locals) inherit_locals(L, h, t);
  if (h->debug) np_trace_spawned(L, -1);
  if (h->tracing) np_task_note_origin(L, h);
  t->slot = np_take_slot(L, h);
  lua_pushvalue(L, -1);
  lua_xmove(L, h->slots, 1);
  lua_rawseti(h->slots, NP_SLOT_LIVE, t->slot); /* an existing entry */
  if (eager && h->npool > 0) np_take_thread(h, t);
  if (t->co) push_base(t->co);
  keep_body(L, t, fn);
  t->order = ++h->next_order;
  t->number = np_task_isplain(t) ? ++h->next_task : ++h->next_callback;
  return t;
}

void np_task_begin(np_host *h, np_task *t) {
  t->begun = true;
  h->ntasks++;
  np_ready(h, t);
}

np_task *np_spawn_sized(lua_State *L, np_host *h, int nargs, int kind,
                        size_t extra) {
  if (h->limited && kind != NP_TASK_REPORT) np_limits_checkcount(L, h);
  np_task *t = np_task_new(L, h, nargs, kind, extra);
  np_task_begin(h, t);
  return t;
}

np_task *np_spawn(lua_State *L, np_host *h, int nargs, int kind) {
  return np_spawn_sized(L, h, nargs, kind, 0);
}

void np_task_discard(np_host *h, np_task *t) {
  if (t->slot == 0) return;
  if (t->co) np_give_thread(h, t);
  np_drop_slot(h, t->slot);
  t->slot = 0;
}

void np_task_push(lua_State *L, np_host *h, np_task *t) {
  lua_rawgeti(h->slots, NP_SLOT_LIVE, t->slot);
  lua_xmove(h->slots, L, 1);
}

void np_task_unpin(np_host *h, np_task *t) {
  t->pinned = false;
  if (t->future.state != NP_PENDING) np_task_discard(h, t);
}

/* ---- ending ------------------------------------------------------------ */

static void count_out(np_host *h, np_task *t) {
  h->ntasks--;
  if (t->daemon) h->ndaemons--;
  if (t == h->main) {
    h->main_done = true;
    h->main_failed = t->future.state != NP_SUCCEEDED;
  }
  np_loop_recheck(h);
}

/* Puts the results or the error (n values on top of the stack) into the
 * task's future, and reports the failure of a callback. */
static int end_slow(lua_State *L) {
  np_task *t = lua_touserdata(L, 1);
  np_host *h = np_task_host(t);
  int n = lua_gettop(L) - 2; /* [t, task, values ..] */
  if (!t->failed) {
    np_future_succeed(L, 2, n);
    return 0;
  }
  const char *code = np_errcode(L, -1);
  if (t->kind == NP_TASK_PLAIN || (code && strcmp(code, "CANCELLED") == 0)) {
    np_future_fail(L, 2);
    return 0;
  }
  lua_createtable(L, 0, 6);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "error");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "task");
  np_task_name(L, 2);
  lua_pushfstring(L, "%s failed", lua_tostring(L, -1));
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
  np_future_extra(L, 2);
  lua_rawgeti(L, -1, NP_EX_TRACE);
  lua_setfield(L, -3, "traceback");
  lua_pop(L, 1);
  lua_pushboolean(L, t->kind == NP_TASK_HANDLER || t->kind == NP_TASK_GUEST);
  lua_setfield(L, -2, "handler");
  if (t->kind == NP_TASK_REPORT) {
    np_future_extra(L, 2);
    lua_rawgeti(L, -1, NP_EX_CONTEXT);
    lua_setfield(L, -3, "context");
    lua_pop(L, 1);
    np_report_broken(L, h);
  } else {
    np_report(L, h);
  }
  t->future.retrieved = true;
  np_future_fail(L, 2);
  return 0;
}

/* The n values on top of `from` are the task's end. */
static void task_end(np_host *h, np_task *t, lua_State *from, int n) {
  lua_State *S = h->slots;
  np_future *f = &t->future;
  if (!t->failed && n == 1 && !f->has_calls) {
    lua_rawgeti(S, NP_SLOT_LIVE, t->slot);
    lua_xmove(from, S, 1);
    lua_setiuservalue(S, -2, NP_UV_VALUE);
    lua_pop(S, 1);
    np_future_end(f, NP_SUCCEEDED, 1);
  } else if (!t->failed && n == 0 && !f->has_calls) {
    np_future_end(f, NP_SUCCEEDED, 0);
  } else {
    S = h->scratch;
    if (!lua_checkstack(S, n + 8)) n = 0; /* no memory for so many results */
    lua_xmove(from, S, n);
    lua_pushcfunction(S, end_slow);
    lua_pushlightuserdata(S, t);
    np_task_push(S, h, t);
    lua_rotate(S, -(n + 3), 3);
    if (lua_pcall(S, n + 2, 0, 0) != LUA_OK) {
      np_task_push(S, h, t); /* "not enough memory" */
      lua_insert(S, -2);
      if (f->state == NP_PENDING) {
        lua_setiuservalue(S, -2, NP_UV_VALUE);
        f->has_calls = false; /* no memory for them either */
        np_future_end(f, NP_FAILED, 1);
      } else {
        lua_pop(S, 1);
      }
      lua_pop(S, 1);
    }
  }
  if (t->kind == NP_TASK_GUEST) h->on_guest_end(t);
  if (t->co) np_give_thread(h, t); /* also where it is pinned */
  if (!t->pinned) np_task_discard(h, t);
  count_out(h, t);
}

/* ---- running ----------------------------------------------------------- */

/* What to do with the results of the body, or its error: [msgh, values ..] */
static int main_k(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  np_gethost(L)->current->failed = status != LUA_OK && status != LUA_YIELD;
  return lua_gettop(L) - 1;
}

/* [msgh, body, args ..] The base of each task: its body runs under lua_pcallk,
 * so that the <close> handlers of a failing task run inside it, and may
 * wait. */
static int task_main(lua_State *L) {
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, main_k);
  return main_k(L, status, 0);
}

/* Puts the base function, the body and its arguments on the new thread. False
 * when memory ran out. */
static bool fill_thread(np_host *h, np_task *t) {
  lua_State *S = h->slots, *co = t->co;
  int n = t->nargs;
  if (!lua_checkstack(co, n + 4)) return false;
  push_base(co);
  lua_rawgeti(S, NP_SLOT_LIVE, t->slot);
  for (int i = 0; i <= n; i++) {
    int uv = i == 0 ? NP_UV_VALUE : NP_UV_ARGS + i - 1;
    lua_getiuservalue(S, -1, uv);
    lua_xmove(S, co, 1);
    lua_pushnil(S);
    lua_setiuservalue(S, -2, uv);
  }
  lua_pop(S, 1);
  return true;
}

int np_task_cancelled_error(lua_State *L) {
  np_task *t = lua_touserdata(L, 1);
  np_scope_pusherror(L, np_task_host(t), t, &t->root);
  return 1;
}

void np_task_end_with(np_host *h, np_task *t, lua_CFunction make) {
  lua_State *S = h->scratch;
  lua_pushcfunction(S, make);
  lua_pushlightuserdata(S, t);
  if (lua_pcall(S, 1, 1, 0) != LUA_OK) t->root.cancelled = false;
  t->failed = true;
  h->guard.verdict = NP_WANT_NOTHING;
  task_end(h, t, S, 1);
}

bool np_task_canrest(lua_State *L, np_host *h) {
  np_task *t = h->current;
  return t && L == t->co && !t->base.exposed && t->scope == &t->root &&
         t->nargs == 1;
}

void np_task_rest(lua_State *L, np_host *h) {
  np_task_push(L, h, h->current);
  lua_insert(L, -3);
  lua_setiuservalue(L, -3, NP_UV_ARGS);
  lua_setiuservalue(L, -2, NP_UV_VALUE);
  lua_pop(L, 1);
}

/* It has parked, and needs nothing of its stack any more. */
static void rest(np_host *h, np_task *t) {
  size_t used = h->pool_memory.used;
  np_reset_thread(h, t);
  t->base.parked = t->started = t->rests = false;
  t->leaf = NULL;
  t->memory -= (int64_t)(used - h->pool_memory.used);
}

/* Ends a task that has no coroutine to take its end from. */
static void end_before_start(np_host *h, np_task *t) {
  if (t->root.cancelled) {
    np_task_end_with(h, t, np_task_cancelled_error);
    return;
  }
  lua_pushliteral(h->scratch, "not enough memory");
  t->failed = true;
  task_end(h, t, h->scratch, 1);
}

/* Makes the task ready for its first lua_resume; false: it ended instead. */
static bool start(np_host *h, np_task *t) {
  bool cancelled = t->root.cancelled;
  if (t->wait) { /* it rested */
    t->wait->task = NULL;
    t->wait = NULL;
    t->interrupted = false;
  }
  if (!cancelled && (t->co || (np_take_thread(h, t) && fill_thread(h, t)))) {
    t->started = true;
    return true;
  }
  end_before_start(h, t);
  return false;
}

/* A slice ended that the guard has a part in; true: it ended the task. */
static bool leave(np_host *h, np_task *t, int status) {
  t->base.parked = status == LUA_YIELD && h->parking;
  if (!np_guard_leave(h, t)) return false;
  np_task_force(h, t, status);
  return true;
}

void np_task_resume(np_host *h, np_task *t) {
  int n = 0, nres = 0;
  if (!t->started) {
    if (!start(h, t)) return;
    n = t->nargs + 2;
  }
  lua_State *co = t->co;
  h->chain_ok = true;
  t->base.parked = false;
  np_task_enter(h, t, co);
  if (h->guard.counting) h->guard.used_last = h->pool_memory.used;
  int status = lua_resume(co, h->L, n, &nres);
  h->current = NULL;
  h->running = NULL;
  if (h->guard.counting && h->pool_memory.used != h->guard.used_last)
    np_limits_account(h, t, status == LUA_YIELD && h->parking);
  if (np_guard_busy(&h->guard) && leave(h, t, status)) return;
  if (status == LUA_YIELD && h->parking) {
    h->parking = false;
    t->base.parked = true;
    if (t->rests) rest(h, t);
    return;
  }
  if (status == LUA_YIELD) { /* a C library yielded to a loop not ours */
    t->base.exposed = true;
    np_closethread(co);
    lua_settop(co, 0);
    lua_pushliteral(co, "attempt to yield from outside a coroutine");
    nres = 1;
    t->failed = true;
  } else if (status != LUA_OK) {
    t->failed = true;
    nres = 1;
  } else {
    nres -= NP_THREAD_BOTTOM; /* what lies at the bottom is no result */
  }
  task_end(h, t, co, nres);
}

/* ---- the one wait ------------------------------------------------------ */

np_task *np_checktask(lua_State *L, np_host *h) {
  if (!h->current) np_raise(L, "INVALID_STATE", "cannot wait outside a task");
  if (L != h->running)
    np_raise(L, "INVALID_STATE",
             "cannot wait in a coroutine that neap did not resume");
  return h->current;
}

np_task *np_checkyield(lua_State *L, np_host *h) {
  if (np_canyield(L, h)) return h->current;
  np_checktask(L, h);
  np_raise(L, "INVALID_STATE",
           "cannot wait here: Lua cannot yield across a C call "
           "(such as a table.sort comparator, a string.gsub callback, __gc)");
  return NULL;
}

static int cancelled_finish(lua_State *L, np_wait *w) {
  (void)w;
  np_host *h = np_gethost(L);
  return np_scope_raise(L, h, h->current);
}

static bool nothing_to_cancel(np_wait *w) {
  (void)w;
  return false; /* it is in the ready queue */
}

static const np_wait_class cancelled_class = {.name = "a turn, being cancelled",
                                              .cancel = nothing_to_cancel,
                                              .finish = cancelled_finish};

void np_checkwait_closely(lua_State *L, np_host *h) {
  np_task *t = np_checkyield(L, h);
  np_scope *cause = np_scope_cause(h, t);
  if (!cause) return;
  if (!cause->raised) np_scope_raise(L, h, t);
  np_park_ready(L, h, &t->own.wait, &cancelled_class); /* does not return */
}

static int park_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  np_task *t = (np_task *)ctx;
  np_wait *w = t->wait;
  t->wait = NULL;
  w->task = NULL;
  if (t->interrupted) {
    t->interrupted = false;
    return np_scope_raise(L, np_task_host(t), t);
  }
  return w->cls->finish(L, w);
}

static inline int park(lua_State *L, np_host *h, np_wait *w,
                       const np_wait_class *cls, np_task *waiter) {
  np_task *t = h->current;
  w->cls = cls;
  w->task = waiter;
  t->wait = w;
  t->leaf = L;
  t->cancel_sent = false;
  t->streak = 0;
  h->parking = true;
  return lua_yieldk(L, 0, (lua_KContext)t, park_k);
}

int np_park(lua_State *L, np_host *h, np_wait *w, const np_wait_class *cls) {
  return park(L, h, w, cls, h->current->ready ? NP_WOKEN : h->current);
}

int np_park_ready(lua_State *L, np_host *h, np_wait *w,
                  const np_wait_class *cls) {
  np_ready(h, h->current);
  return park(L, h, w, cls, NP_WOKEN);
}

int np_settle(lua_State *L, np_host *h, np_wait *w, const np_wait_class *cls) {
  if (np_turn_due(h)) return np_park_ready(L, h, w, cls);
  return cls->finish(L, w);
}

void np_wake(np_wait *w) {
  np_task *t = np_waiter(w);
  if (!t) return;
  w->task = NP_WOKEN;
  np_ready(np_task_host(t), t);
}

void np_task_open(lua_State *L, np_host *h) {
  lua_pushlightuserdata(L, h);
  lua_pushcclosure(L, task_main, 1);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_MAIN);
  lua_pushlightuserdata(L, h);
  lua_pushcclosure(L, np_msgh, 1);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_MSGH);
}
