/*
 * tty.h: the standard streams, and what is special about terminals.
 */
#ifndef NP_TTY_H
#define NP_TTY_H

#include <lua.h>

#include "core/host.h"

/* Puts the terminals that were made raw back as they were. Async-signal-safe:
 * for those who end the process by _exit. */
void np_tty_restore(void);

void np_tty_open(lua_State *L, np_host *h);

#endif
