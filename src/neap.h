/*
 * neap.h: embedding neap, an async scripting host: Lua 5.4 on libuv.
 *
 *   neap_options options;
 *   neap_options_init(&options);
 *   neap_host *host;
 *   int err = neap_open(&host, &options);
 *   if (err == 0) err = neap_load_file(host, "script.lua");
 *   if (err == 0) err = neap_run(host);
 *   if (err != 0) fprintf(stderr, "%s\n", neap_error_text(host));
 *   neap_free(host);
 *
 * A host owns a Lua state and a loop, or lives on a loop of the application.
 * There are no globals: any number of hosts live in a process.
 *
 * Three rules hold for every function here that does not say otherwise.
 *
 *   Threads. A host belongs to the thread that opened it, or that called
 *   neap_adopt last; another one gets NEAP_ETHREAD, and nothing has happened.
 *   Those marked **any thread** may be called from everywhere.
 *
 *   Errors. The result is 0 or a negative code: NEAP_E..., or one of libuv's
 *   (UV_ENOMEM). A function that fails has done nothing. neap_error_text says
 *   more, neap_strerror names the code. NULL where a pointer is needed is
 *   NEAP_EINVAL; a host that is closed, NEAP_ECLOSED.
 *
 *   Memory. What you pass in is copied or used before the function returns.
 *   `const char *` results belong to the host.
 *
 * neap never exits, never prints and never touches a signal, unless an option
 * asks for it or the script does.
 */
#ifndef NEAP_H
#define NEAP_H

#include <stddef.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <lauxlib.h>
#include <lua.h>

/* Grows when the meaning of what is below changes. */
#define NEAP_ABI 1

enum {
  NEAP_EABI = -10001,       /* the options are of another NEAP_ABI */
  NEAP_ESTATE = -10002,     /* not now: no script, running, inside a call */
  NEAP_ESYNTAX = -10003,    /* the script does not compile or be read */
  NEAP_ESCRIPT = -10004,    /* the script raised an error */
  NEAP_EDEADLOCK = -10005,  /* every task waited for good */
  NEAP_EREPORTED = -10006,  /* it ended well, but a task of it failed and
                               nobody took the error */
  NEAP_EINVAL = -10007,     /* an argument is NULL or out of range */
  NEAP_ETHREAD = -10008,    /* the host belongs to another thread */
  NEAP_ECLOSED = -10009,    /* the host is closed, or closing */
  NEAP_EFULL = -10010,      /* too many posts wait (options.max_posts) */
  NEAP_ECANCELLED = -10011, /* the future or the task was cancelled */
  NEAP_ESTOPPED = -10012    /* neap_stop or closing ended the program */
};

/* What a code means; also for libuv's. Lives for ever. **any thread** */
const char *neap_strerror(int code);

typedef struct neap_host neap_host;
typedef struct neap_future neap_future;

/* ---- values ---------------------------------------------------------------
 * What goes in and comes out without the Lua API. Anything that is none of the
 * first five is NEAP_OTHER, whose string is the name of its type. */

typedef enum neap_type {
  NEAP_NIL,
  NEAP_BOOLEAN,
  NEAP_INTEGER,
  NEAP_NUMBER,
  NEAP_STRING,
  NEAP_OTHER
} neap_type;

typedef struct neap_value {
  neap_type type;
  union {
    int boolean;
    lua_Integer integer;
    lua_Number number;
    struct {
      const char *data; /* zeros may be inside; one follows */
      size_t size;
    } string;
  } as;
} neap_value;

neap_value neap_nil(void);
neap_value neap_boolean(int b);
neap_value neap_integer(lua_Integer i);
neap_value neap_number(lua_Number n);
neap_value neap_string(const char *s); /* up to the zero; NULL is nil */
neap_value neap_bytes(const char *data, size_t size);

/* ---- options --------------------------------------------------------------*/

/* The standard libraries, for options.libraries. */
enum {
  NEAP_LIB_BASE = 1,    /* print, pcall, load, ...; without NEAP_LIB_IO there is
                        no dofile and no loadfile */
  NEAP_LIB_PACKAGE = 2, /* require and package */
  NEAP_LIB_COROUTINE = 4,
  NEAP_LIB_TABLE = 8,
  NEAP_LIB_IO = 16,
  NEAP_LIB_OS = 32,
  NEAP_LIB_STRING = 64, /* methods of strings are there in any case */
  NEAP_LIB_MATH = 128,
  NEAP_LIB_UTF8 = 256,
  NEAP_LIB_DEBUG = 512, /* opens every other door as well */
  NEAP_LIB_ALL = 1023,
  /* for scripts that are not trusted: no files, processes, debug */
  NEAP_LIB_SAFE = NEAP_LIB_ALL & ~(NEAP_LIB_IO | NEAP_LIB_OS | NEAP_LIB_DEBUG)
};

