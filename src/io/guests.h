/*
 * guests.h: the tasks of a server, for neap.core.
 */
#ifndef NP_GUESTS_H
#define NP_GUESTS_H

#include "core/host.h"

void np_guests_open(lua_State *L, np_host *h);

#endif
