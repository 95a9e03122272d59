/*
 * sockfile.h: addresses of Unix sockets, and the file of one that listens: a
 * stale one makes way, and ours is removed when the socket is closed.
 */
#ifndef NP_SOCKFILE_H
#define NP_SOCKFILE_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/host.h"

typedef struct np_sockfile np_sockfile;

/* The address of a path, or on Linux of an abstract name "@name"; its length
 * in *len. 0, UV_EINVAL for an empty one, or UV_ENAMETOOLONG. */
int np_sockfile_address(const char *path, size_t n, struct sockaddr_un *out,
                        socklen_t *len);

/* Binds fd. If the path is that of a socket nobody listens on, that file is
 * replaced. The new file in *out, NULL for an abstract name. 0 or an error. */
int np_sockfile_bind(np_host *h, int fd, const char *path, size_t n,
                     np_sockfile **out);

/* Removes the file, unless another one has taken its place, and frees f. NULL
 * is ignored. */
void np_sockfile_remove(np_host *h, np_sockfile *f);

#endif
