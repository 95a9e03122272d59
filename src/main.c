/*
 * main.c: the command `neap`. The options are those of `lua`; what they name
 * and the script run one after another in the main task, so each may wait.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/interrupt.h"
#include "api/lib.h"
#include "base/class.h"
#include "base/err.h"
#include "core/loop.h"
#include "core/task.h"
#include "io/stdwire.h"

static const char *progname = "neap";

typedef struct warning_state {
  bool on;
  bool joining; /* the last part said that more follows */
} warning_state;

typedef struct np_args {
  int argc;
  char **argv;
  int script;      /* index of the script, or argc */
  bool version;    /* -v */
  bool no_env;     /* -E */
  bool stdin_;     /* the script is "-" */
  bool options;    /* some -e or -l */
  bool unloadable; /* what was to run did not compile: no traceback */
} np_args;

static void usage(const char *bad) {
  fprintf(stderr, "%s: ", progname);
  if (bad[1] == 'e' || bad[1] == 'l')
    fprintf(stderr, "'%s' needs argument\n", bad);
  else
    fprintf(stderr, "unrecognized option '%s'\n", bad);
  fprintf(stderr,
          "usage: %s [options] [script [args]]\n"
          "Available options are:\n"
          "  -e stat   execute string 'stat'\n"
          "  -l mod    require library 'mod' into global 'mod'\n"
          "  -l g=mod  require library 'mod' into global 'g'\n"
          "  -v        show version information\n"
          "  -E        ignore environment variables\n"
          "  -W        turn warnings on\n"
          "  --        stop handling options\n"
          "  -         stop handling options and execute stdin\n",
          progname);
}

/* The option that is wrong, or NULL. */
static const char *parse(np_args *a) {
  int i = 1;
  for (; i < a->argc; i++) {
    const char *arg = a->argv[i];
    if (arg[0] != '-') break;
    if (strcmp(arg, "--") == 0) {
      i++;
      break;
    }
    if (strcmp(arg, "-") == 0) {
      a->stdin_ = true;
      break;
    }
    if (strcmp(arg, "-E") == 0) {
      a->no_env = true;
    } else if (strcmp(arg, "-W") == 0) {
      a->options = true;
    } else if (strcmp(arg, "-v") == 0) {
      a->version = true;
    } else if (arg[1] == 'e' || arg[1] == 'l') {
      a->options = true;
      if (arg[2] == '\0' && ++i >= a->argc) return arg;
      if (arg[2] == '\0' && a->argv[i][0] == '-') return arg;
    } else {
      return arg;
    }
  }
  a->script = i;
  return NULL;
}

static void push_arg_table(lua_State *L, const np_args *a) {
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

/* [..] -> [.. chunk args ..]; returns the number of arguments, -1: an error. */
static int push_script(lua_State *L, np_args *a) {
  const char *name = a->stdin_ ? NULL : a->argv[a->script];
  if (luaL_loadfile(L, name) != LUA_OK) return refuse(L, a);
  int n = a->argc - a->script - 1;
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 1; i <= n; i++) lua_pushstring(L, a->argv[a->script + i]);
  return n;
}

/* [..] -> [.. fn args ..] for LUA_INIT; false when there is none. */
static bool push_init(lua_State *L, np_args *a) {
  const char *name = "=LUA_INIT_5_4", *init = getenv(name + 1);
  if (!init) init = getenv((name = "=LUA_INIT") + 1);
  if (!init) return false;
  int status = *init == '@' ? luaL_loadfile(L, init + 1)
                            : luaL_loadbuffer(L, init, strlen(init), name);
  if (status != LUA_OK) refuse(L, a);
  return true;
}

static int steps(lua_State *L, int status, lua_KContext ctx);

/* `require`s the module of -l g=mod, then steps stores it as a global. */
static void call_require(lua_State *L, const char *spec, lua_KContext next) {
  const char *eq = strchr(spec, '=');
  lua_settop(L, 1);
  if (eq)
    lua_pushlstring(L, spec, (size_t)(eq - spec));
  else
    lua_pushstring(L, spec);
  lua_getglobal(L, "require");
  lua_pushstring(L, eq ? eq + 1 : spec);
  lua_callk(L, 1, 1, next, steps);
}

/* Stores what call_require left: [args, name, module]. */
static void store_module(lua_State *L) {
  if (lua_gettop(L) == 3) lua_setglobal(L, lua_tostring(L, 2));
  lua_settop(L, 1);
}

/* The body of the main task: [np_args]. ctx is the argument to look at. */
static int steps(lua_State *L, int status, lua_KContext ctx) {
  np_args *a = lua_touserdata(L, 1);
  (void)status;
  for (;;) {
    int i = (int)ctx++;
    if (i > a->argc) return 0; /* the script has returned */
    store_module(L);
    if (i == 0) {
      if (!a->no_env && push_init(L, a)) lua_callk(L, 0, 0, ctx, steps);
    } else if (i < a->script && a->argv[i][0] == '-') {
      const char *arg = a->argv[i];
      if (strcmp(arg, "-W") == 0) lua_warning(L, "@on", 0);
      if (arg[1] != 'e' && arg[1] != 'l') continue;
      const char *text = arg[2] ? arg + 2 : a->argv[ctx++];
      if (arg[1] == 'l') {
        call_require(L, text, ctx);
        continue;
      }
      if (luaL_loadbuffer(L, text, strlen(text), "=(command line)") != LUA_OK)
        return refuse(L, a);
      lua_callk(L, 0, 0, ctx, steps);
    } else if (i >= a->script) {
      break;
    }
  }
  if (a->script >= a->argc && (a->options || a->version)) return 0;
  np_args stdin_args = {.argc = 0, .script = 0, .stdin_ = true};
  int n = push_script(L, a->script < a->argc ? a : &stdin_args);
  lua_callk(L, n < 0 ? 0 : n, 0, (lua_KContext)a->argc + 1, steps);
  return 0;
}

