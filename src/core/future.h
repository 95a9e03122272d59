/*
 * future.h: a value or an error that arrives once, and the watchers that want
 * to know. A Task begins with a future, so it is one.
 */
#ifndef NP_FUTURE_H
#define NP_FUTURE_H

#include "core/host.h"

typedef struct np_future np_future;
typedef struct np_watch np_watch;

enum { NP_ENDED, NP_ASK };

/* Linked into a future until it ends or the watcher stops. */
struct np_watch {
  np_link link;
  np_future *future; /* NULL: it has ended, or the watch was stopped */
  /* Plain: no Lua. NP_ENDED: the future has ended. NP_ASK: true if a task
   * waits for it through this watch, so that cancellation must spare it. */
  bool (*fire)(np_watch *w, int event);
};

enum { NP_PENDING, NP_SUCCEEDED, NP_FAILED, NP_CANCELLED };

/* User values of the userdata. */
enum {
  NP_UV_VALUE = 1, /* the result, or a table of several, or the error; of a
                      task that has not begun: its function */
  NP_UV_EXTRA,     /* nil, or a table of what few futures have: NP_EX_ */
  NP_UV_ARGS       /* tasks: the first argument; more follow */
};

/* Fields of the table in NP_UV_EXTRA, from NP_EX_NAME on those of tasks. */
enum {
  NP_EX_CALLS = 1, /* pending: a list of done callbacks; failed: the watchman
                      of its failure */
  NP_EX_NAME,
  NP_EX_MESSAGE,   /* of task:cancel(message) */
  NP_EX_TRACE,     /* traceback of the failure */
  NP_EX_TRACE_ERR, /* the error it belongs to */
  NP_EX_LOCALS,    /* values of task_local, never changed in place */
  NP_EX_CONTEXT,   /* of an exception handler: what it was told of */
  NP_EX_CAUSE,     /* traceback of the failed task that it awaited last */
  NP_EX_CAUSE_ERR, /* and the error */
  NP_EX_SPAWNED,   /* debug mode: traceback of its spawn */
  NP_EX_ORIGIN,    /* where it was spawned, while the host traced */
};

struct np_future {
  uintptr_t tag;     /* first: tells a future from any other userdata */
  np_link *watchers; /* the first of a ring of np_watch, FIFO, or NULL */
  int nresults;      /* in NP_UV_VALUE: 1 is the value itself */
  uint8_t state;     /* NP_PENDING ... */
  bool is_task : 1;
  bool retrieved : 1; /* somebody took the error */
  bool has_calls : 1; /* NP_EX_CALLS holds done callbacks */
  bool outside : 1;   /* a watcher is that of C code, which takes no error */
  bool guarded : 1;   /* NP_EX_CALLS holds the watchman of its failure */
};

/* The tag is the address of the host, made odd: no other userdata begins with
 * it, so one comparison tells a future of this host. */
static inline uintptr_t np_future_tag(np_host *h) { return (uintptr_t)h | 1; }

static inline np_host *np_future_host(const np_future *f) {
  return (np_host *)(f->tag - 1);
}

/* [.. ] -> [.. future] a pending future. */
np_future *np_future_new(lua_State *L, np_host *h);

/* The Future or Task at idx, or NULL. Never raises. */
np_future *np_tofuture(lua_State *L, np_host *h, int idx);
np_future *np_checkfuture(lua_State *L, int arg);
/* The one that a method was called on. */
np_future *np_checkself_future(lua_State *L);

/* [.. extra] The NP_UV_EXTRA table of the future at idx, made when missing. */
void np_future_extra(lua_State *L, int idx);
/* [..] -> [.. value] and [.. value] -> [..]: its field NP_EX_CALLS. */
void np_future_pushcalls(lua_State *L, int idx);
void np_future_setcalls(lua_State *L, int idx);

/* [.. v1 .. vn] -> [.. ]  Ends the pending future whose userdata is at `idx`:
 * watchers fire, callbacks are scheduled. May raise for want of memory, then
 * nothing has changed. */
void np_future_succeed(lua_State *L, int idx, int n);
/* [.. err] -> [.. ]  The same with an error; one whose code is CANCELLED ends
 * the future as cancelled. */
void np_future_fail(lua_State *L, int idx);

/* The values are in place: sets the state and fires the watchers. Plain. */
void np_future_end(np_future *f, int state, int nresults);

/* [..] -> [.. results]; raises the error of a failed or cancelled one. */
int np_future_results(lua_State *L, int idx);

/* The error at `idx`'s future was taken by somebody. */
void np_future_retrieved(lua_State *L, int idx);

/* Nobody took the failure of the future at idx yet: the exception handler
 * gets it when it is collected, in 5 s, or at the end. */
void np_future_watch_failure(lua_State *L, int idx);

/* The same, but it is reported at once. */
void np_future_report_failure(lua_State *L, int idx);

/* Reports the failures that nobody took: those that are due, or `all`. In
 * the loop, outside of any task. */
void np_failures_report(np_host *h, bool all);
void np_failure_open(lua_State *L, np_host *h);

/* Schedules the done callbacks of the future at idx, which has_calls. */
void np_done_schedule(lua_State *L, int idx);
/* Future:add_done_callback, Future:remove_done_callback */
int np_done_add(lua_State *L);
int np_done_remove(lua_State *L);

void np_watch_start(np_watch *w, np_future *f, bool (*fire)(np_watch *, int));
void np_watch_stop(np_watch *w);

/* The watcher is being cancelled: cancels the Task it watches unless another
 * watches it too. True: the watch was undone. False: the task will end and
 * fire. */
bool np_watch_flow(np_watch *w);

void np_future_open(lua_State *L, np_host *h);

#endif
