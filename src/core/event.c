/*
 * event.c: a flag that tasks wait for. Nobody waits while it is set; setting
 * it wakes all who wait, and as waking runs no Lua, none comes meanwhile.
 *
 * core.event(class) gives the owner of an event, with its three hot functions
 * as fields, as gate.c has it.
 */
#include <lauxlib.h>

#include "base/class.h"
#include "core/open.h"
#include "core/task.h"
#include "core/waitq.h"

typedef struct np_event {
  np_waitq queue; /* first: see waitq.h */
  np_host *host;
  const void *owner; /* the table whose methods they are; only compared */
  bool set;
} np_event;

enum { EVENT = lua_upvalueindex(2) }; /* of wait, set and clear */

/* The event was set. */
static int event_finish(lua_State *L, np_wait *w) {
  (void)L;
  (void)w;
  return 0;
}

static const np_wait_class event_class = {"event wait", NULL, np_waitq_cancel,
                                          event_finish, np_waitq_drop};

static np_event *own_event(lua_State *L) {
  np_event *e = lua_touserdata(L, EVENT);
  if (lua_topointer(L, 1) != e->owner) np_typeerror(L, 1, "Event");
  return e;
}

/* owner:wait() waits until the flag is set. */
static int event_wait(lua_State *L) {
  np_event *e = own_event(L);
  np_checkwait(L, e->host);
  if (e->set) return 0;
  lua_settop(L, 0);
  lua_pushvalue(L, EVENT);
  return np_waitq_park(L, e->host, &e->queue, &event_class, false);
}

/* owner:set() wakes all who wait, also if clear follows at once. */
static int event_set(lua_State *L) {
  np_event *e = own_event(L);
  e->set = true;
  while (np_waitq_wake(&e->queue)) {
  }
  return 0;
}

static int event_clear(lua_State *L) {
  own_event(L)->set = false;
  return 0;
}

static int event_is_set(lua_State *L) {
  lua_pushboolean(L, ((np_event *)np_checkself(L))->set);
  return 1;
}

static int event_waiting(lua_State *L) {
  lua_pushinteger(L, ((np_event *)np_checkself(L))->queue.count);
  return 1;
}

static const luaL_Reg methods[] = {
    {"is_set", event_is_set}, {"waiting", event_waiting}, {NULL, NULL}};
static const np_class event_class_ = {"EventFlag", methods, NULL};

static const luaL_Reg hot[] = {{"wait", event_wait},
                               {"set", event_set},
                               {"clear", event_clear},
                               {NULL, NULL}};

/* event(class) -> owner */
static int event_new(lua_State *L) {
  np_host *h = np_gethost(L);
  np_event *e = lua_newuserdatauv(L, sizeof *e, 0);
  *e = (np_event){.host = h};
  np_waitq_init(&e->queue);
  np_class_set(L, &event_class_);
  np_pushowner(L, h, 1, 0, hot);
  e->owner = lua_topointer(L, -1);
  return 1;
}

static const luaL_Reg funcs[] = {{"event", event_new}, {NULL, NULL}};

void np_event_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &event_class_);
}
