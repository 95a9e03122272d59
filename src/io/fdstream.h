/*
 * fdstream.h: Streams of descriptors, and connected pairs.
 */
#ifndef NP_FDSTREAM_H
#define NP_FDSTREAM_H

#include "core/host.h"

/* stream_fd, pair, stream_limit, is_stream and descriptors of neap.core. */
void np_fdstream_open(lua_State *L, np_host *h);

#endif
