/*
 * steps.c: what the main task of the command does: LUA_INIT, the options, the
 * script and the prompt, one after another, so that each may wait. A step is
 * called with the number of the next one as the context of its continuation:
 * 0 is LUA_INIT, then come the arguments by their index, then what follows the
 * script.
 */
#include "cmd/steps.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARGS = 1, PAYLOAD, BASE = PAYLOAD };

static int step(lua_State *L, int status, lua_KContext ctx);

void np_steps_version(void) {
  printf("neap %s on %s\n", NP_VERSION, LUA_RELEASE);
}

void np_steps_arg(lua_State *L, const np_args *a) {
  int script = a->script < a->argc ? a->script : 0;
  lua_createtable(L, a->argc - script, script + 1);
  for (int i = 0; i < a->argc; i++) {
    lua_pushstring(L, a->argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* [.. message]: raises it, to be shown without a traceback, as `lua` does. */
static int refuse(lua_State *L, np_args *a) {
  a->unloadable = true;
  return lua_error(L);
}

/* [..] -> [.. values]  What the global `arg` holds from 1 on; how many. */
static int push_arguments(lua_State *L, np_args *a) {
  if (lua_getglobal(L, "arg") != LUA_TTABLE) {
    lua_pushliteral(L, "'arg' is not a table");
    return refuse(L, a);
  }
  int table = lua_gettop(L), n = (int)luaL_len(L, table);
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return n;
}

/* [..] -> [.. chunk args ..]; returns the number of arguments. */
static int push_script(lua_State *L, np_args *a) {
  bool none = a->script >= a->argc;
  const char *name = none || a->stdin_ ? NULL : a->argv[a->script];
  if (luaL_loadfile(L, name) != LUA_OK) return refuse(L, a);
  return none ? 0 : push_arguments(L, a);
}

/* [..] -> [.. fn] for LUA_INIT; false when there is none. */
static bool push_init(lua_State *L, np_args *a) {
  const char *name = "=LUA_INIT_5_4", *init = getenv(name + 1);
  if (!init) init = getenv((name = "=LUA_INIT") + 1);
  if (!init) return false;
  int status = *init == '@' ? luaL_loadfile(L, init + 1)
                            : luaL_loadbuffer(L, init, strlen(init), name);
  if (status != LUA_OK) refuse(L, a);
  return true;
}

/* Calls the function `name` of one of neap's modules with one argument. */
static void call_own(lua_State *L, const char *module, const char *name,
                     const char *argument, lua_KContext next) {
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  lua_pushstring(L, argument);
  lua_callk(L, 1, 0, next, step);
}

/* `require`s the module of -l g=mod, then step stores it as a global. */
static void call_require(lua_State *L, const char *spec, lua_KContext next) {
  const char *eq = strchr(spec, '='), *module = eq ? eq + 1 : spec;
  size_t length = eq ? (size_t)(eq - spec) : strlen(spec);
#if LUA_VERSION_RELEASE_NUM >= 50407
  if (!eq) length = strcspn(spec, "-"); /* a suffix is no part of it */
#endif
  lua_pushlstring(L, spec, length);
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  lua_callk(L, 1, 1, next, step);
}

/* Stores what call_require left: [.. name, module]. */
static void store_module(lua_State *L) {
  if (lua_gettop(L) == BASE + 2) lua_setglobal(L, lua_tostring(L, BASE + 1));
  lua_settop(L, BASE);
}

/* Does what the option at index i says; returns the index of the next one. */
static int do_option(lua_State *L, np_args *a, int i) {
  const char *arg = a->argv[i], *text;
  int next = np_args_option(a, i, &text);
  if (arg[1] == 'W') {
    lua_warning(L, "@on", 0);
  } else if (arg[1] == 'l') {
    call_require(L, text, next);
    store_module(L);
  } else if (arg[1] == 'e') {
    if (luaL_loadbuffer(L, text, strlen(text), "=(command line)") != LUA_OK)
      return refuse(L, a);
    lua_callk(L, 0, 0, next, step);
  }
  return next;
}

/* The script, or what stands for it; the step behind it is argc + 1. */
static void do_script(lua_State *L, np_args *a) {
  lua_KContext next = (lua_KContext)a->argc + 1;
  if (a->script >= a->argc) {
    if (a->interactive || a->statement || a->version) return;
    if (isatty(STDIN_FILENO)) {
      np_steps_version();
      a->interactive = true;
      return;
    }
  }
  int n = push_script(L, a);
  lua_callk(L, n, 0, next, step);
}

static int step(lua_State *L, int status, lua_KContext ctx) {
  np_args *a = lua_touserdata(L, ARGS);
  int i = (int)ctx;
  (void)status;
  store_module(L);
  if (i == 0) {
    i = 1;
    if (!a->no_env && push_init(L, a)) lua_callk(L, 0, 0, i, step);
  }
  while (i < a->script && strcmp(a->argv[i], "--") != 0) i = do_option(L, a, i);
  if (i <= a->argc) {
    do_script(L, a);
    i = a->argc + 1;
  }
  if (i == a->argc + 1 && a->interactive) {
    fflush(stdout);
    call_own(L, "neap.repl", "run", NULL, i + 1);
  }
  return 0;
}

static int done(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 0;
}

/* A program of `neap compile`: neap.bundle makes a function of the payload. */
static int run_payload(lua_State *L, np_args *a) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "neap.bundle");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "open");
  lua_pushvalue(L, PAYLOAD);
  lua_call(L, 1, 1);
  lua_callk(L, push_arguments(L, a), 0, 0, done);
  return 0;
}

static void push_script_name(lua_State *L, const np_args *a) {
  bool file = a->script < a->argc && !a->stdin_;
  lua_pushstring(L, file ? a->argv[a->script] : NULL);
}

/* neap.cli.watch(script, arguments ..), neap.cli.compile(arguments ..). */
static int run_mode(lua_State *L, np_args *a, const char *name) {
  int first = lua_gettop(L) + 2;
  lua_getglobal(L, "require");
  lua_pushliteral(L, "neap.cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  luaL_checkstack(L, a->argc + 1, "too many arguments");
  if (a->mode == NP_WATCH) push_script_name(L, a);
  for (int i = 0; i < a->argc; i++) lua_pushstring(L, a->argv[i]);
  lua_callk(L, lua_gettop(L) - first, 0, 0, done);
  return 0;
}

/* file_stat(path) -> inode, size, time of change: zeros where there is none. */
static int file_stat(lua_State *L) {
  struct stat st = {0};
  if (stat(luaL_checkstring(L, 1), &st) < 0) st = (struct stat){0};
  lua_pushinteger(L, (lua_Integer)st.st_ino);
  lua_pushinteger(L, (lua_Integer)st.st_size);
  lua_pushnumber(
      L, (lua_Number)st.st_mtim.tv_sec + (lua_Number)st.st_mtim.tv_nsec / 1e9);
  return 3;
}

int np_steps(lua_State *L) {
  np_args *a = lua_touserdata(L, ARGS);
  if (a->mode == NP_PROGRAM) return run_payload(L, a);
  if (a->mode == NP_WATCH) return run_mode(L, a, "watch");
  if (a->mode == NP_COMPILE) return run_mode(L, a, "compile");
  if (a->loads) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "neap.loads");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "note");
    lua_pushstring(L, a->loads);
    lua_pushcfunction(L, file_stat);
    push_script_name(L, a);
    lua_call(L, 3, 0);
    lua_settop(L, BASE);
  }
  return step(L, LUA_OK, 0);
}
