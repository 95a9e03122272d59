/*
 * anchor.h: places for live tasks, and the pool of Lua threads.
 */
#ifndef NP_ANCHOR_H
#define NP_ANCHOR_H

#include "core/task.h"

/* Values that a pooled thread keeps at the bottom of its stack: the base
 * function of tasks, the message handler. */
enum { NP_THREAD_BOTTOM = 2 };

/* A free place in NP_SLOT_LIVE, whose entry exists, so that setting it
 * allocates nothing. **raises** for want of memory. */
int np_take_slot(lua_State *L, np_host *h);
/* Empties a place. Never fails. */
void np_drop_slot(np_host *h, int slot);

/* Gives t a Lua thread; false when memory ran out. Plain. */
bool np_take_thread(np_host *h, np_task *t);
/* Takes it back: into the pool, unless the script knows it. Plain. */
void np_give_thread(np_host *h, np_task *t);
/* The same of a parked task, which forgets what is on its stack; nothing there
 * is to be closed. */
void np_reset_thread(np_host *h, np_task *t);

#endif
