/*
 * sandbox.c: what scripts do not see. neap's own Lua files need the whole
 * standard library and each other, so a host that hides something has two sets
 * of globals: theirs, with a `require`, loaded and preload tables of their own,
 * and the scripts', whose library tables are copies without what is hidden.
 * Nothing that a script changes there reaches neap's code.
 */
#include <string.h>

#include "api/lib.h"
#include "api/options.h"
#include "api/sources.h"
#include "base/class.h"
#include "core/coro.h"

/* The addresses are registry keys of what the scripts' are, meanwhile. */
static const char globals_key = 0, loaded_key = 0, preload_key = 0;

static const struct library {
  unsigned bit;
  const char *name;
} libraries[] = {
    {NEAP_LIB_PACKAGE, "package"}, {NEAP_LIB_COROUTINE, "coroutine"},
    {NEAP_LIB_TABLE, "table"},     {NEAP_LIB_IO, "io"},
    {NEAP_LIB_OS, "os"},           {NEAP_LIB_STRING, "string"},
    {NEAP_LIB_MATH, "math"},       {NEAP_LIB_UTF8, "utf8"},
    {NEAP_LIB_DEBUG, "debug"},
};
enum { NLIBRARIES = sizeof libraries / sizeof *libraries };

/* What neap_options.modules chooses from. */
static const char *const modules[] = {"fs",      "http",     "loop",   "net",
                                      "process", "protocol", "signal", "stdio",
                                      "sync",    "testing",  "thread", "tls"};
enum { NMODULES = sizeof modules / sizeof *modules };

bool np_sandbox_knows(const char *module) {
  for (int i = 0; i < NMODULES; i++)
    if (strcmp(modules[i], module) == 0) return true;
  return false;
}

bool np_sandbox_wanted(const neap_options *o) {
  return o->modules || o->output ||
         (o->libraries & NEAP_LIB_ALL) != NEAP_LIB_ALL;
}

/* neap.stdout writes past options.output, so it has to be asked for. */
static bool may_use(const neap_options *o, const char *module) {
  if (!o->modules) return !o->output || strcmp(module, "stdio") != 0;
  for (const char *const *m = o->modules; *m; m++)
    if (strcmp(*m, module) == 0) return true;
  return false;
}

/* ---- neap's own globals ------------------------------------------------ */

/* [.. t] -> [.. t copy] */
static void copy_table(lua_State *L) {
  int from = lua_gettop(L);
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, from)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, from + 1);
  }
}

/* Upvalues: loaded, preload, globals of scripts. What neap's files require:
 * each other, or else what scripts could. */
static int require(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (lua_getfield(L, lua_upvalueindex(1), name) != LUA_TNIL) return 1;
  if (lua_getfield(L, lua_upvalueindex(2), name) != LUA_TFUNCTION) {
    lua_getfield(L, lua_upvalueindex(3), "require");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
  }
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  if (lua_isnil(L, -1)) lua_pushboolean(L, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, lua_upvalueindex(1), name);
  return 1;
}

/* registry[key] = the value at registry[name], which becomes that on top.
 * [.. value] -> [.. ] */
static void swap_in(lua_State *L, const void *key, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, name);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

static void swap_back(lua_State *L, const void *key, const char *name) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* neap_of(L)'s `require` is opened for scripts at the end. */
void np_sandbox_begin(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  enum { GLOBALS = 2, OWN, LOADED, PRELOAD };
  lua_settop(L, 1);
  lua_pushglobaltable(L);
  copy_table(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  copy_table(L);
  lua_remove(L, LOADED); /* the copy takes its place */
  lua_newtable(L);       /* PRELOAD */
  lua_pushvalue(L, OWN);
  lua_setfield(L, OWN, "_G");
  lua_getfield(L, GLOBALS, "package");
  copy_table(L);
  lua_pushvalue(L, LOADED);
  lua_setfield(L, -2, "loaded");
  lua_pushvalue(L, PRELOAD);
  lua_setfield(L, -2, "preload");
  lua_setfield(L, OWN, "package");
  lua_pushvalue(L, LOADED);
  lua_pushvalue(L, PRELOAD);
  lua_pushvalue(L, GLOBALS);
  lua_pushcclosure(L, require, 3);
  lua_setfield(L, OWN, "require");
  lua_pushvalue(L, GLOBALS);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &globals_key);
  lua_pushvalue(L, OWN);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &np_lib_env);
  lua_pushvalue(L, LOADED);
  swap_in(L, &loaded_key, LUA_LOADED_TABLE);
  lua_pushvalue(L, PRELOAD);
  swap_in(L, &preload_key, LUA_PRELOAD_TABLE);
  lua_pushvalue(L, OWN);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  lua_settop(L, 1);
  n->inside->host.yieldable_require = false; /* theirs never wait */
}

