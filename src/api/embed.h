/*
 * embed.h: what the files behind neap.h share: the neap_host and its mailbox.
 *
 * A neap_host is small and outlives what it opens: the np_host, its loop and
 * its Lua state lie in `inside`, which is NULL once the host is closed. Whoever
 * may come later (the opener, a thread with neap_hold, a neap_future) has a
 * hold. What other threads hand over goes through the mailbox, in order; `lock`
 * guards it and the state of each neap_future, and nothing else is shared.
 */
#ifndef NP_API_EMBED_H
#define NP_API_EMBED_H

#include <stdatomic.h>

#include "core/future.h"
#include "neap.h"

/* In the mailbox; run from a turn, outside of any task. */
typedef struct np_item np_item;
struct np_item {
  np_item *next;
  void (*run)(neap_host *n, np_item *item);
};

typedef struct np_inside {
  np_host host;
  uv_async_t wake; /* the mailbox has something */
} np_inside;

typedef enum np_program {
  NP_IDLE,    /* nothing is loaded */
  NP_LOADED,  /* a main chunk waits to be started */
  NP_RUNNING, /* until it has ended */
  NP_ENDING,  /* what is left is being unwound */
  NP_CLOSING,
  NP_CLOSED
} np_program;

struct neap_host {
  atomic_int holds;
  uv_mutex_t lock;
  np_item *first, *last; /* the mailbox */
  size_t nposts;         /* of neap_post in it */
  bool refuses;          /* nothing comes in any more */
  bool stop;             /* neap_stop was called */

  uv_thread_t thread;  /* that it belongs to */
  atomic_bool running; /* inside of uv_run */
  np_inside *inside;
  neap_options options;
  np_program program;
  int in_call;   /* depth of callbacks of the application */
  bool stopped;  /* the program was */
  bool ended;    /* for whoever runs the loop: `result` is there */
  bool stepping; /* inside of neap_step */
  bool closing;  /* neap_close_async was called */
  bool gone;     /* ... and the last handle is closed */
  int result, exit_status, nresults;
  void (*on_end)(neap_host *, int, void *);
  void *on_end_ud;
  void (*on_closed)(neap_host *, void *);
  void *on_closed_ud;

  np_link calls;     /* np_call that have ended: to be told */
  np_link futures;   /* neap_future that are pending in Lua */
  np_link cancelled; /* those that the script cancelled: to be told */

  char *text; /* of the last error: text, message, traceback; malloc */
  const char *message, *traceback;
  char *warning; /* what has come of one; malloc */
  char *report;  /* the first failure nobody took, in the same way */
};

/* 0 if the host may be used now by this thread; else a code and its text. */
int np_enter(neap_host *n);

/* Keeps the text of an error; returns `code`. */
int np_refuse(neap_host *n, int code, const char *fmt, ...);
void np_keep_error(neap_host *n, const char *message, const char *traceback);
/* The same in a text of its own (malloc) or NULL, to be kept in n->report;
 * and makes that the text of the error. */
char *np_join_error(const char *message, const char *traceback);
void np_keep_report(neap_host *n);

/* True inside of a task or a callback, where nothing may be run or closed. */
bool np_is_inside(const neap_host *n);

/* Calls fn(n, arg) protected, outside of any task or in one. 0, or UV_ENOMEM
 * or NEAP_ESTATE with the text of what it raised. */
int np_protected(neap_host *n, lua_CFunction fn, void *arg);
/* With `nargs` values from the top of `from` as arguments 3 and on. */
int np_protected_with(neap_host *n, lua_CFunction fn, void *arg,
                      lua_State *from, int nargs);

/* True, if the value can go into Lua; the text says what is wrong with it. */
const char *np_values_wrong(const neap_value *values, int count);
void np_push_value(lua_State *L, const neap_value *value);
/* The string is that of the Lua value, which must stay on the stack. */
void np_to_value(lua_State *L, int idx, neap_value *value);

/* Puts something into the mailbox; the lock is held. */
void np_mail(neap_host *n, np_item *item);
/* Runs what is in the mailbox: np_host.on_posts. */
void np_deliver(np_host *h);

/* Frees what neap_close_async left, and tells that it is done. */
void np_close_done(neap_host *n);

void np_calls_tell(neap_host *n);      /* spawn.c */
void np_futures_tell(neap_host *n);    /* promise.c */
void np_futures_abandon(neap_host *n); /* promise.c: the host closes */
void np_program_forget(neap_host *n);  /* drive.c: it is being closed */
int np_load_open(lua_State *L);        /* load.c: [n]: keeps argv */
int np_spawn_main(lua_State *L);       /* load.c: [n] */
int np_take_error(lua_State *L);       /* load.c: [n]: of the main task */
int np_take_results(lua_State *L);     /* load.c: [n] */

#endif
