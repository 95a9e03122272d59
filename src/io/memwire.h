/*
 * memwire.h: two wires connected in memory, for tests.
 */
#ifndef NP_MEMWIRE_H
#define NP_MEMWIRE_H

#include "io/wire.h"

/* Two connected wires; each direction holds at most `capacity` bytes. 0 or
 * UV_ENOMEM. */
int np_memwire_pair(np_host *h, size_t capacity, np_wire *out[2]);

/* memory_pair([capacity]) of neap.core. */
void np_memwire_open(lua_State *L, np_host *h);

#endif
