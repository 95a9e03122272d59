/*
 * bufpool.h: memory for received bytes. The loop owns one 64 KiB buffer that
 * every read goes into; a stream keeps what it cannot hand on at once. Small
 * buffers and 64 KiB ones that became empty are kept for the next stream, so
 * that an idle connection owns none and a busy one allocates none.
 */
#ifndef NP_BUFPOOL_H
#define NP_BUFPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "core/host.h"

typedef struct np_bufpool np_bufpool;
typedef struct np_shelf_block np_shelf_block;

enum {
  NP_READ_SIZE = 64 * 1024,
  NP_RECORD_SIZE = 16 * 1024 /* most that a record of TLS holds */
};

/* Free blocks of one size, linked through their first word. */
typedef struct np_shelf {
  np_shelf_block *first;
  unsigned count, max;
  size_t size;
} np_shelf;

/* The large ones are as long strings are: what was read lies behind a head, so
 * that 64 KiB can become a string where they are. */
struct np_bufpool {
  char *shared; /* the loop's buffer behind its head; NULL after a stream took
                    it over */
  char *record; /* likewise, of NP_RECORD_SIZE bytes */
  size_t head;
  np_shelf small, large;
};

char *np_bufpool_make_shared(np_host *h);

/* The loop's buffer of NP_READ_SIZE bytes: what is read into it must have been
 * handed to np_bufpool_append, or is lost, at the next read. NULL when memory
 * is out. */
static inline char *np_bufpool_shared(np_host *h) {
  if (h->buffers && h->buffers->shared) return h->buffers->shared;
  return np_bufpool_make_shared(h);
}

/* The same for NP_RECORD_SIZE bytes, where nothing larger comes at a time. */
char *np_bufpool_record(np_host *h);

/* Appends n bytes at `data` to b. If they fill much of the loop's own buffer,
 * or all of that for records, and b is empty, b takes that buffer over. 0 or
 * UV_ENOMEM (b unchanged). */
int np_bufpool_append(np_host *h, np_buf *b, char *data, size_t n);

/* Takes the loop's buffer out of use if `data` is it: what lies in it stays,
 * though other bytes are appended meanwhile; true if so. Then give it back. */
bool np_bufpool_lend(np_host *h, char *data);
void np_bufpool_return(np_host *h, char *data);

/* Whether all of b is one such buffer that is full, which np_adopt can take. */
static inline bool np_bufpool_is_string(const np_host *h, const np_buf *b) {
  size_t n = np_buf_size(b), head = h->buffers->head;
  return (n == NP_READ_SIZE || n == NP_RECORD_SIZE) && head > 0 &&
         b->head == head && b->capacity == head + n + 1;
}

/* Takes the memory of b back; b is empty afterwards. */
void np_bufpool_release(np_host *h, np_buf *b);

/* Frees everything: the host closes and no stream is left. */
void np_bufpool_close(np_host *h);

#endif
