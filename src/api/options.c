/*
 * options.c: checks what neap_open is given and puts it into effect, in the
 * order that one thing needs of another.
 */
#include "api/options.h"

#include <lualib.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "api/lib.h"
#include "core/limits.h"

void neap_options_fill(neap_options *options, int abi, size_t size) {
  neap_options defaults = {
      .grace = 5, .max_posts = 65536, .libraries = NEAP_LIB_ALL};
  if (!options) return;
  memset(options, 0, size);
  memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
  options->abi = abi;
  options->size = size;
}

static bool is_time(double seconds) {
  return seconds >= 0 && seconds <= 86400; /* no NaN */
}

/* A struct of another size: what we do not know must be unused. */
static bool is_abi(const neap_options *o) {
  if (o->abi != NEAP_ABI || o->size < offsetof(neap_options, libraries))
    return false;
  const char *bytes = (const char *)o;
  for (size_t i = sizeof *o; i < o->size; i++)
    if (bytes[i]) return false;
  return true;
}

static const char *wrong_modules(const neap_options *o) {
  for (const char *const *m = o->modules; m && *m; m++)
    if (!np_sandbox_knows(*m)) return "modules: a name is no module of neap";
  return NULL;
}

static const char *wrong_value(const neap_options *o) {
  if (!(o->grace >= 0)) return "grace: seconds, 0 or more";
  if (o->argc < 0 || o->argc > 100000) return "argc: 0 to 100000";
  if (o->argc > 0 && !o->argv) return "argv: NULL, but argc is not 0";
  for (int i = 0; i < o->argc; i++)
    if (!o->argv[i]) return "argv: an argument is NULL";
  if (!is_time(o->time_limit)) return "time_limit: 0 to 86400 seconds";
  if (!is_time(o->preempt)) return "preempt: 0 to 86400 seconds";
  if (o->preempt_signal &&
      (o->preempt_signal < SIGRTMIN || o->preempt_signal > SIGRTMAX))
    return "preempt_signal: a real-time signal, or 0";
  if (o->libraries & ~(unsigned)NEAP_LIB_ALL)
    return "libraries: an unknown bit is set";
  return wrong_modules(o);
}

/* A copy of the whole size; 0 or NEAP_EABI. */
static int take(neap_options *to, const neap_options *from) {
  neap_options_init(to);
  if (!from) return 0;
  if (!is_abi(from)) return NEAP_EABI;
  memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
  return 0;
}

const char *neap_options_error(const neap_options *options) {
  neap_options o;
  if (take(&o, options) < 0) return neap_strerror(NEAP_EABI);
  return wrong_value(&o);
}

int np_options_copy(neap_options *to, const neap_options *from) {
  int err = take(to, from);
  if (err < 0) return err;
  return wrong_value(to) ? NEAP_EINVAL : 0;
}

/* ---- into effect ------------------------------------------------------- */

static void on_broken(np_host *h, const char *text) {
  neap_host *n = h->api;
  if (!n->report) n->report = np_join_error(text, NULL);
}

static void on_warning(void *ud, const char *text) {
  neap_host *n = ud;
  n->in_call++;
  n->options.warn(n->options.ud, text);
  n->in_call--;
}

void np_options_hooks(neap_host *n) {
  np_host *h = &n->inside->host;
  h->on_broken = on_broken;
  if (!n->options.warn) return;
  h->on_warning = on_warning;
  h->on_warning_ud = n;
}

/* [.. neap] -> [.. neap] */
static void set_report(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushcfunction(L, np_output_report);
  lua_setfield(L, -2, "neap.report");
  lua_pop(L, 1);
}

/* [.. neap] -> [.. neap]  os.exit ends the program, not the application. */
static void replace_exit(lua_State *L) {
  lua_getglobal(L, "os");
  lua_getfield(L, -2, "exit");
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}

static void set_debug(lua_State *L) {
  if (lua_getfield(L, -1, "debug") == LUA_TFUNCTION) {
    lua_pushboolean(L, 1);
    lua_call(L, 1, 0);
  } else {
    lua_pop(L, 1);
  }
}

void np_options_open(lua_State *L, neap_host *n) {
  const neap_options *o = &n->options;
  bool hides = np_sandbox_wanted(o);
  if (o->ignore_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  if (o->output) np_output_open(L, n);
  if (o->warn) lua_setwarnf(L, np_output_warning, n);
  if (hides) np_sandbox_begin(L);
  np_lib_open(L, &n->inside->host);
  set_report(L);
  replace_exit(L);
  if (o->debug) set_debug(L);
  if (hides) np_sandbox_end(L, n);
  np_modules_open(L, n);
  n->options.modules = NULL; /* the application's */
  n->options.path = n->options.cpath = NULL;
}

int np_options_limits(neap_host *n) {
  const neap_options *o = &n->options;
  np_limits limits = {.memory = o->memory_limit,
                      .time = o->time_limit,
                      .preempt = o->preempt,
                      .tasks = o->max_tasks,
                      .handles = o->max_handles,
                      .timers = o->max_timers,
                      .processes = o->max_processes,
                      .signum = o->preempt_signal};
  int err = np_limits_set(&n->inside->host, &limits);
  return err == UV_EINVAL ? NEAP_EINVAL : err;
}
