/*
 * channel.h: a queue of values between threads.
 */
#ifndef NP_CHANNEL_H
#define NP_CHANNEL_H

#include "core/host.h"

void np_channel_open(lua_State *L, np_host *h);

#endif
