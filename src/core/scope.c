/*
 * scope.c: cancellation, deadlines, shield: the one place that interrupts.
 *
 * Each coroutine has a stack of the scopes that it entered (np_coro.top and
 * those that `parent` leads to and that have the same np_coro). While a
 * coroutine is on a task's running chain, its outermost scope's parent is the
 * innermost scope of its resumer, so that task->scope and the parents give all
 * that is in force, innermost first. A suspended generator's scopes stay with
 * it.
 *
 * A scope that a C function entered is a userdata in that function's frame,
 * to be closed: it ends when the frame does, when the coroutine is closed
 * (__close) and when the coroutine is collected (__gc). One that was closed is
 * kept for the next timeout: finalizers are the dearest part of a userdata.
 */
#include "core/scope.h"

#include <lauxlib.h>
#include <math.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"

/* ---- in force ---------------------------------------------------------- */

static bool is_outermost(const np_scope *s) {
  return !s->parent || s->parent->coro != s->coro;
}

/* The outermost scope of a coroutine that has some. */
static np_scope *outermost(const np_coro *c) {
  np_scope *s = c->top;
  while (!is_outermost(s)) s = s->parent;
  return s;
}

void np_coro_enter(np_host *h, np_coro *c) {
  np_task *t = h->current;
  c->task = t;
  if (!c->top) return;
  outermost(c)->parent = t->scope;
  t->scope = c->top;
}

void np_coro_leave(np_host *h, np_coro *c) {
  np_task *t = h->current;
  c->task = NULL;
  if (!c->top) return;
  np_scope *last = outermost(c);
  t->scope = last->parent;
  last->parent = NULL;
}

/* [.. ] -> [.. record]  The record of L, made when it has none. */
static np_coro *get_record(lua_State *L, np_host *h) {
  np_coro *c = np_getcoro(h, L);
  if (c && c->base) {
    np_task_push(L, h, c->task);
    return c;
  }
  np_pushslot(L, h, NP_SLOT_CORO);
  lua_pushthread(L);
  if (c) {
    lua_rawget(L, -2);
  } else {
    c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (np_coro){.task = h->current};
    lua_insert(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4); /* weak[L] = record */
    *np_corospace(L) = c;
  }
  lua_remove(L, -2);
  return c;
}

void np_scope_enter(lua_State *L, np_host *h, np_scope *s) {
  np_task *t = h->current;
  np_coro *c = get_record(L, h);
  lua_setiuservalue(L, -2, 1);
  s->parent = t->scope;
  s->coro = c;
  c->top = s;
  t->scope = s;
}

static void stop_deadline(np_host *h, np_scope *s) {
  if (s->timed) np_timer_stop(h, &((np_deadline_scope *)s)->timer);
}

void np_scope_exit(np_host *h, np_scope *s) {
  np_coro *c = s->coro;
  if (!c) return;
  stop_deadline(h, s);
  np_scope *inner = NULL; /* entered by the same coroutine within s */
  if (c->top == s) {
    c->top = is_outermost(s) ? NULL : s->parent;
  } else {
    for (inner = c->top; inner->parent != s;) inner = inner->parent;
  }
  if (c->task) {
    np_scope **p = &c->task->scope;
    while (*p && *p != s) p = &(*p)->parent;
    if (*p) *p = s->parent;
  } else if (inner) {
    inner->parent = s->parent;
  }
  s->coro = NULL;
  s->parent = NULL;
}

static bool deadline_passed(np_host *h, np_scope *s) {
  return s->timed && ((np_deadline_scope *)s)->timer.when <= np_now(h);
}

np_scope *np_scope_cause(np_host *h, np_task *t) {
  np_scope *cause = NULL;
  for (np_scope *s = t->scope; s; s = s->parent) {
    if (!s->cancelled && deadline_passed(h, s)) s->cancelled = true;
    if (s->cancelled) cause = s;
    if (s->shield) break;
  }
  return cause;
}

/* ---- interrupting ------------------------------------------------------ */

