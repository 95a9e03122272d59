/*
 * wait.h: the one wait. Everything a task can wait for embeds an np_wait
 * where it belongs (the reader slot of a stream, the task itself for sleep),
 * so waiting allocates nothing. Four functions carry every wait:
 *
 *   np_checkwait  (task.h) raises where this task may not wait now; before
 *                 anything starts
 *   np_park       parks the running task on a wait; the only place that yields
 *   np_wake       makes the parked task ready; never runs Lua; first wake wins
 *   np_interrupt  (scope.c) undoes the wait of a task that is being cancelled
 *
 * A method that waits reads: check arguments, np_checkwait, start the
 * operation, return np_park. A libuv callback stores what came and calls
 * np_wake. `finish` then runs on the task's own stack and pushes the results.
 */
#ifndef NP_WAIT_H
#define NP_WAIT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct np_host np_host;
typedef struct np_task np_task;
typedef struct np_wait np_wait;

typedef struct np_wait_class {
  const char *name; /* "sleep", "tcp read": the default description */

  /* Writes what is waited for ("tcp read 127.0.0.1:80"); NULL: the name. */
  void (*describe)(np_wait *w, char *buf, size_t size);

  /*
   * The task is being cancelled. True: the wait is undone or detached, it
   * leaves nothing behind, and the task is made ready to raise. False: it
   * cannot be undone, its callback will call np_wake as usual, and the
   * results stand (the cancellation is raised at the next wait). Plain: it
   * runs outside Lua and must not touch a lua_State or call np_wake.
   */
  bool (*cancel)(np_wait *w);

  /*
   * After np_wake, on the task's stack as it was when it parked (arguments of
   * the method included): pushes results and returns their number; may raise;
   * may park again by returning np_park(...).
   */
  int (*finish)(lua_State *L, np_wait *w);

  /* The task is ended by force: detach, whatever it takes. NULL: cancel is
   * called, and its answer ignored. Plain. */
  void (*drop)(np_wait *w);
} np_wait_class;

struct np_wait {
  const np_wait_class *cls;
  np_task *task; /* NULL: free; NP_WOKEN; or who is parked here: np_waiter */
};

/* In np_wait.task: woken or undone, but what waits has not run again yet. */
#define NP_WOKEN ((np_task *)1)

/* Parks the running task; use as `return np_park(...)`. The userdata that `w`
 * lives in must be on the caller's Lua stack. **waits** */
int np_park(lua_State *L, np_host *h, np_wait *w, const np_wait_class *cls);

/* The same when the task is to go on after one turn of the others. **waits** */
int np_park_ready(lua_State *L, np_host *h, np_wait *w,
                  const np_wait_class *cls);

/* What `w` would wait for is there already: `return np_settle(...)` gives
 * finish's results at once, and after 64 such calls in a row first gives the
 * other tasks a turn. **waits** */
int np_settle(lua_State *L, np_host *h, np_wait *w, const np_wait_class *cls);

/* Makes the task parked on `w` ready to run its finish; nothing if nobody is
 * parked there any more. Plain, never runs Lua, allocates nothing. */
void np_wake(np_wait *w);

/* Who is parked on it and was not woken; NULL: nobody. */
static inline np_task *np_waiter(const np_wait *w) {
  return (uintptr_t)w->task > (uintptr_t)NP_WOKEN ? w->task : NULL;
}

/* True from np_park until the task has taken its result or its cancellation:
 * a second waiter gets BUSY. */
static inline bool np_wait_busy(const np_wait *w) { return w->task != NULL; }

#endif
