/*
 * fswatch.h: what the system says about changes of directories (inotify).
 */
#ifndef NP_FSWATCH_H
#define NP_FSWATCH_H

#include "core/host.h"

/* notifier of neap.core: lua/neap/watch.lua makes events of what it gives. */
void np_fswatch_open(lua_State *L, np_host *h);

#endif
