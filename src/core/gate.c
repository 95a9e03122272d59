/*
 * gate.c: permits that tasks take and give back: what a lock (of one permit)
 * and a semaphore are. A permit that is given back while tasks wait goes to
 * the first of them and is never free in between, so nobody barges in.
 *
 * core.gate(class, kind, value, bound) gives the owner of a gate: a table with
 * that metatable and, as fields, the gate and its two hot functions: found
 * there without a look into the class, and run without a frame of Lua, they
 * cost half of what methods do.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"
#include "core/waitq.h"

typedef struct np_gate {
  np_waitq queue; /* first: see waitq.h */
  np_host *host;
  const void *owner; /* the table whose methods they are; only compared */
  lua_Integer value; /* free permits; tasks wait only while it is 0 */
  lua_Integer bound; /* most that may be free */
  bool is_lock;
} np_gate;

enum { GATE = lua_upvalueindex(2) }; /* of acquire and release */

static void gate_describe(np_wait *w, char *buf, size_t size) {
  np_task *t = np_container_of(w, np_task, own.wait);
  np_gate *g = lua_touserdata(t->leaf, 1);
  snprintf(buf, size, "%s acquire", g->is_lock ? "lock" : "semaphore");
}

/* The permit was handed over. */
static int gate_finish(lua_State *L, np_wait *w) {
  (void)L;
  (void)w;
  return 0;
}

static const np_wait_class gate_class = {
    "permit", gate_describe, np_waitq_cancel, gate_finish, np_waitq_drop};

static np_gate *own_gate(lua_State *L) {
  np_gate *g = lua_touserdata(L, GATE);
  if (lua_topointer(L, 1) != g->owner)
    np_typeerror(L, 1, g->is_lock ? "Lock" : "Semaphore");
  return g;
}

static int take_later(lua_State *L, np_gate *g, bool always) {
  lua_settop(L, 0);
  lua_pushvalue(L, GATE);
  return np_waitq_park(L, g->host, &g->queue, &gate_class, always);
}

/* owner:acquire() waits until a permit is ours. */
static int gate_acquire(lua_State *L) {
  np_gate *g = own_gate(L);
  np_checkwait(L, g->host);
  if (g->value == 0) return take_later(L, g, false);
  g->value--;
  return 0;
}

/* owner:release() hands a permit to the first who waits, or makes it free. */
static int gate_release(lua_State *L) {
  np_gate *g = own_gate(L);
  if (g->value >= g->bound)
    return np_raise(L, "INVALID_STATE",
                    g->is_lock ? "the lock is not held"
                               : "the semaphore was released too often");
  if (g->queue.count == 0 || !np_waitq_wake(&g->queue)) g->value++;
  return 0;
}

/* gate:retake(): acquire, whatever is cancelled meanwhile. */
static int gate_retake(lua_State *L) {
  np_gate *g = np_checkself(L);
  np_checkyield(L, g->host);
  if (g->value == 0) {
    lua_settop(L, 1);
    return np_waitq_park(L, g->host, &g->queue, &gate_class, true);
  }
  g->value--;
  return 0;
}

static int gate_value(lua_State *L) {
  lua_pushinteger(L, ((np_gate *)np_checkself(L))->value);
  return 1;
}

static int gate_waiting(lua_State *L) {
  lua_pushinteger(L, ((np_gate *)np_checkself(L))->queue.count);
  return 1;
}

static const luaL_Reg methods[] = {{"retake", gate_retake},
                                   {"value", gate_value},
                                   {"waiting", gate_waiting},
                                   {NULL, NULL}};
static const np_class gate_class_ = {"Gate", methods, NULL};

static const luaL_Reg hot[] = {
    {"acquire", gate_acquire}, {"release", gate_release}, {NULL, NULL}};

/* gate(class, kind, value, bound) -> owner */
static int gate_new(lua_State *L) {
  np_host *h = np_gethost(L);
  np_gate *g = lua_newuserdatauv(L, sizeof *g, 0);
  *g = (np_gate){
      .host = h,
      .is_lock = strcmp(lua_tostring(L, 2), "lock") == 0,
      .value = lua_tointeger(L, 3),
      .bound = lua_tointeger(L, 4),
  };
  np_waitq_init(&g->queue);
  np_class_set(L, &gate_class_);
  np_pushowner(L, h, 1, 0, hot);
  g->owner = lua_topointer(L, -1);
  return 1;
}

static const luaL_Reg funcs[] = {{"gate", gate_new}, {NULL, NULL}};

void np_gate_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &gate_class_);
}
