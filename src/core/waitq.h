/*
 * waitq.h: the FIFO of parked tasks, for what is built on it in C. The queue
 * lies in a userdata, and a task that is parked in it has that userdata at the
 * bottom of its stack.
 */
#ifndef NP_WAITQ_H
#define NP_WAITQ_H

#include "core/task.h"

typedef struct np_waitq {
  np_link tasks; /* np_task.own.u.queue */
  uint32_t count;
} np_waitq;

void np_waitq_init(np_waitq *q);

/* The WaitQueue that an argument is. **raises** if it is none */
np_waitq *np_waitq_check(lua_State *L, int arg);

/* [q .. any] Parks the running task, whose class cancels and drops with the
 * functions below; `always`: until it is woken, whatever is cancelled.
 * After np_checkwait or np_checkyield. **waits** */
int np_waitq_park(lua_State *L, np_host *h, np_waitq *q,
                  const np_wait_class *cls, bool always);
bool np_waitq_cancel(np_wait *w);
void np_waitq_drop(np_wait *w);

/* The same for a class whose queue does not lie at the start of the userdata:
 * takes the task out of it. Plain. */
void np_waitq_leave(np_waitq *q, np_task *t);

/* [..] What did not have to wait returns true, after a turn of the others if
 * the task has had 64 such calls in a row. **waits** */
int np_settle_true(lua_State *L, np_host *h);

/* Takes the first task out and makes it ready; NULL when nobody waits. Its
 * stack is as it was when it parked. Plain. */
np_task *np_waitq_wake(np_waitq *q);

#endif
