/*
 * modules.c: what a script's `require` finds and what a chunk may be: the
 * paths, the application's own finder, C modules or none, bytecode or none.
 */
#include <string.h>

#include "api/options.h"

/* A searcher: [name] -> loader and name, or why not. */
static int find_module(lua_State *L) {
  neap_host *n = neap_of(L);
  const char *name = luaL_checkstring(L, 1);
  neap_source s = {0};
  n->in_call++;
  int found = n->options.find_module(n->options.ud, name, &s);
  n->in_call--;
  if (!found || !s.text) {
    lua_pushfstring(L, "no module '%s' of the application", name);
    return 1;
  }
  int status = luaL_loadbufferx(L, s.text, s.size, s.name ? s.name : name,
                                n->options.no_bytecode ? "t" : NULL);
  if (s.free) s.free(n->options.ud, s.text);
  if (status != LUA_OK)
    return luaL_error(L, "error loading module '%s':\n\t%s", name,
                      lua_tostring(L, -1));
  lua_pushvalue(L, 1);
  return 2;
}

/* Lua's searcher of files, for text alone. Upvalue: package. */
static int find_file(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "searchpath");
  lua_pushvalue(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "path");
  lua_call(L, 2, 2);
  if (lua_isnil(L, -2)) return 1; /* where it is not */
  const char *file = lua_tostring(L, -2);
  if (luaL_loadfilex(L, file, "t") != LUA_OK)
    return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s",
                      name, file, lua_tostring(L, -1));
  lua_pushstring(L, file);
  return 2;
}

/* ---- text alone -------------------------------------------------------- */

/* Upvalue: Lua's load, whose arguments are (chunk, name, mode, env). */
static int load_text(lua_State *L) {
  if (lua_gettop(L) < 3) lua_settop(L, 3);
  lua_pushliteral(L, "t");
  lua_replace(L, 3);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* Upvalue: Lua's loadfile, whose arguments are (name, mode, env). */
static int loadfile_text(lua_State *L) {
  if (lua_gettop(L) < 2) lua_settop(L, 2);
  lua_pushliteral(L, "t");
  lua_replace(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static int dofile_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

static int dofile_text(lua_State *L) {
  const char *file = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (luaL_loadfilex(L, file, "t") != LUA_OK) return lua_error(L);
  lua_callk(L, 0, LUA_MULTRET, 0, dofile_k);
  return dofile_k(L, LUA_OK, 0);
}

/* Replaces the global function `name`, where there is one, by fn with the old
 * one as its upvalue. */
static void replace(lua_State *L, const char *name, lua_CFunction fn) {
  if (lua_getglobal(L, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pushcclosure(L, fn, 1);
  lua_setglobal(L, name);
}

/* ---- opening ----------------------------------------------------------- */

/* [.. package] the same: the searchers that are wanted. */
static void set_searchers(lua_State *L, const neap_options *o, bool files) {
  int package = lua_gettop(L);
  lua_getfield(L, package, "searchers");
  int searchers = lua_gettop(L), at = 2;
  bool c = files && !o->no_c_modules;
  lua_rawgeti(L, searchers, 2); /* Lua files, C, all in one */
  lua_rawgeti(L, searchers, 3);
  lua_rawgeti(L, searchers, 4);
  if (o->find_module) {
    lua_pushcfunction(L, find_module);
    lua_rawseti(L, searchers, at++);
  }
  if (files && o->no_bytecode) {
    lua_pushvalue(L, package);
    lua_pushcclosure(L, find_file, 1);
    lua_rawseti(L, searchers, at++);
  } else if (files) {
    lua_pushvalue(L, searchers + 1);
    lua_rawseti(L, searchers, at++);
  }
  for (int i = 2; c && i <= 3; i++) {
    lua_pushvalue(L, searchers + i);
    lua_rawseti(L, searchers, at++);
  }
  for (; at <= 5; at++) {
    lua_pushnil(L);
    lua_rawseti(L, searchers, at);
  }
  lua_settop(L, package);
}

/* The table that `require` uses, also where scripts do not see it. */
static void push_package(lua_State *L) {
  lua_getglobal(L, "require");
  if (!lua_getupvalue(L, -1, 4)) luaL_error(L, "require has no package");
  lua_remove(L, -2);
}

void np_modules_open(lua_State *L, neap_host *n) {
  const neap_options *o = &n->options;
  bool files = o->libraries & NEAP_LIB_PACKAGE;
  n->inside->host.no_threads = np_sandbox_wanted(o) || o->find_module ||
                               o->no_bytecode || o->no_c_modules;
  push_package(L);
  if (o->path) {
    lua_pushstring(L, o->path);
    lua_setfield(L, -2, "path");
  }
  if (o->cpath) {
    lua_pushstring(L, o->cpath);
    lua_setfield(L, -2, "cpath");
  }
  if (o->no_c_modules) {
    lua_pushnil(L);
    lua_setfield(L, -2, "loadlib");
  }
  if (o->find_module || o->no_bytecode || o->no_c_modules || !files)
    set_searchers(L, o, files);
  lua_pop(L, 1);
  if (!o->no_bytecode) return;
  replace(L, "load", load_text);
  replace(L, "loadfile", loadfile_text);
  replace(L, "dofile", dofile_text);
}
