/* incore.h: what the kernel has in its memory of a file. Plain. */
#ifndef NP_INCORE_H
#define NP_INCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads n bytes at an offset as far as they are there, without waiting for a
 * disk. How many, 0 at the end of the file, or UV_EAGAIN for none. */
ssize_t np_incore_read(int fd, char *data, size_t n, int64_t offset);

/* Whether n > 0 bytes at an offset are there, as far as the kernel tells. */
bool np_incore_has(int fd, int64_t offset, size_t n);

#endif
