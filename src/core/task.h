/*
 * task.h: a task is a coroutine with a future for its end, a place in the
 * ready queue, the wait it is parked on and the scopes it is in. It gets its
 * Lua thread when it first runs, from a pool of finished ones.
 */
#ifndef NP_TASK_H
#define NP_TASK_H

#include "core/future.h"
#include "core/loop.h"
#include "core/scope.h"

/* What a failure of the task means. */
enum {
  NP_TASK_PLAIN,    /* its future's: somebody may take it */
  NP_TASK_HANDLER,  /* reported at once, does not count for the exit status */
  NP_TASK_GUEST,    /* the same; h->on_guest_end hears of its end */
  NP_TASK_CALLBACK, /* reported at once */
  NP_TASK_REPORT,   /* runs the exception handler: written to stderr */
};

/* After so many calls in a row that did not have to wait, one gives the others
 * a turn. */
enum { NP_STREAK_MAX = 64 };

/* A streak so long means that the task was suspended since its last wait;
 * np_park begins a new one. */
enum { NP_PREEMPTED = 128 };

struct np_task {
  np_future future;    /* first: a Task is a Future */
  np_task *next_ready; /* in the ready queue, or in a pass of cancellation */
  lua_State *co;       /* base coroutine; NULL before it runs and after */
  np_wait *wait;       /* parked on it, until its finish starts */
  lua_State *leaf;     /* the coroutine that parked: co or one inside it */
  np_scope *scope;     /* innermost scope in force */
  np_scope root;
  np_coro base;
  uint64_t order : 52;   /* by age */
  uint64_t refusals : 4; /* of memory, close together (limits.c) */
  uint64_t streak : 8;   /* calls in a row that did not have to wait */
  int64_t memory;       /* bytes its slices took, less what was freed in them */
  uint32_t number;      /* N of task-N or callback-N */
  int slot;             /* in NP_SLOT_LIVE; 0: none */
  int thread_slot;      /* in NP_SLOT_THREADS */
  uint32_t cancel_pass; /* the pass that reached it last */
  uint32_t spent;       /* ticks of slices since its last wait, while
                           streak is NP_PREEMPTED or more */
  uint16_t nargs;       /* of its function */
  bool begun : 1;       /* counts as alive */
  bool started : 1;     /* its thread has been resumed */
  bool ready : 1;       /* in the ready queue */
  bool in_pass : 1;     /* in the list of a pass of cancellation */
  bool interrupted : 1; /* its wait was undone: it raises when it runs */
  bool cancel_sent : 1; /* its wait was asked to cancel */
  bool daemon : 1;
  bool failed : 1; /* its body ended with an error (while ending) */
  bool pinned : 1; /* keeps its slot after its end, for a group */
  bool has_locals : 1;
  bool rests : 1;    /* the wait that it parks on is a rest */
  bool own_flag : 1; /* of the class of `own` */
  bool service : 1;  /* what it takes is not its own (limits.c) */
  uint8_t kind : 3;  /* NP_TASK_PLAIN ... */
  struct {           /* the wait of sleep, await and wait queues */
    np_wait wait;
    union {
      np_timer timer;
      np_watch watch;
      np_link queue;
    } u;
  } own;
};

/* It is called a task, not a callback. */
static inline bool np_task_isplain(const np_task *t) {
  return t->kind <= NP_TASK_GUEST;
}

static inline np_host *np_task_host(const np_task *t) {
  return np_future_host(&t->future);
}

/* [.. fn a1 .. an] -> [.. fn a1 .. an task]  A new task, ready to run. */
np_task *np_spawn(lua_State *L, np_host *h, int nargs, int kind);
/* The same with `extra` bytes behind the np_task, zeroed. */
np_task *np_spawn_sized(lua_State *L, np_host *h, int nargs, int kind,
                        size_t extra);

/* The two halves of np_spawn_sized: the task exists and holds its function;
 * then it counts as alive and is ready (plain). np_task_discard drops one that
 * has not begun. */
np_task *np_task_new(lua_State *L, np_host *h, int nargs, int kind,
                     size_t extra);
void np_task_begin(np_host *h, np_task *t);
void np_task_discard(np_host *h, np_task *t);

/* [.. fn arg] -> [.. ]  The running task is to rest: once t->rests is set and
 * it parks, its coroutine is given back, and when it is woken it does not
 * finish the wait but begins anew with fn(arg). Nothing that may raise or
 * return comes between the two. */
void np_task_rest(lua_State *L, np_host *h);
/* Whether it may: it was spawned with one argument, the script does not know
 * its coroutine, and it is in no other one and in no scope. */
