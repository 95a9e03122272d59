/*
 * scope.h: stretches of a coroutine that can be cancelled. One struct and one
 * test ("is a scope between here and the nearest shield cancelled?") give
 * task:cancel (the root scope), timeout (a deadline), task groups and shield.
 */
#ifndef NP_SCOPE_H
#define NP_SCOPE_H

#include "core/host.h"

typedef struct np_scope np_scope;

struct np_scope {
  np_scope *parent; /* in force around it; of a coroutine's outermost scope
                       only while the coroutine is on a running chain */
  np_coro *coro;    /* who entered it; NULL: not entered, or left */
  bool cancelled : 1;
  bool shield : 1;  /* hides the scopes around it */
  bool raised : 1;  /* CANCELLED was raised for it: repeating costs a turn */
  bool timed : 1;   /* has a deadline: it is the head of an np_deadline_scope */
  uint64_t id : 56; /* tells its CANCELLED from others; 0: a root scope */
};

typedef struct np_deadline_scope {
  np_scope scope;
  np_timer timer; /* when: the deadline, also where it is not started */
  np_host *host;
  bool idle; /* was left, and waits to be used again */
} np_deadline_scope;

/* What the host knows of a coroutine. A task's is part of the task; one that
 * the script made gets a record when it first enters a scope. */
struct np_coro {
  np_task *task; /* on whose running chain it is, or NULL */
  np_scope *top; /* innermost scope that it entered */
  bool base;     /* the base coroutine of a task */
  bool parked;   /* a wait passed through it: "normal" to others */
  bool exposed;  /* coroutine.running gave it out: not used again */
};

/* The record of a coroutine; NULL if it has none. */
static inline np_coro **np_corospace(lua_State *co) {
  return (np_coro **)lua_getextraspace(co);
}

static inline np_coro *np_getcoro(np_host *h, lua_State *co) {
  np_coro *c = *np_corospace(co);
  return c == h->no_coro ? NULL : c;
}

/* Around the running of a coroutine on the current task's chain: its scopes
 * come into force, and leave with it. */
void np_coro_enter(np_host *h, np_coro *c);
void np_coro_leave(np_host *h, np_coro *c);

/* Enters a scope in the running coroutine L. The userdata of the scope is on
 * top of the stack, with a user value, which will anchor the record.
 * **raises** only for want of memory. */
void np_scope_enter(lua_State *L, np_host *h, np_scope *s);

/* Leaves it; nothing if it was left. Never raises. */
void np_scope_exit(np_host *h, np_scope *s);

/* The outermost cancelled scope in force for t (deadlines looked at), or
 * NULL. */
np_scope *np_scope_cause(np_host *h, np_task *t);

/* Cancels a scope; a task parked inside it is interrupted. Plain. */
void np_scope_cancel(np_host *h, np_scope *s);

/* Raises CANCELLED for the cause in force. Never returns. */
int np_scope_raise(lua_State *L, np_host *h, np_task *t);

/* [.. ] -> [.. err]  The CANCELLED of a scope in force for t. */
void np_scope_pusherror(lua_State *L, np_host *h, np_task *t, np_scope *s);

/* Interrupts what `t`, which is being cancelled, waits for, and in turn the
 * tasks that only it waits for. Plain. */
void np_interrupt(np_host *h, np_task *t);

/* Around cancelling what the task `t` waits for or is about to, all in one
 * pass: what waits for `t` in turn is undone, and does not cancel it. `t` may
 * be NULL. Not while a pass is under way. Plain. */
void np_pass_begin(np_host *h, np_task *t);
void np_pass_end(np_host *h);

/* Whether the pass under way has reached `t`. */
bool np_inpass(const np_host *h, const np_task *t);

/* True if the value at idx is the CANCELLED that was raised for s. */
bool np_scope_owns_error(lua_State *L, np_host *h, const np_scope *s, int idx);

/* timeout and shield(fn) for Lua. */
int np_scope_timeout(lua_State *L);
int np_scope_shield(lua_State *L);

void np_scope_open(lua_State *L, np_host *h);

#endif
