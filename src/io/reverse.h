/*
 * reverse.h: addresses to names, off the loop.
 */
#ifndef NP_REVERSE_H
#define NP_REVERSE_H

#include "core/host.h"

/* reverse of neap.core. */
void np_reverse_open(lua_State *L, np_host *h);

#endif
