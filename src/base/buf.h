/*
 * buf.h: a growable queue of bytes. Bytes are added at the tail (reserve, then
 * commit) and taken at the head. Memory comes from an allocator with the
 * signature of lua_Alloc, so that the host's limit counts it. An empty buffer
 * owns no memory after np_buf_release.
 */
#ifndef NP_BUF_H
#define NP_BUF_H

#include <lua.h>
#include <stddef.h>

typedef struct np_buf {
  char *base;      /* the allocation, or NULL */
  size_t capacity; /* its size */
  size_t head;     /* offset of the first byte */
  size_t tail;     /* offset behind the last byte */
} np_buf;

static inline size_t np_buf_size(const np_buf *b) { return b->tail - b->head; }
static inline char *np_buf_data(const np_buf *b) { return b->base + b->head; }

/* np_buf_reserve where there is no room so far. */
char *np_buf_grow(np_buf *b, size_t n, lua_Alloc alloc, void *ud);

/* Makes room for n bytes at the tail (moving or growing); returns where to
 * write them, or NULL when memory runs out (the buffer is unchanged). */
static inline char *np_buf_reserve(np_buf *b, size_t n, lua_Alloc alloc,
                                   void *ud) {
  if (b->base && b->capacity - b->tail >= n) return b->base + b->tail;
  return np_buf_grow(b, n, alloc, ud);
}

/* n bytes were written at the place np_buf_reserve gave. */
static inline void np_buf_commit(np_buf *b, size_t n) { b->tail += n; }

/* Appends a copy. 0 or UV_ENOMEM, with nothing changed. */
int np_buf_append(np_buf *b, const char *s, size_t n, lua_Alloc alloc,
                  void *ud);

/* Drops n bytes at the head (n <= size). */
void np_buf_consume(np_buf *b, size_t n);

/* Takes over an allocation of `capacity` bytes that holds `size` bytes; the
 * buffer must be released. */
void np_buf_adopt(np_buf *b, char *base, size_t capacity, size_t size);

/* Frees the memory; the buffer is empty afterwards. */
void np_buf_release(np_buf *b, lua_Alloc alloc, void *ud);

/* The offset (from the head) of the first occurrence of the m bytes at s,
 * looking from offset `from`; -1 if there is none. */
ptrdiff_t np_buf_find(const np_buf *b, size_t from, const char *s, size_t m);

#endif
