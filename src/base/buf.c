/*
 * buf.c: the growable queue of bytes. The bytes are base[head..tail). Space in
 * front of the head is used again only when the move copies no more bytes than
 * were consumed since the last one; so each byte is moved a bounded number of
 * times, however the sizes of reads and writes relate.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

enum { MIN_CAPACITY = 256 }; /* most lines and small messages fit */

/* Moves the bytes to an allocation of `capacity`; false when memory is out. */
static bool reallocate(np_buf *b, size_t capacity, lua_Alloc alloc, void *ud) {
  size_t size = np_buf_size(b);
  char *base;
  if (b->head == 0) {
    base = alloc(ud, b->base, b->capacity, capacity);
    if (!base) return false;
  } else {
    base = alloc(ud, NULL, 0, capacity);
    if (!base) return false;
    memcpy(base, np_buf_data(b), size);
    alloc(ud, b->base, b->capacity, 0);
  }
  *b = (np_buf){.base = base, .capacity = capacity, .tail = size};
  return true;
}

/* Moves the bytes to the start of the allocation. */
static void shift(np_buf *b) {
  size_t size = np_buf_size(b);
  memmove(b->base, np_buf_data(b), size);
  b->head = 0;
  b->tail = size;
}

char *np_buf_grow(np_buf *b, size_t n, lua_Alloc alloc, void *ud) {
  size_t size = np_buf_size(b);
  if (n > SIZE_MAX / 2 - size) return NULL;
  bool fits = b->base && size + n <= b->capacity;
  if (fits && b->head >= size) {
    shift(b);
    return b->base + b->tail;
  }
  size_t capacity = b->capacity ? 2 * b->capacity : MIN_CAPACITY;
  while (capacity < size + n) capacity *= 2;
  if (!reallocate(b, capacity, alloc, ud)) {
    // memory is short: do with what there is, or with the least
    if (fits) {
      shift(b);
    } else if (!reallocate(b, size + n, alloc, ud)) {
      return NULL;
    }
  }
  return b->base + b->tail;
}

int np_buf_append(np_buf *b, const char *s, size_t n, lua_Alloc alloc,
                  void *ud) {
  if (n == 0) return 0;
  char *p = np_buf_reserve(b, n, alloc, ud);
  if (!p) return UV_ENOMEM;
  memcpy(p, s, n);
  np_buf_commit(b, n);
  return 0;
}

void np_buf_consume(np_buf *b, size_t n) {
  assert(n <= np_buf_size(b));
  b->head += n;
  if (b->head == b->tail) b->head = b->tail = 0;
}

void np_buf_adopt(np_buf *b, char *base, size_t capacity, size_t size) {
  assert(!b->base && size <= capacity);
  b->base = base;
  b->capacity = capacity;
  b->head = 0;
  b->tail = size;
}

void np_buf_release(np_buf *b, lua_Alloc alloc, void *ud) {
  if (b->base) alloc(ud, b->base, b->capacity, 0);
  *b = (np_buf){0};
}

ptrdiff_t np_buf_find(const np_buf *b, size_t from, const char *s, size_t m) {
  size_t size = np_buf_size(b);
  if (from > size || m > size - from) return -1;
  if (m == 0) return (ptrdiff_t)from;
  const char *data = np_buf_data(b);
  const char *p = memmem(data + from, size - from, s, m);
  return p ? p - data : -1;
}
