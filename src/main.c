/*
 * main.c: the command `neap`: opens a host, runs the main task (cmd/steps.h)
 * and the loop to their end, and says how it ended.
 */
#include <lauxlib.h>
#include <lualib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/interrupt.h"
#include "api/lib.h"
#include "base/class.h"
#include "base/err.h"
#include "cmd/args.h"
#include "cmd/payload.h"
#include "cmd/steps.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/task.h"
#include "io/stdwire.h"

typedef struct warning_state {
  bool on;
  bool joining; /* the last part said that more follows */
} warning_state;

typedef struct np_program {
  np_args args;
  char *payload; /* NULL: none */
  size_t payload_size;
} np_program;

/* neap.debug(true), where this build has it. */
static void set_debug(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "neap");
  lua_call(L, 1, 1);
  if (lua_getfield(L, -1, "debug") == LUA_TFUNCTION) {
    lua_pushboolean(L, 1);
    lua_call(L, 1, 0);
  }
}

static bool wants_debug(const np_args *a) {
  const char *variable = a->no_env ? NULL : getenv("NEAP_DEBUG");
  return a->debug || (variable && *variable && strcmp(variable, "0") != 0);
}

/* [host, program]: opens everything and spawns the main task. */
static int open_all(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  np_program *p = lua_touserdata(L, 2);
  luaL_checkversion(L);
  if (p->args.no_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  np_lib_open(L, h);
  np_steps_arg(L, &p->args);
  if (wants_debug(&p->args)) set_debug(L);
  lua_settop(L, 0);
  lua_pushcfunction(L, np_steps);
  lua_pushlightuserdata(L, &p->args);
  lua_pushlstring(L, p->payload ? p->payload : "", p->payload_size);
  h->main = np_spawn(L, h, 2, NP_TASK_PLAIN);
  h->main->pinned = true;
  lua_setfield(L, LUA_REGISTRYINDEX, "neap.main");
  return 0;
}

/* [.. error] -> [.. text]  What `lua` would print; true if a traceback follows.
 * Those of neap's errors are shown too. */
static bool error_text(lua_State *L) {
  if (lua_isstring(L, -1)) return true;
  if (luaL_callmeta(L, -1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
    return np_errcode(L, -2) != NULL;
  lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  return true;
}

/* Upvalue 1: the program. Writes the error of the main task as `lua` does. */
static int report_main(lua_State *L) {
  const np_program *p = lua_touserdata(L, lua_upvalueindex(1));
  lua_getfield(L, LUA_REGISTRYINDEX, "neap.main");
  np_future_retrieved(L, 1);
  lua_getiuservalue(L, 1, NP_UV_VALUE);
  lua_rotate(L, 1, 1); /* error, task */
  lua_pushvalue(L, 1);
  bool traced = error_text(L) && !p->args.unloadable;
  fflush(stdout);
  fprintf(stderr, "%s: %s\n", np_progname(&p->args), lua_tostring(L, -1));
  if (!traced) return 0;
  np_future_extra(L, 2);
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

/* A parent may have left any signal blocked: then children would end unheard,
 * and nothing would stop code that computes. */
static void unblock_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int run_program(np_host *h, np_program *p, np_interrupt_state *signals) {
  lua_State *L = h->L;
  const char *name = np_progname(&p->args);
  if (np_interrupt_init(signals, h) < 0)
    fprintf(stderr, "%s: cannot watch signals\n", name);
  lua_pushcfunction(L, open_all);
  lua_pushlightuserdata(L, h);
  lua_pushlightuserdata(L, p);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s: %s\n", name, lua_tostring(L, -1));
    h->failed = true;
  } else {
    np_loop_run(h);
    if (h->main_failed && !h->exit_called && !signals->signum) {
      h->failed = true;
      lua_pushlightuserdata(L, p);
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

/* The arguments, or the program that lies behind this file; true to go on,
 * else *status is that of the process. */
static bool begin(np_program *p, int *status) {
  bool broken;
  *status = EXIT_FAILURE;
  p->payload = np_payload_read(&p->payload_size, &broken);
  if (broken) {
    fprintf(stderr, "%s: the program in this file is damaged\n",
            np_progname(&p->args));
    return false;
  }
  if (p->payload) {
    p->args.mode = NP_PROGRAM;
    p->args.script = p->args.argc;
    p->args.no_env = false;
    return true;
  }
  if (!np_args_parse(&p->args)) return false;
  if (p->args.help) {
    np_args_help();
    *status = EXIT_SUCCESS;
    return false;
  }
  if (p->args.version && p->args.mode == NP_RUN) np_steps_version();
  return true;
}

/* A prompt has preemption: what is typed there shall not stop the tasks behind
 * it, nor Ctrl-C. */
static bool set_limits(np_host *h, const np_args *a) {
  np_limits limits = {
      .memory = a->memory, .time = a->time, .preempt = a->preempt};
  bool prompt =
      a->interactive || (a->mode == NP_RUN && a->script >= a->argc &&
                         !a->statement && !a->version && isatty(STDIN_FILENO));
  if (prompt && limits.preempt == 0) limits.preempt = NP_DEFAULT_PREEMPT;
  if (!limits.memory && limits.time == 0 && limits.preempt == 0) return true;
  int err = np_limits_set(h, &limits);
  if (err < 0)
    fprintf(stderr, "%s: cannot set the limits: %s\n", np_progname(a),
            uv_strerror(err));
  return err == 0;
}

static bool open_host(np_host *h, warning_state *warnings) {
  lua_State *L = lua_newstate(np_pool_alloc, h);
  if (!L || np_host_init(h, NULL) < 0) return false;
  lua_atpanic(L, panic);
  lua_setwarnf(L, warn, warnings);
  h->L = L;
  h->owns_state = true;
  h->command = h->yieldable_require = true;
  *(void **)lua_getextraspace(L) = NULL; /* Lua leaves it as it was */
  return true;
}

/* Large strings come and go with each message: that the C library gives the
 * top of its memory back at once and asks for it again, page by page, would
 * cost a tenth of the time of an encrypted echo of 16 KiB. */
static void keep_memory(void) {
#ifdef __GLIBC__
  enum { KEPT = 2 * 1024 * 1024, MORE = 256 * 1024 };
  mallopt(M_TRIM_THRESHOLD, KEPT);
  mallopt(M_TOP_PAD, MORE);
#endif
}

int main(int argc, char **argv) {
  np_program program = {.args = {.argc = argc, .argv = argv}};
  static np_host host; /* zeroed, and never moved; libuv keeps pointers */
  static np_interrupt_state signals;
  static warning_state warnings;
  int status;
  if (!begin(&program, &status)) return status;
  keep_memory();
  np_stdwire_reserve();
  signal(SIGPIPE, SIG_IGN);
  unblock_signals();
  raise_descriptors(&host);
  if (!open_host(&host, &warnings)) {
    fprintf(stderr, "%s: cannot create state: not enough memory\n",
            np_progname(&program.args));
    return EXIT_FAILURE;
  }
  status = EXIT_FAILURE;
  if (set_limits(&host, &program.args))
    status = run_program(&host, &program, &signals);
  np_lib_close(&host);
  free(program.payload);
  return status;
}
