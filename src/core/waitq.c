/*
 * waitq.c: the FIFO of parked tasks that every primitive written in Lua is
 * built on. park(what, ticket) parks the running task; wake(value) makes the
 * first one ready and gives it the value as park's result: what is handed over
 * lies on the woken task's own stack, so nobody can take it and nothing is
 * allocated. A task that was cancelled is not in the queue any more.
 */
#include "core/waitq.h"

#include <lauxlib.h>
#include <stdio.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"

/* The stack of a parked task. */
enum { SELF = 1, WHAT, TICKET, PARKED_TOP = TICKET };

static np_task *task_of(np_wait *w) {
  return np_container_of(w, np_task, own.wait);
}

static np_waitq *queue_of(np_task *t) { return lua_touserdata(t->leaf, SELF); }

static void waitq_describe(np_wait *w, char *buf, size_t size) {
  const char *what = lua_tostring(task_of(w)->leaf, WHAT);
  snprintf(buf, size, "%s", what ? what : "wait queue");
}

void np_waitq_leave(np_waitq *q, np_task *t) {
  np_list_remove(&t->own.u.queue);
  q->count--;
}

bool np_waitq_cancel(np_wait *w) {
  np_task *t = task_of(w);
  if (t->own_flag) return false; /* always */
  np_waitq_leave(queue_of(t), t);
  return true;
}

void np_waitq_drop(np_wait *w) {
  np_task *t = task_of(w);
  np_waitq_leave(queue_of(t), t);
}

/* wake has put the value in the place of self. */
static int waitq_finish(lua_State *L, np_wait *w) {
  (void)w;
  lua_settop(L, SELF);
  return 1;
}

static const np_wait_class waitq_class = {
    "wait queue", waitq_describe, np_waitq_cancel, waitq_finish, np_waitq_drop};

void np_waitq_init(np_waitq *q) {
  np_list_init(&q->tasks);
  q->count = 0;
}

int np_waitq_park(lua_State *L, np_host *h, np_waitq *q,
                  const np_wait_class *cls, bool always) {
  np_task *t = h->current;
  t->own_flag = always;
  np_list_append(&q->tasks, &t->own.u.queue);
  q->count++;
  return np_park(L, h, &t->own.wait, cls);
}

np_task *np_waitq_wake(np_waitq *q) {
  np_link *l = np_list_first(&q->tasks);
  if (!l) return NULL;
  np_task *t = np_container_of(l, np_task, own.u.queue);
  np_waitq_leave(q, t);
  np_wake(&t->own.wait);
  return t;
}

static int park(lua_State *L, bool always) {
  np_host *h = np_gethost(L);
  np_waitq *q = np_checkself(L);
  if (always)
    np_checkyield(L, h);
  else
    np_checkwait(L, h);
  lua_settop(L, PARKED_TOP);
  return np_waitq_park(L, h, q, &waitq_class, always);
}

static int waitq_park(lua_State *L) { return park(L, false); }

/* The same, held until it is woken: a cancellation waits. */
static int waitq_park_always(lua_State *L) { return park(L, true); }

/* wake([value]) -> true, ticket | false when nobody waits */
static int waitq_wake(lua_State *L) {
  np_waitq *q = np_checkself(L);
  np_task *t = np_waitq_wake(q);
  if (!t) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_State *co = t->leaf;
  lua_settop(L, 2);
  lua_xmove(L, co, 1);
  lua_replace(co, SELF);
  lua_pushboolean(L, 1);
  lua_pushvalue(co, TICKET);
  lua_xmove(co, L, 1);
  return 2;
}

static int waitq_count(lua_State *L) {
  np_waitq *q = np_checkself(L);
  lua_pushinteger(L, q->count);
  return 1;
}

static const luaL_Reg methods[] = {{"park", waitq_park},
                                   {"park_always", waitq_park_always},
                                   {"wake", waitq_wake},
                                   {"count", waitq_count},
                                   {NULL, NULL}};
static const np_class waitq_class_ = {"WaitQueue", methods, NULL};

np_waitq *np_waitq_check(lua_State *L, int arg) {
  return np_checkclass(L, arg, &waitq_class_);
}

static int waitq_new(lua_State *L) {
  np_waitq *q = lua_newuserdatauv(L, sizeof *q, 0);
  np_waitq_init(q);
  np_class_set(L, &waitq_class_);
  return 1;
}

/* core.settle(value): value, after a turn of the others if this task has had
 * 64 calls in a row that did not have to wait. */
static int settle_finish(lua_State *L, np_wait *w) {
  (void)w;
  return lua_gettop(L);
}

static bool settle_cancel(np_wait *w) {
  (void)w;
  return false;
}

static const np_wait_class settle_class = {
    .name = "a turn", .cancel = settle_cancel, .finish = settle_finish};

static int true_finish(lua_State *L, np_wait *w) {
  (void)w;
  lua_pushboolean(L, true);
  return 1;
}

static const np_wait_class true_class = {
    .name = "a turn", .cancel = settle_cancel, .finish = true_finish};

int np_settle_true(lua_State *L, np_host *h) {
  return np_settle(L, h, &h->current->own.wait, &true_class);
}

static int settle(lua_State *L) {
  np_host *h = np_gethost(L);
  return np_settle(L, h, &np_checkyield(L, h)->own.wait, &settle_class);
}

/* core.checkturn(): checkwait, and after 64 calls in a row that need not have
 * waited a turn of the others. */
static int checkturn(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checkwait(L, h);
  return np_settle(L, h, &h->current->own.wait, &settle_class);
}

static const luaL_Reg funcs[] = {{"checkturn", checkturn},
                                 {"waitq", waitq_new},
                                 {"settle", settle},
                                 {NULL, NULL}};

void np_waitq_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &waitq_class_);
}
