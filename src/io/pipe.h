/*
 * pipe.h: Unix sockets: connecting and listening.
 */
#ifndef NP_PIPE_H
#define NP_PIPE_H

#include "core/host.h"

/* unix_connect and listener_unix of neap.core. */
void np_pipe_open(lua_State *L, np_host *h);

#endif
