/*
 * limits.h: what a script may take of its host: memory, time without a wait,
 * and how many tasks, handles, timers and processes live at once. limits.c
 * keeps the numbers and the refusals of memory; hook.h is what stops code.
 */
#ifndef NP_LIMITS_H
#define NP_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct np_host np_host;
typedef struct np_task np_task;
typedef struct lua_State lua_State;

typedef struct np_limits { /* 0 is "none" everywhere */
  size_t memory;           /* bytes: the Lua state's and our C buffers together;
                              only for a state that the host made */
  double time;             /* seconds a task may hold the loop */
  double preempt; /* seconds after which a computing task lets others run
                     (0.010 for --preempt); 0: never */
  uint32_t tasks, handles, timers, processes; /* how many may live at once */
  int signum; /* the POSIX timer's signal; 0: SIGRTMIN+4 or the first free */
} np_limits;

/*
 * Sets all limits of a host between np_host_init and np_host_finish, outside
 * or inside of its tasks; what lives already stays. Plain: 0, UV_EINVAL for a
 * number out of range (a NaN or a negative one, times over a day, a signal
 * that is none or that is in use), or what the system said when it made the
 * timer, and then nothing has changed.
 */
int np_limits_set(np_host *h, const np_limits *limits);

/* Whether the allocator of a host with a limit must not take `more` bytes for
 * the block. Lua meets it in a task only, and twice: it collects garbage and
 * asks again. C (guard.in_c) meets it in callbacks, too. */
bool np_limits_refuse(np_host *h, const void *block, size_t more);

/* In a task: raises LIMIT where the host has as many tasks as it may. */
void np_limits_checkcount(lua_State *L, np_host *h);
/* Raises what Lua raises where there is no memory for another one. */
void np_limits_checkspawn(lua_State *L, np_host *h);

/* Whether the host should not even start a task, for want of memory. */
bool np_limits_full(np_host *h);

/* A slice of the task ended: what it took and gave back is on its account. */
void np_limits_account(np_host *h, np_task *t, bool alive);

/* The limit was met: collects garbage, and ends the task that held most while
 * another one needed a little. Between slices. */
void np_limits_settle(np_host *h);

/* Garbage is to be collected soon: at the next instruction of the task that
 * runs, or between slices. Plain. */
void np_limits_want(np_host *h);

/* Collects garbage, on L. */
void np_limits_collect(np_host *h, lua_State *L);

#endif