static int main_body(lua_State *L) { return steps(L, LUA_OK, 0); }

/* [host, args]: opens everything and spawns the main task. */
static int open_all(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  np_args *a = lua_touserdata(L, 2);
  luaL_checkversion(L);
  if (a->no_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  np_lib_open(L, h);
  push_arg_table(L, a);
  lua_settop(L, 2);
  lua_pushcfunction(L, main_body);
  lua_insert(L, 2);
  h->main = np_spawn(L, h, 1, NP_TASK_PLAIN);
  h->main->pinned = true;
  lua_setfield(L, LUA_REGISTRYINDEX, "neap.main");
  return 0;
}

/* Upvalue 1: without a traceback. Writes the error of the main task as `lua` does. */
static int report_main(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "neap.main");
  np_future_retrieved(L, 1);
  lua_getiuservalue(L, 1, NP_UV_VALUE);
  const char *msg = lua_tostring(L, 2);
  if (!msg && luaL_callmeta(L, 2, "__tostring")) msg = lua_tostring(L, -1);
  if (!msg)
    msg =
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 2));
  fflush(stdout);
  fprintf(stderr, "%s: %s\n", progname, msg);
  if (lua_toboolean(L, lua_upvalueindex(1))) return 0;
  np_task_extra(L, 1);
  if (lua_rawgeti(L, -1, NP_EX_TRACE) == LUA_TSTRING)
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  return 0;
}

static int panic(lua_State *L) {
  const char *msg = lua_tostring(L, -1);
  fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n",
          msg ? msg : "error object is not a string");
  return 0; /* Lua aborts */
}

/* Warnings as `lua` shows them: "@on" and "@off" switch, parts are joined. */
static void warn(void *ud, const char *msg, int more) {
  warning_state *w = ud;
  bool control = !w->joining && !more && *msg == '@';
  if (control) {
    if (strcmp(msg, "@on") == 0) w->on = true;
    if (strcmp(msg, "@off") == 0) w->on = false;
    return;
  }
  if (w->on)
    fprintf(stderr, "%s%s%s", w->joining ? "" : "Lua warning: ", msg,
            more ? "" : "\n");
  w->joining = more;
}

/* As many descriptors as the system allows; children get the old limit. */
static void raise_descriptors(np_host *h) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  h->child_descriptors = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_program(np_host *h, np_args *a, np_interrupt_state *signals) {
  lua_State *L = h->L;
  if (np_interrupt_init(signals, h) < 0)
    fprintf(stderr, "%s: cannot watch signals\n", progname);
  lua_pushcfunction(L, open_all);
  lua_pushlightuserdata(L, h);
  lua_pushlightuserdata(L, a);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s: %s\n", progname, lua_tostring(L, -1));
    h->failed = true;
  } else {
    np_loop_run(h);
    if (h->main_failed && !h->exit_called && !signals->signum) {
      h->failed = true;
      lua_pushboolean(L, a->unloadable);
      lua_pushcclosure(L, report_main, 1);
      if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
    }
    np_loop_unwind(h, h->grace);
  }
  np_interrupt_close(signals);
  if (signals->signum) return 128 + signals->signum;
  return h->exit_called ? h->exit_code
         : h->failed    ? EXIT_FAILURE
                        : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  np_args args = {.argc = argc, .argv = argv, .script = argc};
  static np_host host; /* zeroed, and never moved; libuv keeps pointers */
  static np_interrupt_state signals;
  static warning_state warnings;
  if (argc > 0 && argv[0][0]) progname = argv[0];
  const char *bad = parse(&args);
  if (bad) {
    usage(bad);
    return EXIT_FAILURE;
  }
  if (args.version) printf("neap %s on %s\n", NP_VERSION, LUA_RELEASE);
  np_stdwire_reserve();
  signal(SIGPIPE, SIG_IGN);
  raise_descriptors(&host);
  lua_State *L = lua_newstate(np_pool_alloc, &host);
  if (!L || np_host_init(&host, NULL) < 0) {
    fprintf(stderr, "%s: cannot create state: not enough memory\n", progname);
    return EXIT_FAILURE;
  }
  lua_atpanic(L, panic);
  lua_setwarnf(L, warn, &warnings);
  host.L = L;
  host.owns_state = true;
  host.command = host.yieldable_require = true;
  *(void **)lua_getextraspace(L) = NULL; /* Lua leaves it as it was */
  int status = run_program(&host, &args, &signals);
  np_lib_close(&host);
  return status;
}
