/*
 * proto.c: finds and opens the modules of src/proto: TLS, HTTP and what else
 * stands on other libraries, so that a script which needs none of them does
 * not pay for loading them. They lie beside the host:
 *
 *   bin/neap  lib/libneap.so  lib/lua/5.4/neap.so  lib/lua/5.4/neap/tls.so
 *
 * They use the np_ functions of whoever opens them, which therefore have to be
 * visible in the process: the command and libneap.so export them; those of
 * neap.so, which Lua opened for itself alone, are made visible here. A module
 * is never unloaded, as its callbacks may come after lua_close.
 */
#include "api/proto.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/class.h"
#include "base/pack.h"

static const char *const names[] = {"tls",     "http1", "ws",
                                    "deflate", "curl",  "edit"};

/* The path of the file that this code is in, or false. */
static bool own_file(char *path) {
  Dl_info info;
  if (dladdr((void *)(uintptr_t)np_proto_open, &info) == 0) return false;
  return info.dli_fname && realpath(info.dli_fname, path);
}

static bool exe_file(char *path) {
  size_t size = PATH_MAX;
  return uv_exepath(path, &size) == 0;
}

/* np_ functions that only this file's users see become visible to modules. */
static void show_symbols(const char *file) {
  void *self = dlopen(file, RTLD_NOLOAD | RTLD_NOW | RTLD_GLOBAL);
  if (self) dlclose(self);
}

static void *open_in(const char *dir, const char *below, const char *name,
                     char *tried, size_t size) {
  char path[PATH_MAX];
  int n = snprintf(path, sizeof path, "%s%s/%s.so", dir, below, name);
  if (n < 0 || n >= (int)sizeof path) return NULL;
  void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!module) {
    size_t used = strlen(tried);
    snprintf(tried + used, size - used, "\n\t%s", dlerror());
  }
  return module;
}

static void *open_beside(char *file, const char *name, char *tried,
                         size_t size) {
  static const char *const below[] = {"/neap", "/lua/5.4/neap",
                                      "/../lib/lua/5.4/neap"};
  void *module = NULL;
  char *slash = strrchr(file, '/');
  if (slash) *slash = '\0';
  for (size_t i = 0; !module && i < sizeof below / sizeof *below; i++)
    module = open_in(file, below[i], name, tried, size);
  return module;
}

/* Upvalues: host, the module once it is loaded, name. Loads the module of that
 * name. */
static int load_proto(lua_State *L) {
  const char *name = lua_tostring(L, lua_upvalueindex(3));
  lua_pushvalue(L, lua_upvalueindex(2));
  if (!lua_isnil(L, -1)) return 1;
  char file[PATH_MAX], symbol[64], tried[4096] = "";
  void *module = NULL;
  if (own_file(file)) {
    show_symbols(file);
    module = open_beside(file, name, tried, sizeof tried);
  }
  if (!module && exe_file(file))
    module = open_beside(file, name, tried, sizeof tried);
  if (!module) module = open_in(NP_MODULES, "", name, tried, sizeof tried);
  if (!module)
    return luaL_error(L, "neap's module '%s' cannot be opened:%s", name, tried);
  snprintf(symbol, sizeof symbol, "luaopen_neap_proto_%s", name);
  lua_CFunction open = (lua_CFunction)(uintptr_t)dlsym(module, symbol);
  if (!open) return luaL_error(L, "neap's module '%s' is broken", name);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, open, 1);
  lua_call(L, 0, 1);
  lua_pushfstring(L, "neap.proto.%s", name);
  lua_insert(L, -2);
  np_pack_own(L, lua_tostring(L, -2));
  lua_pushvalue(L, -1);
  lua_replace(L, lua_upvalueindex(2));
  return 1;
}

void np_proto_open(lua_State *L, np_host *h) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lua_pushfstring(L, "neap.proto.%s", names[i]);
    lua_pushlightuserdata(L, h);
    lua_pushnil(L);
    lua_pushstring(L, names[i]);
    lua_pushcclosure(L, load_proto, 3);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
}
