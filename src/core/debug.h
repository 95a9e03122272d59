/*
 * debug.h: where things were made, for those who ask (neap.testing, debug mode)
 */
#ifndef NP_DEBUG_H
#define NP_DEBUG_H

#include "core/host.h"

/* Writes the script's line that runs now ("x.lua:12") to buf; "" where none
 * does. Plain: it only looks. */
void np_origin(np_host *h, char *buf, size_t size);

/* [.. task] -> [.. task]  Notes np_origin in a new task while the host traces.
 * **raises** for want of memory */
void np_task_note_origin(lua_State *L, np_host *h);

#endif
