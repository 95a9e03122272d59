/*
 * process.h: child processes.
 */
#ifndef NP_PROCESS_H
#define NP_PROCESS_H

#include <lua.h>

#include "core/host.h"

void np_process_open(lua_State *L, np_host *h);

#endif
