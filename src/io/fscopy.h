/* fscopy.h: copying a file, on a thread of the pool. */
#ifndef NP_FSCOPY_H
#define NP_FSCOPY_H

#include <stdatomic.h>
#include <stdbool.h>

/* Copies a file with its permissions; replaces one that is there, or is
 * UV_EEXIST. Blocks; 0 or an error, and then `to` is as it was. */
int np_fsop_copy(const char *from, const char *to, bool exclusive,
                 const atomic_bool *cancelled);

#endif
