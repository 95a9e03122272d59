/*
 * fetch.h: files that are read to be sent to others. One request to a thread
 * finds, opens and looks at a file, and reads it if it is small; a large one
 * stays open and is read in pieces. What the kernel has in its memory is taken
 * at once instead, without a thread, where the caller says that it may be
 * `quick` and the system can tell.
 */
#ifndef NP_FETCH_H
#define NP_FETCH_H

#include "base/class.h"
#include "core/wait.h"
#include "io/work.h"

enum {
  NP_FETCH_PIECE = 128 * 1024, /* np_fetch_piece gives no more */
  NP_FETCH_LOAD = 256 * 1024,  /* a thread reads no more at a time */
};

typedef struct np_fetch np_fetch;

extern const np_class np_fetch_class;

/* The file at `arg`, which must be open. **raises** */
np_fetch *np_fetch_check(lua_State *L, int arg);

/* Bytes of a file at an offset, n <= NP_FETCH_PIECE: *data is theirs until
 * another one is asked for. n, or UV_EAGAIN if they are not in memory or are
 * not there any more: `load` and `read` tell. Plain. */
ssize_t np_fetch_piece(np_fetch *f, int64_t offset, size_t n, char **data);

/* The descriptor of a file, if n > 0 bytes of it at an offset are in the memory
 * of the kernel, but not in ours; else UV_EAGAIN. Plain. */
int np_fetch_incore(np_fetch *f, int64_t offset, size_t n);

/* What lies before `end` has been sent: one that waits for its client holds no
 * memory for it. Plain. */
void np_fetch_passed(np_fetch *f, int64_t end);

/* Adds `fetch` to the table of file functions on top of the stack. */
void np_fetch_open(lua_State *L, np_host *h);

#endif
