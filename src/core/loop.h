/*
 * loop.h: the ready queue and its turns on a libuv loop.
 */
#ifndef NP_LOOP_H
#define NP_LOOP_H

#include "core/host.h"

/* Sets up the handles on h->uv. 0 or a negative UV_ code, with all undone. */
int np_loop_init(np_host *h);
/* Asks them all to close; run the loop until h->nhandles is 0. */
void np_loop_close(np_host *h);

/* Runs until the program ends: no tasks but daemons, nothing that keeps it
 * alive; reports a deadlock. */
void np_loop_run(np_host *h);

/* Cancels every task and runs until they are gone, for at most `grace`
 * seconds; then ends the rest by force. */
void np_loop_unwind(np_host *h, double grace);

/* The same on a loop that goes on by itself: `done` is called from a turn. */
void np_loop_unwind_start(np_host *h, double grace, void (*done)(np_host *h));

/* Every task waits for good: reports it. */
void np_loop_deadlock(np_host *h);

/* Makes np_loop_run look again whether the program has ended. */
void np_loop_recheck(np_host *h);

/* Makes a turn follow soon, though no task is ready. */
void np_loop_kick(np_host *h);

/* Asks a handle that was counted in h->nhandles to close; its data is used. */
void np_loop_close_handle(np_host *h, void *handle);

void np_loop_open(lua_State *L, np_host *h);

#endif