/* The text of a module that options.find_module found. */
typedef struct neap_source {
  const char *text;
  size_t size;
  const char *name; /* of the chunk, as in luaL_loadbuffer; NULL: the module */
  void (*free)(void *ud, const char *text); /* NULL: nothing to free */
} neap_source;

/* An error that no task and no handler of the script took. */
typedef struct neap_report {
  const char *message;   /* what happened */
  const char *error;     /* the error as a text, or "" */
  const char *traceback; /* or "" */
} neap_report;

typedef struct neap_options {
  int abi;     /* NEAP_ABI and */
  size_t size; /* the size of this struct: neap_options_init sets both */
  void *ud;    /* given to the callbacks below */

  uv_loop_t *loop;     /* the application's, which must outlive the host;
                          NULL: a loop of its own */
  lua_Alloc allocator; /* NULL: malloc. Called only by the host's thread; a
                          host itself and what other threads hand over
                          come from malloc */
  void *allocator_ud;
  double grace;     /* seconds that cleanup may take at the end; then tasks
                         are closed by force. Default 5 */
  size_t max_posts; /* that wait to be run. Default 65536 */
  int argc;         /* the script's arguments: ... and the table arg */
  const char *const *argv;
  int ignore_env;     /* not 0: LUA_PATH and LUA_CPATH are not read */
  int ignore_sigpipe; /* not 0: SIGPIPE is ignored in the whole process, if
                         nobody has a handler for it. One wants that: without
                         it a peer or child that is gone ends the process */
  int debug;          /* not 0: debug mode, as neap.debug(true) */

  /* Limits; 0 is none. See neap_open on what happens at them. */
  size_t memory_limit;    /* bytes of Lua's and of neap's own memory */
  double time_limit;      /* seconds a task may hold the loop */
  double preempt;         /* seconds after which a computing task gives way */
  unsigned max_tasks;     /* live ones */
  unsigned max_handles;   /* sockets, files, ... */
  unsigned max_timers;    /* sleeps, timeouts, call_later */
  unsigned max_processes; /* children */
  int preempt_signal;     /* a real-time signal that time_limit and preempt
                             use; 0: neap chooses one */

  /* What scripts may see. */
  unsigned libraries;         /* NEAP_LIB_...; default NEAP_LIB_ALL */
  const char *const *modules; /* of neap ("net", "fs", "stdio", ...), ending
                                 with NULL; NULL: all. Using another one
                                 raises an error that says so */
  int no_c_modules;           /* not 0: no C modules, no package.loadlib */
  int no_bytecode;   /* not 0: only text is loaded. Precompiled chunks can
                            crash Lua: no bytecode for untrusted scripts */
  const char *path;  /* package.path; NULL: Lua's default, "": no files */
  const char *cpath; /* package.cpath */
  /* Finds a module before the path does: 1 and *source filled in, or 0. */
  int (*find_module)(void *ud, const char *name, neap_source *source);

  /* Output. NULL: nobody is told, but print and io write as in `lua`. */
  /* What print, io.write, io.stdout (fd 1) and io.stderr (fd 2) write.
   * neap.stdout and its like are refused then, unless in `modules`. */
  void (*output)(void *ud, int fd, const char *data, size_t size);
  /* A whole warning, of Lua's `warn` or of debug mode, whose warnings are
   * otherwise written to stderr. */
  void (*warn)(void *ud, const char *text);
  /* An error nobody took. Without it the first one is the text of
   * NEAP_EREPORTED. The script's own exception handler comes before. */
  void (*on_error)(void *ud, const neap_report *report);
  int print_errors; /* not 0: such errors are written to stderr */
} neap_options;

/* Fills in the defaults. NULL is allowed. **any thread** */
void neap_options_fill(neap_options *options, int abi, size_t size);
static inline void neap_options_init(neap_options *options) {
  neap_options_fill(options, NEAP_ABI, sizeof *options);
}

/* What is wrong with the options, or NULL: a text that lives for ever and
 * names the field. neap_open gives NEAP_EABI or NEAP_EINVAL for them.
 * **any thread** */
const char *neap_options_error(const neap_options *options);

/* ---- the life of a host ---------------------------------------------------*/

/* Makes a host with Lua's standard libraries and the module `neap`; options
 * may be NULL. On failure *host is NULL. It is the caller's to free.
 * A task that exceeds memory_limit gets "not enough memory", one that exceeds
 * time_limit an error that no pcall takes; going on, it is ended. One that
 * asks for more tasks, handles, timers or processes gets LIMIT. The host and
 * its other tasks go on. */
int neap_open(neap_host **host, const neap_options *options);

