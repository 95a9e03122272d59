/*
 * bufpool.c: the buffers of reading. All come from the host's allocator with
 * exactly the size of their shelf, so an np_buf may also grow or free one by
 * itself.
 */
#include "io/bufpool.h"

#include <string.h>
#include <uv.h>

enum {
  SMALL_SIZE = 1024,
  MAX_SMALL = 256,               /* kept: 256 KiB */
  MAX_LARGE = 4,                 /* kept: 256 KiB */
  ADOPT_SIZE = NP_READ_SIZE / 4, /* copying less is cheaper than the memory */
};

struct np_shelf_block {
  np_shelf_block *next;
};

/* The host's pool, made when missing; NULL when memory is out. */
static np_bufpool *get_pool(np_host *h) {
  if (h->buffers) return h->buffers;
  np_bufpool *pool = np_alloc(h, sizeof(*pool));
  if (!pool) return NULL;
  *pool = (np_bufpool){
      .small = {.max = MAX_SMALL, .size = SMALL_SIZE},
      .large = {.max = MAX_LARGE, .size = NP_READ_SIZE},
  };
  return h->buffers = pool;
}

static char *take(np_host *h, np_shelf *s) {
  np_shelf_block *b = s->first;
  if (!b) return np_alloc(h, s->size);
  s->first = b->next;
  s->count--;
  return (char *)b;
}

static void put(np_host *h, np_shelf *s, char *base) {
  if (s->count >= s->max) {
    np_free(h, base, s->size);
    return;
  }
  np_shelf_block *b = (np_shelf_block *)base;
  b->next = s->first;
  s->first = b;
  s->count++;
}

char *np_bufpool_make_shared(np_host *h) {
  np_bufpool *pool = get_pool(h);
  if (!pool) return NULL;
  if (!pool->shared) pool->shared = take(h, &pool->large);
  return pool->shared;
}

/* Gives the empty b a block that holds n bytes. */
static void fill(np_buf *b, char *base, size_t capacity, size_t n) {
  *b = (np_buf){.base = base, .capacity = capacity, .tail = n};
}

int np_bufpool_append(np_host *h, np_buf *b, char *data, size_t n) {
  np_bufpool *pool = get_pool(h);
  if (!pool) return UV_ENOMEM;
  if (b->base || (n > SMALL_SIZE && data != pool->shared) ||
      (n > SMALL_SIZE && n < ADOPT_SIZE)) {
    return np_buf_append(b, data, n, h->alloc, h->alloc_ud);
  }
  if (n > SMALL_SIZE) {
    fill(b, data, NP_READ_SIZE, n);
    pool->shared = NULL;
    return 0;
  }
  char *base = take(h, &pool->small);
  if (!base) return UV_ENOMEM;
  memcpy(base, data, n);
  fill(b, base, SMALL_SIZE, n);
  return 0;
}

bool np_bufpool_lend(np_host *h, char *data) {
  bool lent = h->buffers && h->buffers->shared == data;
  if (lent) h->buffers->shared = NULL;
  return lent;
}

void np_bufpool_return(np_host *h, char *data) {
  if (!h->buffers->shared) {
    h->buffers->shared = data;
  } else {
    put(h, &h->buffers->large, data);
  }
}

void np_bufpool_release(np_host *h, np_buf *b) {
  np_bufpool *pool = h->buffers;
  if (!b->base) return;
  if (pool && b->capacity == SMALL_SIZE) {
    put(h, &pool->small, b->base);
  } else if (pool && b->capacity == NP_READ_SIZE) {
    put(h, &pool->large, b->base);
  } else {
    np_free(h, b->base, b->capacity);
  }
  *b = (np_buf){0};
}

static void clear(np_host *h, np_shelf *s) {
  while (s->first) {
    np_shelf_block *b = s->first;
    s->first = b->next;
    np_free(h, b, s->size);
  }
  s->count = 0;
}

void np_bufpool_close(np_host *h) {
  np_bufpool *pool = h->buffers;
  if (!pool) return;
  clear(h, &pool->small);
  clear(h, &pool->large);
  if (pool->shared) np_free(h, pool->shared, NP_READ_SIZE);
  np_free(h, pool, sizeof(*pool));
  h->buffers = NULL;
}
