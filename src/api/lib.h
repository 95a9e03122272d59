/*
 * lib.h: a host with everything in it: what neap.so, the command and the
 * embedding API open.
 */
#ifndef NP_LIB_H
#define NP_LIB_H

#include <lua.h>

#include "core/host.h"

/* [..] -> [.. neap]  Makes the initialised host `h` the host of the state:
 * neap.core, all parts, the Lua modules, package.loaded.neap. **raises** */
void np_lib_open(lua_State *L, np_host *h);

/* Closes an initialised host whose tasks are unwound; its state, if it is
 * ours, is closed here too. */
void np_lib_close(np_host *h);

/* The same in two halves, for a loop that somebody else runs: the second one
 * once h->nhandles is 0. */
void np_lib_close_start(np_host *h);
void np_lib_close_end(np_host *h);

/* Its address is the registry key of the globals of neap's own Lua files, if
 * they are not those of scripts. */
extern const char np_lib_env;

int luaopen_neap(lua_State *L);

#endif
