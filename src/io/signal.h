/*
 * signal.h: names of signals, and who listens to them.
 */
#ifndef NP_SIGNAL_H
#define NP_SIGNAL_H

#include <lua.h>
#include <stdbool.h>

#include "core/host.h"

/* The name without SIG ("TERM"), or NULL. */
const char *np_signal_name(int signum);

/* The number of a name, with SIG or without; 0 if there is none. */
int np_signal_number(const char *name);

/* A task or a handler of this host listens to it. */
static inline bool np_signal_taken(const np_host *h, int signum) {
  return h->listeners[signum] > 0;
}

void np_signal_open(lua_State *L, np_host *h);

#endif
