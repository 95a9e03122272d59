/*
 * tasklib.c: what Lua sees of tasks: spawn, the methods of Task, task-local
 * values, callbacks and their handles.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/loop.h"
#include "core/open.h"
#include "core/task.h"
#include "core/trace.h"

/* ---- names and descriptions -------------------------------------------- */

static const char *kind_name(const np_task *t) {
  return np_task_isplain(t) ? "task" : "callback";
}

void np_task_label(np_task *t, char *buf, size_t size) {
  lua_State *S = np_task_host(t)->slots;
  int top = lua_gettop(S);
  const char *name = NULL;
  if (t->slot) {
    lua_rawgeti(S, NP_SLOT_LIVE, t->slot);
    if (lua_getiuservalue(S, -1, NP_UV_EXTRA) == LUA_TTABLE &&
        lua_rawgeti(S, -1, NP_EX_NAME) == LUA_TSTRING)
      name = lua_tostring(S, -1);
  }
  if (name)
    snprintf(buf, size, "%s", name);
  else
    snprintf(buf, size, "%s-%u", kind_name(t), t->number);
  lua_settop(S, top);
}

void np_task_name(lua_State *L, int idx) {
  np_task *t = lua_touserdata(L, idx);
  char buf[48];
  if (lua_getiuservalue(L, idx, NP_UV_EXTRA) == LUA_TTABLE) {
    lua_rawgeti(L, -1, NP_EX_NAME);
    lua_remove(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) return;
  }
  lua_pop(L, 1);
  snprintf(buf, sizeof buf, "%s-%u", kind_name(t), t->number);
  lua_pushstring(L, buf);
}

void np_task_describe(np_task *t, char *buf, size_t size) {
  np_wait *w = t->wait;
  buf[0] = '\0';
  if (!w) return;
  if (w->cls->describe)
    w->cls->describe(w, buf, size);
  else
    snprintf(buf, size, "%s", w->cls->name);
}

void np_task_setlocals(lua_State *L, int idx) {
  np_task *t = lua_touserdata(L, idx);
  bool some = lua_istable(L, -1);
  if (!some && !t->has_locals) {
    lua_pop(L, 1);
    return;
  }
  np_future_extra(L, idx);
  lua_insert(L, -2);
  lua_rawseti(L, -2, NP_EX_LOCALS);
  lua_pop(L, 1);
  t->has_locals = some;
}

/* ---- Task -------------------------------------------------------------- */

static np_task *self_task(lua_State *L) { return np_checkself(L); }

static int task_name(lua_State *L) {
  self_task(L);
  np_task_name(L, 1);
  return 1;
}

static int task_set_name(lua_State *L) {
  self_task(L);
  np_checkstring(L, 2, NULL);
  np_future_extra(L, 1);
  lua_pushvalue(L, 2);
  lua_tostring(L, -1);
  lua_rawseti(L, -2, NP_EX_NAME);
  return 0;
}

const char *np_task_status(np_task *t) {
  if (t->future.state != NP_PENDING) return "done";
  if (t == np_task_host(t)->current) return "running";
  return t->ready || !t->wait ? "ready" : "waiting";
}

static int task_status(lua_State *L) {
  lua_pushstring(L, np_task_status(self_task(L)));
  return 1;
}

static int task_waiting_on(lua_State *L) {
  np_task *t = self_task(L);
  char buf[160];
  lua_pushnil(L);
  if (t->ready || !t->wait) return 1;
  np_task_describe(t, buf, sizeof buf);
  lua_pushstring(L, buf);
  return 1;
}

static int task_traceback(lua_State *L) {
  np_task *t = self_task(L);
  if (t->future.state == NP_PENDING) {
    if (t == np_task_host(t)->current)
      np_trace_push(L, L, 1);
    else
      np_trace_task(L, t);
    return 1;
  }
  if (lua_getiuservalue(L, 1, NP_UV_EXTRA) != LUA_TTABLE) return 1; /* nil */
  lua_rawgeti(L, -1, NP_EX_TRACE);
  return 1;
}

static int task_set_daemon(lua_State *L) {
  np_task *t = self_task(L);
  np_host *h = np_task_host(t);
  bool on = lua_toboolean(L, 2);
  if (t->future.state != NP_PENDING || t->daemon == on) return 0;
  t->daemon = on;
  h->ndaemons += on ? 1u : -1u;
  np_loop_recheck(h);
  return 0;
}

