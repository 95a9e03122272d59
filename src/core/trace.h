/*
 * trace.h: where tasks are, where they failed, and where they came from.
 */
#ifndef NP_TRACE_H
#define NP_TRACE_H

#include "core/task.h"

/* [.. ] -> [.. text]  The traceback of L1 from a level on, without the base
 * of the task. */
void np_trace_push(lua_State *L, lua_State *L1, int level);

/* [.. ] -> [.. text]  Where a task that does not run stands: its coroutines,
 * the innermost first. */
void np_trace_task(lua_State *L, np_task *t);

/* [err] -> [err]  Notes the traceback of an error for the running task; the
 * message handler of every protected call of ours. */
int np_msgh(lua_State *L);

/* The error on top of the stack, of the task whose userdata is at idx, is
 * about to be raised in the running task, whose own traceback goes on where
 * that of the other ended. */
void np_trace_awaited(lua_State *L, np_host *h, int idx);

/* Debug mode: notes where the new task at idx is spawned. */
void np_trace_spawned(lua_State *L, int idx);

/* [.. ] -> [.. text or nil]  The note, for the task at idx. */
void np_trace_pushspawned(lua_State *L, int idx);

#endif