/* Cancels and unwinds every task, for at most the grace time, closes every
 * handle and the Lua state. `<close>` handlers run, posts and futures that
 * were accepted are delivered. What is left of the host is its texts, its
 * results and refusals (NEAP_ECLOSED) until neap_free. 0 for a closed host.
 * NEAP_ESTATE inside of a call from the host: a C function of a script, a
 * callback of this header, a callback of a loop that it owns. On an
 * application's loop it runs that loop, so inside a callback there use
 * neap_close_async. */
int neap_close(neap_host *host);

/* The same without waiting, for at most `grace` seconds (less than 0: the
 * option's): goes on while the loop runs (or neap_step is called), and calls
 * on_closed (may be NULL) when everything is closed. From then on, and not
 * before, an application's loop may be closed. Also from inside of calls, but
 * not while neap_run is at work. */
int neap_close_async(neap_host *host, double grace,
                     void (*on_closed)(neap_host *host, void *ud), void *ud);

/* Closes the host if it is open, and frees it: the pointer is invalid then,
 * unless neap_hold was called. Fails only as neap_close does. NULL is 0. */
int neap_free(neap_host *host);

/* For a thread that may outlive the host: the pointer stays valid, if only to
 * be refused, until neap_drop has been called as often as neap_hold.
 * NULL is allowed. **any thread** */
void neap_hold(neap_host *host);
void neap_drop(neap_host *host);

/* The host belongs to the calling thread from now on. NEAP_ESTATE while it
 * runs. The other thread must be done with it. **any thread** */
int neap_adopt(neap_host *host);

/* ---- scripts --------------------------------------------------------------*/

/* Compiles a script as the next program's main chunk; `name` is the chunk's
 * name as in luaL_loadbuffer ("@game.lua"; NULL: "=script"). NEAP_ESYNTAX, or
 * NEAP_ESTATE while one is loaded or runs. */
int neap_load_file(neap_host *host, const char *path);
int neap_load_buffer(neap_host *host, const char *text, size_t size,
                     const char *name);

/* The same with a function and its `nargs` arguments, which are on top of the
 * stack of neap_state and are taken from it. */
int neap_load_function(neap_host *host, int nargs);

/* ---- four ways to drive it ------------------------------------------------
 * A program is what was loaded and all that it starts. It has ended when the
 * main chunk has returned and nothing is left that keeps it alive, or failed;
 * what is left then is cancelled and unwound. */

/* 1. Runs the loop until the program has ended. 0, NEAP_ESCRIPT,
 * NEAP_EDEADLOCK, NEAP_EREPORTED or NEAP_ESTOPPED. Without a script it runs
 * what was spawned. A host on a thread of its own does just this. */
int neap_run(neap_host *host);

/* 2. Starts the program and returns; the application runs the loop, which is
 * usually its own (options.loop). on_end (may be NULL) gets what neap_run
 * would return, from the loop. Nobody tells of a deadlock then. */
int neap_start(neap_host *host,
               void (*on_end)(neap_host *host, int result, void *ud), void *ud);

/* 3. One turn of the host's own loop: starts the program, if one is loaded,
 * and does what is ready; waits for something first, if `wait` is not 0.
 * 1: not ended yet. 0 or a negative code: ended, as neap_run; again 0 when
 * there is nothing to run. NEAP_ESTATE on an application's loop. */
int neap_step(neap_host *host, int wait);

/* For an application that polls: the descriptor to wait for (to read), and for
 * at most how many milliseconds (-1: for ever) before it calls neap_step.
 * Ask for the timeout each time, right before polling. Negative codes for the
 * descriptor; the timeout is 0 where it should have been one. */
int neap_fd(neap_host *host);
int neap_timeout(neap_host *host);

/* 4. The loop itself, of whichever kind, or NULL. Handles of the application
 * on a host's own loop are closed by the application, before the host is
 * (those that are left are closed without their callbacks). */
uv_loop_t *neap_loop(neap_host *host);

/* Ends the program as neap.exit does: every task is cancelled and unwound, and
 * the result is NEAP_ESTOPPED. One that is loaded ends before it has begun;
 * nothing if there is none. **any thread** */
int neap_stop(neap_host *host);

/* Calls fn(host, ud) once from the loop, outside of any task, in the order of
 * the posts. What was accepted is called, at the latest while the host closes;
 * later ones are NEAP_ECLOSED. A post does not keep a program alive.
 * NEAP_EFULL, UV_ENOMEM. **any thread** */
int neap_post(neap_host *host, void (*fn)(neap_host *host, void *ud), void *ud);

/* ---- results --------------------------------------------------------------*/

/* What went wrong last, with a traceback where there is one; the two parts of
 * it; "" for nothing. Valid until the next call for this host that is not one
 * of these. */
