/*
 * api.c: the embedding API of neap.h on top of np_host. What Lua may raise runs
 * in protected calls; the text of the last error is kept in the registry, so
 * the state owns it.
 */
#include "neap.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "api/lib.h"
#include "core/loop.h"
#include "core/task.h"

struct neap_host {
  np_host host;
  neap_options options;
  const char *text; /* of the last error: anchored in the registry */
  bool running;
};

/* The addresses are registry keys. */
static const char text_key = 0, main_key = 0, chunk_key = 0;

void neap_options_init(neap_options *options) {
  *options = (neap_options){.abi = NEAP_ABI, .grace = 5};
}

/* [.. text] -> [.. ]  Keeps the text on top as that of the last error. */
static void keep_text(neap_host *n, lua_State *L) {
  n->text = lua_tostring(L, -1);
  if (!n->text) n->text = "(error object is not a string)";
  lua_rawsetp(L, LUA_REGISTRYINDEX, &text_key);
}

/* Calls fn(host, arg) protected. */
static int protected_call(neap_host *n, lua_CFunction fn, void *arg) {
  lua_State *L = n->host.L;
  lua_pushcfunction(L, fn);
  lua_pushlightuserdata(L, n);
  lua_pushlightuserdata(L, arg);
  int status = lua_pcall(L, 2, 0, 0);
  if (status != LUA_OK) keep_text(n, L);
  return status;
}

static int open_libraries(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  luaL_checkversion(L);
  if (n->options.ignore_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  np_lib_open(L, &n->host);
  return 0;
}

int neap_open(neap_host **host, const neap_options *options) {
  *host = NULL;
  if (options && options->abi != NEAP_ABI) return NEAP_EABI;
  neap_host *n = calloc(1, sizeof *n);
  if (!n) return UV_ENOMEM;
  neap_options_init(&n->options);
  if (options) n->options = *options;
  n->text = "";
  lua_State *L = lua_newstate(np_pool_alloc, &n->host);
  int err = L ? np_host_init(&n->host, n->options.loop) : UV_ENOMEM;
  if (err < 0) {
    if (L) lua_close(L);
    np_pool_close(&n->host.pool_memory);
    free(n);
    return err;
  }
  n->host.L = L;
  n->host.owns_state = true;
  n->host.yieldable_require = true;
  n->host.grace = n->options.grace;
  *(void **)lua_getextraspace(L) = NULL; /* Lua leaves it as it was */
  if (protected_call(n, open_libraries, NULL) != LUA_OK) {
    neap_close(n);
    return UV_ENOMEM;
  }
  *host = n;
  return 0;
}

lua_State *neap_state(neap_host *host) { return host->host.L; }

const char *neap_error_text(neap_host *host) { return host ? host->text : ""; }

int neap_exit_status(const neap_host *host) { return host->host.exit_code; }

/* ---- the script -------------------------------------------------------- */

static void push_arguments(lua_State *L, const neap_options *o,
                           const char *name) {
  lua_createtable(L, o->argc, 1);
  lua_pushstring(L, name);
  lua_rawseti(L, -2, 0);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
}

/* [host, name] with the chunk in the registry: spawns the main task. */
static int spawn_main(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  const neap_options *o = &n->options;
  push_arguments(L, o, lua_touserdata(L, 2));
  luaL_checkstack(L, o->argc + 4, "too many arguments to the script");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &chunk_key);
  for (int i = 0; i < o->argc; i++) lua_pushstring(L, o->argv[i]);
  np_task *t = np_spawn(L, &n->host, o->argc, NP_TASK_PLAIN);
  t->pinned = true;
  n->host.main = t;
  lua_rawsetp(L, LUA_REGISTRYINDEX, &main_key);
  return 0;
}

/* [.. chunk or message] -> [.. ] */
static int set_main(neap_host *n, int status, const char *name) {
  lua_State *L = n->host.L;
  if (status != LUA_OK) {
    keep_text(n, L);
    return status == LUA_ERRMEM ? UV_ENOMEM : NEAP_ESYNTAX;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chunk_key);
  return protected_call(n, spawn_main, (void *)name) == LUA_OK ? 0 : UV_ENOMEM;
}

static bool is_busy(const neap_host *n) {
  return n->running || n->host.current || n->host.main;
}

int neap_load_file(neap_host *host, const char *path) {
  if (!host || !path || is_busy(host)) return NEAP_ESTATE;
  return set_main(host, luaL_loadfile(host->host.L, path), path);
}

int neap_load_buffer(neap_host *host, const char *text, size_t size,
                     const char *name) {
  if (!host || !text || is_busy(host)) return NEAP_ESTATE;
  if (!name) name = "=script";
  return set_main(host, luaL_loadbuffer(host->host.L, text, size, name), name);
}

/* ---- running ----------------------------------------------------------- */

/* Keeps the error of the main task, with its traceback. */
static int take_error(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &main_key);
  int task = lua_gettop(L);
  np_future_retrieved(L, task);
  lua_getiuservalue(L, task, NP_UV_VALUE);
  luaL_tolstring(L, -1, NULL);
  np_task_extra(L, task);
  if (lua_rawgeti(L, -1, NP_EX_TRACE) == LUA_TSTRING)
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, -3), lua_tostring(L, -1));
  else
    lua_pushvalue(L, -3);
  keep_text(n, L);
  return 0;
}

static int outcome(neap_host *n) {
  np_host *h = &n->host;
  if (h->deadlocked) {
    lua_pushliteral(h->L, "DEADLOCK: every task waited for good");
    keep_text(n, h->L);
    return NEAP_EDEADLOCK;
  }
  if (h->exit_called) return 0;
  if (h->main_failed) return NEAP_ESCRIPT;
  if (!h->failed) return 0;
  lua_pushliteral(h->L, "a failure that nobody took was reported");
  keep_text(n, h->L);
  return NEAP_EREPORTED;
}

int neap_run(neap_host *host) {
  np_host *h = &host->host;
  if (!host || !h->main || host->running || h->current) return NEAP_ESTATE;
  host->running = true;
  host->text = "";
  np_loop_run(h);
  if (h->main_failed && !h->exit_called && !h->deadlocked)
    protected_call(host, take_error, NULL);
  np_loop_unwind(h, h->grace);
  int result = outcome(host);
  np_task_unpin(h, h->main);
  h->main = NULL;
  h->main_done = h->main_failed = h->deadlocked = h->failed = false;
  h->exit_called = h->ending = host->running = false;
  return result;
}

int neap_close(neap_host *host) {
  if (!host) return 0;
  np_host *h = &host->host;
  if (h->current || host->running) return NEAP_ESTATE;
  if (h->slots) np_loop_unwind(h, h->grace);
  np_lib_close(h);
  free(host);
  return 0;
}