/* Undoes the wait of t if it is parked in a cancelled scope. */
static void interrupt_one(np_host *h, np_task *t) {
  np_wait *w = t->wait;
  if (!w || w->task != t) return;
  if (!np_scope_cause(h, t)) return;
  t->cancel_sent = true;
  if (!w->cls->cancel(w)) return;
  w->task = NP_WOKEN;
  t->interrupted = true;
  np_ready(h, t);
}

/*
 * A pass: t, then the tasks that np_watch_flow adds while waits are undone.
 * They are linked through next_ready, which a parked task does not use, so a
 * chain of any length takes no C stack. cancel_pass tells who was reached: it
 * is the number of the pass, an even one, or that and 1 for who was reached
 * again. What waits for such a task is undone where it can be. The block of a
 * group cannot, and asks its children again: so who waits for the block in turn
 * is undone, and none of them waits for ever. Nobody is asked a third time.
 */
void np_interrupt(np_host *h, np_task *t) {
  if (!h->passing) h->cancel_pass += 2;
  bool again = np_inpass(h, t);
  if (t->in_pass || t->cancel_pass == h->cancel_pass + 1) return;
  t->cancel_pass = h->cancel_pass + again;
  if (!t->wait || t->wait->task != t) return;
  t->in_pass = true;
  t->next_ready = NULL;
  if (h->pass_head)
    h->pass_tail->next_ready = t;
  else
    h->pass_head = t;
  h->pass_tail = t;
  if (!h->passing) np_pass_end(h);
}

bool np_inpass(const np_host *h, const np_task *t) {
  return h->passing && (t->cancel_pass | 1) == (h->cancel_pass | 1);
}

void np_pass_begin(np_host *h, np_task *t) {
  h->cancel_pass += 2;
  if (t) t->cancel_pass = h->cancel_pass;
  h->passing = true;
}

void np_pass_end(np_host *h) {
  np_task *t;
  h->passing = true;
  while ((t = h->pass_head) != NULL) {
    h->pass_head = t->next_ready;
    t->in_pass = false;
    interrupt_one(h, t);
  }
  h->passing = false;
}

void np_scope_cancel(np_host *h, np_scope *s) {
  s->cancelled = true;
  if (s->coro && s->coro->task) np_interrupt(h, s->coro->task);
}

bool np_task_cancel(np_host *h, np_task *t) {
  if (t->future.state != NP_PENDING) return false;
  t->root.cancelled = true;
  np_interrupt(h, t);
  return true;
}

/* ---- the error --------------------------------------------------------- */

/* [.. err] -> [.. err]  Its message is that of task:cancel(message), which
 * may hold any bytes. */
