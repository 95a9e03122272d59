/*
 * open.h: what each part of the core adds to the table neap.core, which is on
 * top of the stack.
 */
#ifndef NP_OPEN_H
#define NP_OPEN_H

#include "core/host.h"

void np_callback_open(lua_State *L, np_host *h);
void np_debug_open(lua_State *L, np_host *h);
void np_event_open(lua_State *L, np_host *h);
void np_gate_open(lua_State *L, np_host *h);
void np_group_open(lua_State *L, np_host *h);
void np_limits_open(lua_State *L, np_host *h);
void np_multi_open(lua_State *L, np_host *h);
void np_queue_open(lua_State *L, np_host *h);
void np_tasklib_open(lua_State *L, np_host *h);
void np_waitq_open(lua_State *L, np_host *h);

/* The program ends: what failed in groups that nobody left is reported. */
void np_groups_report(np_host *h);

/* Writes the text of dump() to stderr. In the loop, outside of any task. */
void np_dump(np_host *h);

#endif
