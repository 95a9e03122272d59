/*
 * fsdir.h: scandir: the entries of a directory, some at a time.
 */
#ifndef NP_FSDIR_H
#define NP_FSDIR_H

#include "core/host.h"

/* scandir of neap.core.fs. */
void np_fsdir_open(lua_State *L, np_host *h);

#endif