/* ---- what scripts get -------------------------------------------------- */

/* Upvalue: its name. */
static int refused(lua_State *L) {
  return luaL_error(L, "the application does not let scripts use 'neap.%s'",
                    lua_tostring(L, lua_upvalueindex(1)));
}

/* Upvalues: require of neap's own files, the name. */
static int load_module(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_call(L, 1, 1);
  return 1;
}

/* [.. preload] -> [.. preload]  What `require "neap.NAME"` of a script does. */
static void preload_module(lua_State *L, const neap_options *o,
                           const char *name) {
  const char *full = lua_pushfstring(L, "neap.%s", name);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &np_lib_env);
  lua_getfield(L, -1, "package");
  lua_getfield(L, -1, "preload");
  bool there = lua_getfield(L, -1, full) != LUA_TNIL;
  lua_pop(L, 3); /* [preload, full, own globals] */
  if (!may_use(o, name)) {
    lua_pushstring(L, name);
    lua_pushcclosure(L, refused, 1);
  } else if (there) {
    lua_getfield(L, -1, "require");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, load_module, 2);
  } else {
    lua_pushnil(L);
  }
  lua_setfield(L, -4, full);
  lua_pop(L, 2);
}

/* Upvalues: set of refused names, the real __index. [neap, name] */
static int neap__index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
    return luaL_error(L, "the application does not let scripts use 'neap.%s'",
                      lua_tostring(L, 2));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_settop(L, 3);
  lua_call(L, 2, 1);
  return 1;
}

/* [.. neap] -> [.. neap]  Fields of neap that scripts may not use. */
static void guard_fields(lua_State *L, const neap_options *o) {
  static const char *const streams[] = {"stdin", "stdout", "stderr"};
  if (!lua_getmetatable(L, -1)) return;
  lua_newtable(L);
  for (int i = 0; i < NMODULES; i++) {
    if (may_use(o, modules[i])) continue;
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, modules[i]);
  }
  for (int i = 0; i < 3 && !may_use(o, "stdio"); i++) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, streams[i]);
  }
  lua_getfield(L, -2, "__index");
  lua_pushcclosure(L, neap__index, 2);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

/* [.. loaded, globals] the same: copies of the libraries, less what is
 * hidden. What neap changed in its own (coroutine) is in the copies. */
static void copy_libraries(lua_State *L, unsigned bits) {
  int globals = lua_gettop(L), loaded = globals - 1;
  for (int i = 0; i < NLIBRARIES; i++) {
    const struct library *lib = &libraries[i];
    if (!(bits & lib->bit)) {
      lua_pushnil(L);
    } else if (lib->bit == NEAP_LIB_PACKAGE) {
      lua_getfield(L, globals, lib->name); /* theirs is another already */
    } else {
      lua_getfield(L, globals, lib->name);
      copy_table(L);
      lua_remove(L, -2);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, globals, lib->name);
    lua_setfield(L, loaded, lib->name);
  }
}

/* [.. globals] the same */
static void hide_functions(lua_State *L, unsigned bits) {
  static const char *const files[] = {"dofile", "loadfile", NULL};
  static const char *const base[] = {
      "assert",   "collectgarbage", "error",    "getmetatable", "ipairs",
      "load",     "next",           "pairs",    "pcall",        "print",
      "rawequal", "rawget",         "rawlen",   "rawset",       "select",
      "tonumber", "setmetatable",   "tostring", "type",         "warn",
      "xpcall",   "_VERSION",       NULL};
  bool some = bits & NEAP_LIB_BASE;
  for (int i = 0; files[i] && !(some && (bits & NEAP_LIB_IO)); i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, files[i]);
  }
  for (int i = 0; base[i] && !some; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, base[i]);
  }
}

/* Methods of strings go on using neap's own table, out of reach. */
static void guard_strings(lua_State *L) {
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1)) {
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void np_sandbox_end(lua_State *L, neap_host *n) {
  const neap_options *o = &n->options;
  np_host *h = &n->inside->host;
  int neap = lua_gettop(L);
  swap_back(L, &loaded_key, LUA_LOADED_TABLE);
  swap_back(L, &preload_key, LUA_PRELOAD_TABLE);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  np_pushslot(L, h, NP_SLOT_CORE);
  np_require_open(L, h);
  h->yieldable_require = true;
  lua_settop(L, neap);
  guard_fields(L, o);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (int i = 0; i < NMODULES; i++) preload_module(L, o, modules[i]);
  lua_settop(L, neap);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, neap);
  lua_setfield(L, -2, "neap");
  lua_pushglobaltable(L);
  copy_libraries(L, o->libraries);
  hide_functions(L, o->libraries);
  guard_strings(L);
  lua_settop(L, neap);
}