static int task__tostring(lua_State *L) {
  static const char *const ends[] = {"", "done", "failed", "cancelled"};
  np_task *t = self_task(L);
  char wait[160];
  lua_pushliteral(L, "Task ");
  np_task_name(L, 1);
  if (t->future.state != NP_PENDING) {
    lua_pushfstring(L, ": %s", ends[t->future.state]);
  } else if (t->wait && !t->ready) {
    np_task_describe(t, wait, sizeof wait);
    lua_pushfstring(L, ": waiting on %s", wait);
  } else {
    lua_pushfstring(L, ": %s", np_task_status(t));
  }
  lua_concat(L, 3);
  return 1;
}

static const luaL_Reg task_methods[] = {
    {"name", task_name},
    {"set_name", task_set_name},
    {"status", task_status},
    {"waiting_on", task_waiting_on},
    {"traceback", task_traceback},
    {"set_daemon", task_set_daemon},
    {NULL, NULL},
};

static const luaL_Reg task_meta[] = {{"__tostring", task__tostring},
                                     {NULL, NULL}};

static const np_class task_class = {"Task", task_methods, task_meta};

/* ---- functions --------------------------------------------------------- */

static int spawn_kind(lua_State *L, int kind) {
  np_checkfunction(L, 1);
  np_spawn(L, np_gethost(L), lua_gettop(L) - 1, kind);
  return 1;
}

static int spawn(lua_State *L) { return spawn_kind(L, NP_TASK_PLAIN); }
static int spawn_handler(lua_State *L) {
  return spawn_kind(L, NP_TASK_HANDLER);
}
static int spawn_callback(lua_State *L) {
  return spawn_kind(L, NP_TASK_CALLBACK);
}

static int call_async(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(4));
  lua_insert(L, 1);
  np_spawn(L, np_gethost(L), lua_gettop(L) - 1, NP_TASK_PLAIN);
  return 1;
}

static int async(lua_State *L) {
  np_checkfunction(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, call_async, 4);
  return 1;
}

static int current_task(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_pushnil(L);
  if (!h->current || !h->current->slot) return 1;
  np_task_push(L, h, h->current);
  return 1;
}

static int by_id(lua_State *L) {
  np_task *a = lua_touserdata(L, 1), *b = lua_touserdata(L, 2);
  lua_pushboolean(L, a->order < b->order);
  return 1;
}

static int tasks(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Integer n = 0;
  lua_getglobal(L, "table");
  lua_createtable(L, (int)h->ntasks, 0);
  np_pushslot(L, h, NP_SLOT_LIVE);
  for (uint32_t i = 1; i <= h->nslots; i++) {
    lua_rawgeti(L, -1, i);
    np_task *t = lua_touserdata(L, -1);
    if (t && t->begun && t->future.state == NP_PENDING)
      lua_rawseti(L, -3, ++n);
    else
      lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_getfield(L, -2, "sort");
  lua_pushvalue(L, -2);
  lua_pushcfunction(L, by_id);
  lua_call(L, 2, 0);
  return 1;
}

static int checkwait(lua_State *L) {
  np_checkwait(L, np_gethost(L));
  return 0;
}

static int canyield(lua_State *L) {
  lua_pushboolean(L, np_canyield(L, np_gethost(L)));
  return 1;
}

/* core.locals() -> table or nil; core.set_locals(table): never changed in
 * place, because tasks share them. */
static int locals(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_pushnil(L);
  if (!h->current || !h->current->has_locals) return 1;
  np_task_push(L, h, h->current);
  np_future_extra(L, -1);
  lua_rawgeti(L, -1, NP_EX_LOCALS);
  return 1;
}

static int set_locals(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checktable(L, 1);
  np_task_push(L, h, np_checktask(L, h));
  lua_pushvalue(L, 1);
  np_task_setlocals(L, lua_gettop(L) - 1);
  return 0;
}

static const luaL_Reg funcs[] = {
    {"spawn", spawn},
    {"spawn_handler", spawn_handler},
    {"spawn_callback", spawn_callback},
    {"async", async},
    {"current_task", current_task},
    {"tasks", tasks},
    {"checkwait", checkwait},
    {"canyield", canyield},
    {"locals", locals},
    {"set_locals", set_locals},
    {"timeout", np_scope_timeout},
    {"shield", np_scope_shield},
    {NULL, NULL},
};

/* [.. methods] -> [.. methods]  A Task is a Future: it has its methods. */
static void inherit_future(lua_State *L, np_host *h) {
  np_pushslot(L, h, NP_SLOT_FUTURE_MT);
  lua_getfield(L, -1, "__index");
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -6);
  }
  lua_pop(L, 2);
}

void np_tasklib_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &task_class);
  np_class_push(L, &task_class);
  lua_getfield(L, -1, "__index");
  inherit_future(L, h);
  lua_pop(L, 1);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_TASK_MT);
}
