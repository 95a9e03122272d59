/*
 * timer.h: deadlines in one heap behind one uv_timer_t, and the clock, which a
 * test can make virtual. Times are nanoseconds of the monotonic clock. Timers
 * with the same deadline fire in the order they were started; none is early.
 */
#ifndef NP_TIMER_H
#define NP_TIMER_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct np_host np_host;
typedef struct np_timer np_timer;

#define NP_SECOND  UINT64_C(1000000000)
#define NP_FOREVER UINT64_MAX /* no deadline */
/* of a timer that runs and does not fire */
#define NP_NEVER   (NP_FOREVER - 1)

struct np_timer {
  void (*fire)(np_timer *t); /* plain: no Lua */
  uint64_t when;             /* ns */
  uint32_t index;            /* 1-based place in the heap; 0: not started */
  uint32_t seq : 31;         /* ties: who was started first */
  uint32_t weak : 1;         /* does not keep the loop alive */
};

/* Now, in ns; the virtual clock's if one runs. */
uint64_t np_now(np_host *h);

/* `seconds` from now as a deadline: never less than now, NP_FOREVER for what
 * is too large. NaN must have been refused. */
uint64_t np_deadline(np_host *h, lua_Number seconds);

/* Starts t, which must not run, for the time `when` (ns). The caller has set
 * fire and weak. 0 or UV_ENOMEM. */
int np_timer_start(np_host *h, np_timer *t, uint64_t when);

/* The same for a timer that a script asks for: NP_ETIMERS in a task that may
 * not start another one. */
int np_timer_start_asked(np_host *h, np_timer *t, uint64_t when);

/* Raises what np_timer_start_asked answered. */
int np_timer_refused(lua_State *L, int err);

/* Stops t; nothing if it does not run. Never fails. */
void np_timer_stop(np_host *h, np_timer *t);

/* The virtual clock: on or off; forward to the first deadline, firing it;
 * whether there is one. */
void np_timer_virtual(np_host *h, bool on);
void np_timer_jump(np_host *h);
bool np_timer_canjump(const np_host *h);

/* Raises INVALID_STATE while the virtual clock runs: `what` ("a real socket")
 * takes real time. */
void np_checkreal(lua_State *L, np_host *h, const char *what);

/* Work on another thread began or ended: the virtual clock waits for it. */
void np_clock_hold(np_host *h);
void np_clock_release(np_host *h);

void np_timer_open(lua_State *L, np_host *h);
/* Frees the heap; all timers count as stopped. */
void np_timer_close(np_host *h);

static inline bool np_timer_running(const np_timer *t) { return t->index != 0; }

#endif
