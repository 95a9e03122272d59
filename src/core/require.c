/*
 * require.c: a require whose modules may wait at their top level. While a
 * module is being loaded by one task, a second task that requires it waits for
 * the first instead of loading it twice. Otherwise as Lua's loadlib.
 */
#include <lauxlib.h>
#include <lualib.h>

#include "base/class.h"
#include "core/coro.h"
#include "core/task.h"

enum { NAME = 1, LOADED, LOADING, GUARD, DATA };
enum {
  UP_PACKAGE = lua_upvalueindex(4),
  UP_LOADING = lua_upvalueindex(5),
  UP_AWAIT = lua_upvalueindex(6)
};

/* While it is open, a load is under way: user values are the table of loads,
 * the name, and the future that others wait for. */
typedef struct np_load {
  np_task *task; /* who loads */
  bool open;
} np_load;

static int load__close(lua_State *L) {
  np_load *load = np_checkself(L);
  if (!load->open) return 0;
  load->open = false;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  lua_getiuservalue(L, 1, 2);
  lua_pushnil(L);
  lua_rawset(L, -3); /* loading[name] = nil */
  lua_getiuservalue(L, 1, 3);
  np_future_succeed(L, lua_gettop(L), 0);
  return 0;
}

static const luaL_Reg load_meta[] = {
    {"__close", load__close}, {"__gc", load__close}, {NULL, NULL}};
static const np_class load_class = {"Load", NULL, load_meta};

/* [..] -> [.. loader data]  Asks package.searchers in turn. */
static void find_loader(lua_State *L, const char *name) {
  if (lua_getfield(L, UP_PACKAGE, "searchers") != LUA_TTABLE)
    luaL_error(L, "'package.searchers' must be a table");
  int searchers = lua_gettop(L);
  lua_pushliteral(L, "");
  for (lua_Integer i = 1;; i++) {
    if (lua_rawgeti(L, searchers, i) == LUA_TNIL) {
      luaL_error(L, "module '%s' not found:%s", name, lua_tostring(L, -2));
      return;
    }
    lua_pushvalue(L, NAME);
    lua_call(L, 1, 2);
    if (lua_isfunction(L, -2)) break;
    lua_pop(L, 1);
    if (lua_isstring(L, -1)) {
      lua_pushliteral(L, "\n\t");
      lua_insert(L, -2);
      lua_concat(L, 3);
    } else {
      lua_pop(L, 1);
    }
  }
  lua_remove(L, -3);
  lua_remove(L, searchers);
}

/* The loader has returned: [name, loaded, loading, guard, data, value]. */
static int store(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  const char *name = lua_tostring(L, NAME);
  if (!lua_isnil(L, -1)) lua_setfield(L, LOADED, name);
  lua_settop(L, DATA);
  if (lua_getfield(L, LOADED, name) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, LOADED, name);
  }
  lua_insert(L, DATA);
  return 2; /* value, data */
}

/* [name, loaded, loading] -> [.., guard]: this task loads the module. */
static void begin_load(lua_State *L, np_host *h) {
  np_load *load = lua_newuserdatauv(L, sizeof *load, 3);
  *load = (np_load){.task = h->current};
  np_class_set(L, &load_class);
  lua_pushvalue(L, LOADING);
  lua_setiuservalue(L, GUARD, 1);
  lua_pushvalue(L, NAME);
  lua_setiuservalue(L, GUARD, 2);
  np_future_new(L, h);
  lua_setiuservalue(L, GUARD, 3);
  lua_pushvalue(L, NAME);
  lua_pushvalue(L, GUARD);
  lua_rawset(L, LOADING);
  load->open = true;
  lua_toclose(L, GUARD);
}

static int require(lua_State *L);

static int require_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return require(L);
}

/* Waits while another task loads the module. True: it parks. */
static bool other_loads(lua_State *L, np_host *h) {
  if (!np_canyield(L, h)) return false;
  lua_pushvalue(L, NAME);
  if (lua_rawget(L, LOADING) != LUA_TUSERDATA) return false;
  np_load *load = lua_touserdata(L, -1);
  if (!load->open || load->task == h->current) return false;
  lua_pushvalue(L, UP_AWAIT);
  lua_getiuservalue(L, -2, 3);
  return true;
}

static int require(lua_State *L) {
  np_host *h = np_gethost(L);
  const char *name = luaL_checkstring(L, NAME);
  lua_settop(L, NAME);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, LOADED, name);
  if (lua_toboolean(L, -1)) return 1;
  lua_settop(L, LOADED);
  lua_pushvalue(L, UP_LOADING);
  if (other_loads(L, h)) {
    lua_callk(L, 1, 0, 0, require_k);
    return require(L);
  }
  lua_settop(L, LOADING);
  if (h->current)
    begin_load(L, h);
  else
    lua_pushnil(L);
  find_loader(L, name);
  lua_insert(L, -2); /* data, loader */
  lua_pushvalue(L, NAME);
  lua_pushvalue(L, DATA);
  lua_callk(L, 2, 1, 0, store);
  return store(L, LUA_OK, 0);
}

void np_require_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &load_class);
  lua_pushlightuserdata(L, h);
  lua_pushnil(L);
  lua_pushliteral(L, "require");
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_createtable(L, 0, 0);
  lua_getfield(L, -6, "await_shielded");
  lua_pushcclosure(L, require, 6);
  lua_setglobal(L, "require");
}
