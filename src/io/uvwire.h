/*
 * uvwire.h: the wire that is a stream of libuv: a TCP or Unix socket, a pipe.
 */
#ifndef NP_UVWIRE_H
#define NP_UVWIRE_H

#include "io/wire.h"

/* A wire on a TCP socket that is not connected yet. 0 or an error, with *out
 * unchanged. */
int np_uvwire_tcp(np_host *h, np_wire **out);

/* A wire on a connected socket of family AF_INET, AF_INET6 or AF_UNIX. The
 * wire owns fd from then on; after an error the caller still does. */
int np_uvwire_socket(np_host *h, int fd, int family, np_wire **out);

/* The same on any descriptor: what it is (socket, pipe) is found out;
 * UV_EINVAL for what libuv cannot read as a stream. */
int np_uvwire_open(np_host *h, int fd, np_wire **out);

/* The libuv handle of a wire that np_uvwire_tcp made. */
uv_tcp_t *np_uvwire_handle(np_wire *w);

#endif