static void set_message(lua_State *L, np_host *h, np_task *t) {
  np_task_push(L, h, t);
  if (lua_getiuservalue(L, -1, NP_UV_EXTRA) == LUA_TTABLE) {
    if (lua_rawgeti(L, -1, NP_EX_MESSAGE) == LUA_TSTRING)
      lua_setfield(L, -4, "message");
    else
      lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

void np_scope_pusherror(lua_State *L, np_host *h, np_task *t, np_scope *s) {
  luaL_checkstack(L, 8, NULL);
  if (s->id == 0) {
    np_pusherror(L, "CANCELLED", "task was cancelled");
    set_message(L, h, t);
    return;
  }
  np_pusherror(
      L, "CANCELLED", "%s",
      s->timed ? "the deadline has passed" : "the group was cancelled");
  np_pushslot(L, h, NP_SLOT_ORIGIN);
  lua_pushvalue(L, -2);
  lua_pushinteger(L, (lua_Integer)s->id);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

int np_scope_raise(lua_State *L, np_host *h, np_task *t) {
  np_scope *s = np_scope_cause(h, t);
  if (!s) s = &t->root;
  s->raised = true;
  np_scope_pusherror(L, h, t, s);
  return lua_error(L);
}

bool np_scope_owns_error(lua_State *L, np_host *h, const np_scope *s, int idx) {
  idx = lua_absindex(L, idx);
  np_pushslot(L, h, NP_SLOT_ORIGIN);
  lua_pushvalue(L, idx);
  bool owns = !lua_isnil(L, -1) && lua_rawget(L, -2) == LUA_TNUMBER &&
              (uint64_t)lua_tointeger(L, -1) == s->id;
  lua_pop(L, 2);
  return owns;
}

/* ---- scopes of C functions --------------------------------------------- */

/* How many that were left are kept, each holding the next one. */
enum { IDLE_MAX = 64 };

static void on_deadline(np_timer *timer) {
  np_deadline_scope *s = np_container_of(timer, np_deadline_scope, timer);
  np_scope_cancel(s->host, &s->scope);
}

static int scope__gc(lua_State *L) {
  np_deadline_scope *s = np_checkself(L);
  np_scope_exit(s->host, &s->scope);
  return 0;
}

static int scope__close(lua_State *L) {
  np_deadline_scope *s = np_checkself(L);
  np_host *h = s->host;
  np_scope_exit(h, &s->scope);
  if (s->idle || h->closed || h->nscopes == IDLE_MAX) return 0;
  s->idle = true;
  h->nscopes++;
  lua_settop(L, 1);
  np_pushslot(L, h, NP_SLOT_SCOPES);
  lua_setiuservalue(L, 1, 1); /* in the place of the record */
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_SCOPES);
  return 0;
}

static const luaL_Reg scope_meta[] = {
    {"__close", scope__close}, {"__gc", scope__gc}, {NULL, NULL}};

static const np_class scope_class = {"Scope", NULL, scope_meta};

/* [..] -> [.. scope]  An idle one, or else a new one, whose fields the caller
 * sets. */
static np_deadline_scope *take_scope(lua_State *L, np_host *h) {
  np_deadline_scope *s;
  if (h->nscopes == 0) {
    s = lua_newuserdatauv(L, sizeof *s, 1);
    s->scope.coro = NULL;
    np_pushslot(L, h, NP_SLOT_SCOPE_MT);
    lua_setmetatable(L, -2);
    return s;
  }
  h->nscopes--;
  np_pushslot(L, h, NP_SLOT_SCOPES);
  s = lua_touserdata(L, -1);
  lua_getiuservalue(L, -1, 1);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_SCOPES);
  return s;
}

/* [first, fn, args ..] -> [scope, msgh, fn, args ..] with the scope entered
 * and to be closed, ready for lua_pcallk with msgh at 2. */
static np_deadline_scope *enter_scope(lua_State *L, np_host *h) {
  luaL_checkstack(L, 8, NULL);
  np_deadline_scope *s = take_scope(L, h);
  *s = (np_deadline_scope){.scope.id = ++h->next_scope, .host = h};
  s->timer.fire = on_deadline;
  s->timer.when = NP_FOREVER;
  np_scope_enter(L, h, &s->scope);
  lua_replace(L, 1);
  lua_toclose(L, 1);
  np_pushslot(L, h, NP_SLOT_MSGH);
  lua_insert(L, 2);
  return s;
}

/* After the function: [scope, msgh, results .. | error]. */
static int timeout_k(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  np_host *h = np_gethost(L);
  np_deadline_scope *s = lua_touserdata(L, 1);
  np_scope_exit(h, &s->scope);
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 2;
  if (np_scope_owns_error(L, h, &s->scope, -1))
    return np_raise(L, "TIMEOUT", "the deadline has passed");
  return lua_error(L);
}

int np_scope_timeout(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Number seconds = np_checknumber(L, 1);
  np_checkfunction(L, 2);
  np_checktask(L, h);
  np_deadline_scope *s = enter_scope(L, h);
  uint64_t when = np_deadline(h, seconds);
  s->scope.timed = true;
  s->timer.when = when;
  int err = when != NP_FOREVER ? np_timer_start_asked(h, &s->timer, when) : 0;
  if (err < 0) return np_timer_refused(L, err);
  int status = lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 2, 0, timeout_k);
  return timeout_k(L, status, 0);
}

int np_scope_shield(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checkfunction(L, 1);
  np_checktask(L, h);
  lua_pushnil(L);
  lua_insert(L, 1);
  enter_scope(L, h)->scope.shield = true;
  int status = lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 2, 0, timeout_k);
  return timeout_k(L, status, 0);
}

void np_scope_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &scope_class);
  np_class_push(L, &scope_class);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_SCOPE_MT);
}
