/* fsbeneath.h: opening what lies beneath a directory, to be read. */
#ifndef NP_FSBENEATH_H
#define NP_FSBENEATH_H

#include <stdbool.h>

/* What kind of file system something lies on. */
typedef struct np_fsop_place {
  bool local; /* of this machine: what it has cached it gives without delay */
  bool in_memory; /* local, and all of it is */
} np_fsop_place;

np_fsop_place np_fsop_place_of(int fd);

/* Opens `path`, relative to the directory `root`, for reading; a directory
 * too. Links are followed as long as they do not leave the directory: that is
 * UV_EXDEV. *place is that of the directory. With root NULL it is any path,
 * and *place is left alone. Blocks, except that a fifo is not waited for. A
 * descriptor or an error. */
int np_fsop_open_beneath(const char *root, const char *path,
                         np_fsop_place *place);

/* The same without blocking, in a directory on a local file system, and for
 * what the kernel knows by heart and is not on another one. UV_EAGAIN: it has
 * to be asked the other way. */
int np_fsop_open_known(const char *root, const char *path);

/* Any path that the kernel knows by heart, as a mere place (O_PATH), without
 * blocking; `flags`: O_NOFOLLOW or 0. UV_ENOENT, or UV_EAGAIN as above. */
int np_fsop_hold_known(const char *path, int flags);

#endif
