/*
 * work.h: blocking calls on libuv's pool of threads, a bounded number of them
 * at once, so that files never keep name resolution from a thread. What is
 * beyond the bound waits first come, first served.
 *
 * A np_work is part of a struct that begins with it. While it waits or runs it
 * has a hold; `run` may use only what the struct owns, and may look at
 * `cancelled` between two steps.
 */
#ifndef NP_WORK_H
#define NP_WORK_H

#include <stdatomic.h>

#include "io/handle.h"

typedef struct np_work np_work;
typedef struct np_workers np_workers;

/* What `run` returns while it waits for others and a thread is wanted: it will
 * be called again. No code of libuv's. */
enum { NP_WORK_LATER = -1000 };

struct np_work {
  np_handle base;
  uv_work_t req;
  np_link link; /* while it waits for its turn */
  np_workers *workers;
  atomic_bool cancelled;
  const atomic_bool *wanted; /* others wait for a thread */
  int status;                /* of run; UV_ECANCELED: it did not run */
  int (*run)(np_work *w);    /* on a thread: 0, an error, or
                               NP_WORK_LATER */
  bool (*done)(np_work *w);  /* back on the loop; true: run again. It may
                                submit w anew instead. Plain */
  void (*shut)(np_work *w);  /* the host closes; NULL: np_work_cancel */
  void (*destroy)(np_work *w);
};

/* Sets up a zeroed np_work whose functions are set: one hold, the caller's. */
void np_work_init(lua_State *L, np_host *h, np_work *w);

/* Runs it as soon as a thread may be had. */
void np_work_submit(np_work *w);

/* Not needed any more. True: it has not begun, will not run, and `done` will
 * not be called. */
bool np_work_cancel(np_work *w);

/* Files with bytes that are not handed to the system yet: see file.c. */
np_link *np_work_dirty(np_work *w);

/* The same list, found without a np_work. */
np_link *np_workers_dirty(lua_State *L);

void np_work_open(lua_State *L, np_host *h);

#endif
