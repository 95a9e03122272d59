/*
 * listener.h: the class Listener: listening sockets and accept.
 */
#ifndef NP_LISTENER_H
#define NP_LISTENER_H

#include "core/host.h"
#include "io/sockfile.h"

typedef struct np_listener np_listener;

/* Takes over a socket that is bound, listening and non-blocking, and its file,
 * or NULL. After an error the caller still owns both. */
int np_listener_add(np_listener *l, int fd, np_sockfile *file);

/* The listener that an argument is, open. **raises** */
np_listener *np_listener_check(lua_State *L, int arg);

/* Registers the class, and listener, listener_ahead of neap.core. */
void np_listener_open(lua_State *L, np_host *h);

#endif
