/*
 * crew.h: the threads of a host, and the jobs that they do. A job is a
 * function with its arguments, packed; it runs as the main task of a host of
 * its thread's own, so everything works there that works in a script.
 */
#ifndef NP_CREW_H
#define NP_CREW_H

#include <stdatomic.h>

#include "base/pack.h"
#include "core/host.h"
#include "thread/inbox.h"

typedef struct np_crew np_crew;
typedef struct np_worker np_worker;

typedef enum np_job_state {
  NP_JOB_QUEUED,
  NP_JOB_RUNNING,
  NP_JOB_RETURNED,  /* result: what it returned */
  NP_JOB_FAILED,    /* result: the error */
  NP_JOB_CANCELLED, /* stopped, or cancelled from inside */
  NP_JOB_UNSTARTED  /* err: why there is no thread for it */
} np_job_state;

typedef struct np_job {
  np_note note; /* first: it is done */
  np_link link; /* in the queue of the crew */
  atomic_int holds;
  np_crew *crew;
  np_worker *worker; /* who runs it; under the crew's lock */
  np_packed *call, *result;
  int err;            /* a UV_ code */
  np_job_state state; /* under the crew's lock until it is told */
  bool alone;         /* on a thread of its own, which ends with it */
  bool stop;          /* it was asked to end */
  bool told;          /* the note was delivered */
  void *user;         /* of whoever waits, and its function: */
  void (*on_done)(void *user);
} np_job;

/* A job that has one hold, the caller's. It takes over `call`; NULL for want
 * of memory, and then `call` is freed. Plain. */
np_job *np_job_new(np_packed *call, bool alone);

/* Has it done by a thread. 0, or a UV_ code when there is none to be had;
 * otherwise on_done is called once in the host's thread, outside of Lua.
 * **raises** */
int np_job_queue(lua_State *L, np_host *h, np_job *job);

/* Asks it to end: its tasks are cancelled, and what computes is interrupted.
 * In the thread of its host. */
void np_job_stop(np_job *job);

void np_job_drop(np_job *job);

/* Ends the threads that have nothing to do. In the thread of the host. */
void np_crew_rest(np_host *h);

#endif