const char *neap_error_text(neap_host *host);
const char *neap_error_message(neap_host *host);
const char *neap_error_traceback(neap_host *host);

/* The status that the script asked for with neap.exit or os.exit(code, true),
 * else 0. */
int neap_exit_status(const neap_host *host);

/* How many results the main chunk returned, and result `index`, counted from
 * 0. Strings are valid until the next program is loaded or the host closes. */
int neap_result_count(neap_host *host);
int neap_result(neap_host *host, int index, neap_value *value);

/* ---- the application's functions and values -------------------------------*/

/* The Lua state, for everything else; NULL once closed, or on another thread.
 * It belongs to the host. Calls that may raise need protection (lua_pcall);
 * what waits belongs into a task. Inside of a C function use its own L. */
lua_State *neap_state(neap_host *host);

/* The host of a state, or NULL. For C functions. */
neap_host *neap_of(lua_State *L);

/* Gives scripts a module: require "name" is a table of the functions. Without
 * a name they become globals. The list ends with {NULL, NULL} and may be
 * dropped afterwards. */
int neap_register(neap_host *host, const char *name, const luaL_Reg *functions);

/* A global variable. A string that comes out is valid until the next call. */
int neap_set_global(neap_host *host, const char *name, neap_value value);
int neap_get_global(neap_host *host, const char *name, neap_value *value);

/* How a task that neap_spawn made has ended. Everything in it is valid until
 * the callback returns. */
typedef struct neap_outcome {
  int status; /* 0, NEAP_ESCRIPT or NEAP_ECANCELLED */
  int count;  /* of results */
  const neap_value *values;
  const char *message, *traceback; /* of the error, or "" */
  lua_State *L; /* the results, or the error, are on its stack */
  int first;    /* from this index on */
} neap_outcome;

/* Runs a function as a task: that of a global variable ("on_event",
 * "app.on_event"), or (neap_spawn_function) the one below its `nargs`
 * arguments on the stack of neap_state, which are taken. done gets the end of
 * it, once, from the loop, outside of any task, at the latest while the host
 * closes. Without done a failure is one that nobody took. Also from inside of
 * calls. NEAP_EINVAL if there is no such function. */
typedef void (*neap_done)(neap_host *host, const neap_outcome *outcome,
                          void *ud);
int neap_spawn(neap_host *host, const char *function, const neap_value *values,
               int count, neap_done done, void *ud);
int neap_spawn_function(neap_host *host, int nargs, neap_done done, void *ud);

/* ---- async C functions ----------------------------------------------------
 *
 * Makes a future for C to complete, and pushes the Future that scripts wait
 * for: a C function can return it at once. As long as it is pending a program
 * that waits is no DEADLOCK. **raises** for want of memory. */
neap_future *neap_future_new(lua_State *L);

/* Completes it: with values, with an error { code =, message = }, with a libuv
 * code (the text says what was attempted), or with what push(L, ud) leaves on
 * the stack of L and returns the number of: push is called later from the
 * loop, once, protected; an error it raises is the future's.
 * NEAP_ESTATE if it was completed before, NEAP_ECANCELLED if the script has
 * cancelled it, NEAP_ECLOSED after the host; also when it is completed first
 * and nobody hears of it. **any thread** */
int neap_future_set(neap_future *future, const neap_value *values, int count);
int neap_future_set_error(neap_future *future, const char *code,
                          const char *message);
int neap_future_set_uv(neap_future *future, int uv_code, const char *what);
int neap_future_set_with(neap_future *future,
                         int (*push)(lua_State *L, void *ud), void *ud);

/* 0 while somebody may want it, else NEAP_ECANCELLED or NEAP_ECLOSED, or
 * NEAP_ESTATE once it is completed. **any thread** */
int neap_future_state(neap_future *future);

/* fn(ud) is called from the loop when the script cancels the future or the
 * host closes before it is completed; not if that has happened already. */
int neap_future_on_cancel(neap_future *future, void (*fn)(void *ud), void *ud);

/* Gives the handle back; a pending future is cancelled: nobody will complete
 * it. Also after the host is gone. NULL is allowed. **any thread** */
void neap_future_free(neap_future *future);

/* From a C function in a task: waits for the awaitable at `index` (a Future, a
 * Task, ...), then goes on with k(L, status, ctx), which finds the stack as it
 * was and the results on top. Use as `return neap_await(L, index, ctx, k)`.
 * Errors pass through. neap_pawait hands them to k: status is then neither
 * LUA_OK nor LUA_YIELD, and the error is on top. **raises**, **waits** */
int neap_await(lua_State *L, int index, lua_KContext ctx, lua_KFunction k);
int neap_pawait(lua_State *L, int index, lua_KContext ctx, lua_KFunction k);

#ifdef __cplusplus
}
#endif

#endif
