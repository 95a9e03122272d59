/*
 * proto.h: the parts of neap that stand on other libraries (src/proto), opened
 * when first used.
 */
#ifndef NP_API_PROTO_H
#define NP_API_PROTO_H

#include <lua.h>

#include "core/host.h"

/* Makes `require "neap.proto.NAME"` open NAME.so from beside the host: its
 * luaopen_neap_proto_NAME(L) is called with the host as upvalue 1. Balanced on
 * the stack. **raises** */
void np_proto_open(lua_State *L, np_host *h);

#endif
