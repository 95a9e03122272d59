/*
 * poll.h: waiting for descriptors that other libraries own.
 */
#ifndef NP_POLL_H
#define NP_POLL_H

#include <lua.h>

#include "core/host.h"

void np_poll_open(lua_State *L, np_host *h);

#endif
