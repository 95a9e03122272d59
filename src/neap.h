/*
 * neap.h: embedding neap, an async scripting host: Lua 5.4 on libuv.
 *
 * A host owns a Lua state and a loop, or lives on a loop of the application.
 * There are no globals: any number of hosts can live in a process, each used
 * by one thread at a time. Functions return 0 or a negative code (NEAP_E...,
 * or a libuv code such as UV_ENOMEM) and never exit, print or touch signals,
 * but that the default exception handler writes to stderr what no task and no
 * handler of the script took.
 *
 *   neap_options options;
 *   neap_options_init(&options);
 *   neap_host *host;
 *   int err = neap_open(&host, &options);
 *   if (err == 0) err = neap_load_file(host, "script.lua");
 *   if (err == 0) err = neap_run(host);
 *   if (err != 0) fprintf(stderr, "%s\n", neap_error_text(host));
 *   neap_close(host);
 */
#ifndef NEAP_H
#define NEAP_H

#include <lua.h>
#include <stddef.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when the meaning of what is below changes. */
#define NEAP_ABI 1

enum {
  NEAP_EABI = -10001,      /* the options are of another NEAP_ABI */
  NEAP_ESTATE = -10002,    /* not now: no script, running, inside a task */
  NEAP_ESYNTAX = -10003,   /* the script does not compile or cannot be read */
  NEAP_ESCRIPT = -10004,   /* the main chunk raised an error */
  NEAP_EDEADLOCK = -10005, /* every task waited for good */
  NEAP_EREPORTED = -10006  /* a failure reached the default handler */
};

typedef struct neap_host neap_host;

typedef struct neap_options {
  int abi;         /* NEAP_ABI */
  uv_loop_t *loop; /* the application's loop, which outlives the host; NULL:
                         a loop of its own */
  int argc;        /* the script's arguments: ... and the table arg */
  const char *const *argv; /* copied by neap_load_* */
  double grace;   /* seconds that cleanup may take when the host closes */
  int ignore_env; /* not 0: LUA_PATH and LUA_CPATH are not read */
} neap_options;

/* Fills in the defaults: a loop of its own, no arguments, 5 s of grace. */
void neap_options_init(neap_options *options);

/* Makes a host with Lua's standard libraries and the module `neap`; options
 * may be NULL. On failure *host is NULL. The host is the caller's to close. */
int neap_open(neap_host **host, const neap_options *options);

/* The state of the host, for registering C functions and modules before the
 * script runs. It belongs to the host. */
lua_State *neap_state(neap_host *host);

/* Compiles a script as the main chunk; it runs in neap_run, as a task.
 * `name` is the chunk's name as in luaL_loadbuffer ("@game.lua"). */
int neap_load_file(neap_host *host, const char *path);
int neap_load_buffer(neap_host *host, const char *text, size_t size,
                     const char *name);

/* Runs the loop until the program has ended: the main chunk has returned and
 * nothing is left that keeps it alive; then unwinds what is left. */
int neap_run(neap_host *host);

/* What went wrong last, with a traceback where there is one; "" for nothing.
 * The text lives until the next call for this host. */
const char *neap_error_text(neap_host *host);

/* The status that the script asked for with neap.exit or os.exit(code, true),
 * else 0. */
int neap_exit_status(const neap_host *host);

/* Cancels and unwinds every task, for at most the grace time, closes every
 * handle and frees the host. Not from inside a task: NEAP_ESTATE. NULL is 0. */
int neap_close(neap_host *host);

#ifdef __cplusplus
}
#endif

#endif
