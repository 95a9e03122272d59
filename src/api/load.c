/*
 * load.c: scripts become the main task, and its end becomes results or a text.
 * The chunk with its arguments waits in the registry until the program starts.
 */
#include <string.h>

#include "api/embed.h"
#include "core/task.h"

/* The addresses are registry keys: of the task, of the list { function,
 * arguments .. }, of the results, of the application's arguments. */
static const char main_key = 0, chunk_key = 0, results_key = 0, args_key = 0;

typedef struct np_load {
  const char *path, *text, *name;
  size_t size;
  bool syntax; /* what went wrong is the script */
} np_load;

int np_load_open(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  const neap_options *o = &n->options;
  lua_createtable(L, o->argc, 0);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &args_key);
  n->options.argv = NULL; /* not ours, and not needed any more */
  return 0;
}

/* ---- loading ----------------------------------------------------------- */

/* [.. function] -> [.. list]  With the script's arguments; sets `arg`. */
static void add_arguments(lua_State *L, int argc, const char *script) {
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, argc + 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
  lua_createtable(L, argc, 1);
  lua_pushstring(L, script);
  lua_rawseti(L, -2, 0);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &args_key); /* [list, arg, args] */
  for (int i = 1; i <= argc; i++) {
    lua_rawgeti(L, -1, i);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, i);
    lua_rawseti(L, -4, i + 1);
  }
  lua_pop(L, 1);
  lua_setglobal(L, "arg");
}

static int load(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  np_load *load = lua_touserdata(L, 2);
  const char *mode = n->options.no_bytecode ? "t" : NULL;
  int status = load->path ? luaL_loadfilex(L, load->path, mode)
                          : luaL_loadbufferx(L, load->text, load->size,
                                             load->name, mode);
  if (status != LUA_OK) {
    load->syntax = status != LUA_ERRMEM;
    return lua_error(L);
  }
  add_arguments(L, n->options.argc, load->path ? load->path : load->name);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chunk_key);
  return 0;
}

/* 0 if a script may be loaded now. */
static int check_load(neap_host *n, bool given) {
  int err = np_enter(n);
  if (err < 0) return err;
  if (!given) return np_refuse(n, NEAP_EINVAL, "there is nothing to load");
  if (n->closing) return np_refuse(n, NEAP_ECLOSED, "the host is closing");
  if (n->program == NP_IDLE) return 0;
  return np_refuse(n, NEAP_ESTATE, "a script %s already",
                   n->program == NP_LOADED ? "is loaded" : "runs");
}

static void set_loaded(neap_host *n) {
  n->program = NP_LOADED;
  uv_mutex_lock(&n->lock);
  n->stop = false; /* it was meant for another program */
  uv_mutex_unlock(&n->lock);
}

static int load_script(neap_host *n, np_load *l) {
  int err = np_protected(n, load, l);
  if (l->syntax) return NEAP_ESYNTAX;
  if (err == 0) set_loaded(n);
  return err;
}

int neap_load_file(neap_host *host, const char *path) {
  int err = check_load(host, path != NULL);
  return err < 0 ? err : load_script(host, &(np_load){.path = path});
}

int neap_load_buffer(neap_host *host, const char *text, size_t size,
                     const char *name) {
  int err = check_load(host, text != NULL);
  if (err < 0) return err;
  return load_script(
      host,
      &(np_load){.text = text, .size = size, .name = name ? name : "=script"});
}

/* [n, nil, function, arguments ..] */
static int keep_function(lua_State *L) {
  int count = lua_gettop(L) - 2;
  lua_createtable(L, count, 0);
  lua_insert(L, 3);
  for (int i = count; i > 0; i--) lua_rawseti(L, 3, i);
  lua_pushinteger(L, count - 1);
  lua_setfield(L, 3, "n");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chunk_key);
  return 0;
}

int neap_load_function(neap_host *host, int nargs) {
  int err = check_load(host, true);
  if (err < 0) return err;
  lua_State *L = host->inside->host.L;
  if (nargs < 0 || lua_gettop(L) <= nargs || !lua_isfunction(L, -(nargs + 1)))
    return np_refuse(host, NEAP_EINVAL, "no function below %d arguments",
                     nargs);
  err = np_protected_with(host, keep_function, NULL, L, nargs + 1);
  if (err == 0) set_loaded(host);
  return err;
}

/* ---- the main task ----------------------------------------------------- */

int np_spawn_main(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  np_host *h = &n->inside->host;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &chunk_key);
  int list = lua_gettop(L);
  lua_getfield(L, list, "n");
  int count = lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1)
                                   : (int)lua_rawlen(L, list) - 1;
  luaL_checkstack(L, count + LUA_MINSTACK, "too many arguments");
  for (int i = 0; i <= count; i++) lua_rawgeti(L, list, i + 1);
  np_task *t = np_spawn(L, h, count, NP_TASK_PLAIN);
  t->pinned = true;
  h->main = t;
  lua_rawsetp(L, LUA_REGISTRYINDEX, &main_key);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chunk_key);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &results_key);
  return 0;
}

int np_take_error(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &main_key);
  int task = lua_gettop(L);
  np_future_retrieved(L, task);
  lua_getiuservalue(L, task, NP_UV_VALUE);
  const char *message = luaL_tolstring(L, -1, NULL);
  np_future_extra(L, task);
  const char *trace = lua_rawgeti(L, -1, NP_EX_TRACE) == LUA_TSTRING
                          ? lua_tostring(L, -1)
                          : NULL;
  np_keep_error(n, message, trace);
  return 0;
}

int np_take_results(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &main_key);
  int task = lua_gettop(L), count = np_future_results(L, task);
  lua_createtable(L, count, 0);
  lua_insert(L, -(count + 1));
  int list = lua_gettop(L) - count;
  for (int i = count; i > 0; i--) lua_rawseti(L, list, i);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &results_key);
  n->nresults = count;
  return 0;
}

int neap_result_count(neap_host *host) {
  int err = np_enter(host);
  return err < 0 ? err : host->nresults;
}

typedef struct np_result {
  int index;
  neap_value *value;
} np_result;

static int get_result(lua_State *L) {
  np_result *r = lua_touserdata(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &results_key);
  lua_rawgeti(L, -1, r->index + 1);
  np_to_value(L, -1, r->value);
  return 0;
}

int neap_result(neap_host *host, int index, neap_value *value) {
  int err = np_enter(host);
  if (err < 0) return err;
  if (!value || index < 0 || index >= host->nresults)
    return np_refuse(host, NEAP_EINVAL, "no result %d of %d", index,
                     host->nresults);
  return np_protected(host, get_result, &(np_result){index, value});
}
