/*
 * hook.h: stopping code that computes: preemption, the time limit, SIGINT and
 * the end of a task that memory was refused to again and again.
 *
 * A slice is a stretch of a task between two waits. A POSIX timer signals the
 * thread of the host; a slice that survives a whole tick gets a hook on the
 * coroutine that runs, which fires at its next instruction. While no task runs
 * the timer is off, so nothing is paid for it, but for two tests per slice.
 */
#ifndef NP_HOOK_H
#define NP_HOOK_H

#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct np_host np_host;
typedef struct np_task np_task;

/* What the hook is to do. The strongest wins. */
enum {
  NP_WANT_NOTHING,
  NP_WANT_TRACE,  /* note where it is: debug mode */
  NP_WANT_TURN,   /* let the others run */
  NP_WANT_CANCEL, /* raise CANCELLED */
  NP_WANT_TIME,   /* end the task: it held the loop for too long */
  NP_WANT_MEMORY, /* end the task: it goes on asking for memory */
};

/* Why np_task_resume has to do more at the start and at the end of a slice. */
enum {
  NP_SLICE_ASLEEP = 1, /* the timer is to be started */
  NP_SLICE_HOOKED = 2, /* our hook was set */
};

typedef struct np_guard {
  /* shared with the signal handler, which runs on the same thread */
  uint32_t slice;          /* numbers the slices */
  _Atomic uint32_t work;   /* NP_SLICE_..., of both ends of a slice */
  volatile uint32_t ticks; /* that the slice has survived */
  volatile uint32_t want;  /* NP_WANT_..., of slice want_slice */
  volatile uint32_t want_slice;
  volatile uint32_t seen;    /* the slice at the last tick */
  volatile bool ticking;     /* the timer runs */
  volatile bool interrupted; /* code that computes is to be cancelled */
  struct {
    lua_State *volatile L; /* whose hook was replaced; NULL: nobody's */
    volatile lua_Hook hook;
    volatile int mask, count;
  } foreign;

  bool made; /* the timer exists */
  timer_t timer;
  pthread_t thread; /* that it signals */
  int signum;
  uint64_t tick;                                 /* ns */
  uint32_t turn_ticks, time_ticks, cancel_ticks; /* 0: never */
  uint32_t trace_ticks; /* debug mode: of a slow slice; 0: never */
  char *trace;          /* where it was then; malloc'd, or NULL */

  uint32_t verdict; /* NP_WANT_... that ended, or is ending, this slice */
  uint32_t cancels; /* raised in this slice */
  char where[80];   /* "script.lua:12" */

  /* memory: limits.c */
  bool in_c;           /* C asks, which collects no garbage */
  bool gc_due;         /* garbage is to be collected soon */
  bool met;            /* the limit was met: np_limits_settle is to run */
  const void *asked;   /* what was refused last: the block */
  size_t asked_size;   /* and how much more, to know the second try */
  bool counting;       /* what slices take: there is a limit of memory */
  size_t used_last;    /* bytes in use when it was counted last */
  size_t collect_at;   /* bytes held at which garbage is collected */
  size_t looked_at;    /* bytes that were held when that was decided */
  uint64_t top_order;  /* the task with the largest account */
  int64_t top_memory;  /* and that account */
  uint64_t hog_order;  /* the task to end; 0: none */
  uint64_t refused_at; /* ns */

  /* Called when computing code is to be cancelled, in the hook: does what the
   * loop would have done, unless it has, and says so. Plain; may be NULL. */
  bool (*on_interrupt)(np_host *h);
} np_guard;

/* Takes over limits.time, limits.preempt and debug mode: makes, changes or
 * stops the timer. Plain: 0 or a UV_ code. */
int np_guard_set(np_host *h);

/* Makes np_guard_interrupt work though there are no limits. Plain: 0 or a
 * UV_ code. */
int np_guard_watch(np_host *h);

/* From now on code that computes for 100 ms gets CANCELLED, again and again.
 * For signal handlers, of any thread. */
void np_guard_interrupt(np_host *h);
/* No longer. In the host's thread. */
void np_guard_calm(np_host *h);

/* host->dump_due is set: has it seen to though the host may compute.
 * Likewise. */
void np_guard_look(np_host *h);

/* The host runs in this thread now. */
void np_guard_thread(np_host *h);

/* The ends of a slice with work to do. np_guard_leave: true if the task is to
 * be ended by force, with np_guard_error. Plain. */
void np_guard_enter(np_host *h);
bool np_guard_leave(np_host *h, np_task *t);

/* Whether the ends of a slice have work to do. Not read as an atomic, which
 * would cost one more instruction: calls or a fence stand before and after. */
static inline bool np_guard_busy(const np_guard *g) {
  return *(const uint32_t *)&g->work != 0;
}

static inline void np_guard_work(np_guard *g, uint32_t set, uint32_t clear) {
  atomic_fetch_or_explicit(&g->work, set, memory_order_relaxed);
  atomic_fetch_and_explicit(&g->work, ~clear, memory_order_relaxed);
}

/* Has the running task ended, for `want`. Async-signal-safe. */
void np_guard_stop(np_host *h, uint32_t want);

/* [task as light userdata, ..] -> [.. err]  The error of the verdict. */
int np_guard_error(lua_State *L);

/* Deletes the timer; the host closes. */
void np_guard_close(np_host *h);

#endif
