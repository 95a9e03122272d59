/*
 * thread.h: what Lua sees of threads: core.thread, and the class Job.
 */
#ifndef NP_THREAD_H
#define NP_THREAD_H

#include "core/host.h"

void np_thread_open(lua_State *L, np_host *h);

#endif