bool np_task_canrest(lua_State *L, np_host *h);

/* A timed callback that has not begun is dropped. */
void np_callback_cancel(np_host *h, np_task *t);

/* Asks it to end; false if it has ended. Plain. */
bool np_task_cancel(np_host *h, np_task *t);

/* Puts a parked or new task at the end of the ready queue. Plain. */
static inline void np_ready(np_host *h, np_task *t) {
  t->ready = true;
  t->next_ready = NULL;
  if (h->ready_head)
    h->ready_tail->next_ready = t;
  else
    h->ready_head = t;
  h->ready_tail = t;
  h->nready++;
  if (!h->draining && !h->polling) np_loop_kick(h);
}
/* Takes it out of the ready queue, wherever it is in it. */
void np_unready(np_host *h, np_task *t);

/* Runs the task until it waits or ends: the one way into Lua. */
void np_task_resume(np_host *h, np_task *t);

/* Ends it by force: `<close>` handlers run, and cannot wait. */
void np_task_kill(np_host *h, np_task *t);

/* Ends a task because it holds too much memory. */
void np_task_hog(np_host *h, np_task *t);

/* The hook has ended the running task, whatever its slice ended with. */
void np_task_force(np_host *h, np_task *t, int status);

/* Ends a task whose coroutines are done with what `make` returns, called with
 * the task as a light userdata. */
void np_task_end_with(np_host *h, np_task *t, lua_CFunction make);
/* [task] -> [task, err]  The CANCELLED of its root scope. */
int np_task_cancelled_error(lua_State *L);

/* A slice of the running task begins. The order matters to the signal handler:
 * either it sees the slice, or we see that it has stopped the timer. */
static inline void np_task_enter(np_host *h, np_task *t, lua_State *co) {
  h->current = t;
  h->running = co;
  h->guard.slice++;
  atomic_signal_fence(memory_order_seq_cst);
  if (np_guard_busy(&h->guard)) np_guard_enter(h);
}

/* The running task did not have to wait: true if it has to give the others a
 * turn now. np_settle in two steps, for what is called often. */
static inline bool np_turn_due(np_host *h) {
  return ++h->current->streak >= NP_STREAK_MAX;
}

/* [.. ] -> [.. userdata] of a live task. */
void np_task_push(lua_State *L, np_host *h, np_task *t);

/* Takes a task that was pinned after its end out of its slot. */
void np_task_unpin(np_host *h, np_task *t);

/* Raises where Lua cannot yield or there is no task; np_checkwait without the
 * look at cancellation. Returns the running task. */
np_task *np_checkyield(lua_State *L, np_host *h);
/* Raises where there is no task to run in; does not ask for a yield. */
np_task *np_checktask(lua_State *L, np_host *h);
/* np_checkyield as a question. `running` is NULL where there is no task. */
static inline bool np_canyield(lua_State *L, np_host *h) {
  return L == h->running && h->chain_ok && lua_isyieldable(L);
}

/* What np_checkwait does but seldom. */
void np_checkwait_closely(lua_State *L, np_host *h);

/*
 * Raises where the running task may not wait: outside a task, where Lua cannot
 * yield, under a foreign lua_resume, or in a cancelled scope (CANCELLED; each
 * repeated one costs a turn of the loop). Every function that may wait calls
 * it before it starts or changes anything, also when it would not have to
 * wait. **raises**, **waits**
 */
static inline void np_checkwait(lua_State *L, np_host *h) {
  const np_task *t = h->current;
  if (np_canyield(L, h) && t->scope == &t->root && !t->root.cancelled) return;
  np_checkwait_closely(L, h);
}

/* "ready", "running", "waiting" or "done". */
const char *np_task_status(np_task *t);

/* What the task waits for, as a text. */
void np_task_describe(np_task *t, char *buf, size_t size);
/* Its name, without allocating. */
void np_task_label(np_task *t, char *buf, size_t size);
/* [.. locals or false] -> [.. ]  Sets the task-local values of the task at
 * idx. */
void np_task_setlocals(lua_State *L, int idx);
void np_task_name(lua_State *L, int idx); /* [..] -> [.. name] */

/* [.. table] -> [.. ]  The context goes to the exception handler, in a task
 * of its own. */
void np_report(lua_State *L, np_host *h);
/* The exception handler itself failed: the context goes to stderr. */
void np_report_broken(lua_State *L, np_host *h);

void np_task_open(lua_State *L, np_host *h);

#endif
