/*
 * coro.h: coroutine.* and require, which let a wait pass through.
 */
#ifndef NP_CORO_H
#define NP_CORO_H

#include "core/host.h"

/* Closes a coroutine's pending variables, leaving it dead: lua_closethread
 * where Lua has it, else lua_resetthread. Returns its status. */
int np_closethread(lua_State *co);

/* The same for one inside the current task, which then runs: its scopes are in
 * force while its handlers run. The caller sets `running` afterwards. */
int np_coro_close(np_host *h, lua_State *co);

/* Marks a coroutine as one that a wait passed through, or not any more. */
void np_coro_setparked(np_host *h, lua_State *co, bool parked);

/* Replaces functions of the table `coroutine`. */
void np_coro_open(lua_State *L, np_host *h);

/* Replaces `require`. */
void np_require_open(lua_State *L, np_host *h);

#endif
