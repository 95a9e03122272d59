/*
 * tcp.h: TCP: connecting and listening.
 */
#ifndef NP_TCP_H
#define NP_TCP_H

#include "core/host.h"

/* tcp_connect, listener_tcp and listener_fd of neap.core. */
void np_tcp_open(lua_State *L, np_host *h);

#endif
