/*
 * stdwire.h: the wire over one of the standard descriptors.
 */
#ifndef NP_STDWIRE_H
#define NP_STDWIRE_H

#include <lua.h>

#include "io/wire.h"

/* A wire over descriptor 0, 1 or 2, which stays as it is: blocking, and open
 * when the wire is closed. 0 or an error. */
int np_stdwire_open(lua_State *L, np_host *h, int fd, np_wire **out);

/* Sends what is left of the write under way and then n bytes at data; unless
 * `patient`, only as much as is taken at once. Plain; may block. */
void np_stdwire_drain(np_wire *w, const char *data, size_t n, bool patient);

/* Where 0, 1 or 2 is closed, puts something there that fails in the same way
 * when it is used: nothing else is to get its number. */
void np_stdwire_reserve(void);

#endif
