/*
 * bufpool.c: the buffers of reading. Free ones of each of the two sizes are
 * linked through their first word. All come from the host's allocator with
 * exactly these sizes, so an np_buf may also grow or free one by itself.
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

typedef struct block {
  struct block *next;
} block;

typedef struct shelf {
  block *first;
  unsigned count, max;
  size_t size; /* of each block */
} shelf;

struct np_bufpool {
  char *shared;
  shelf small, large;
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

static char *take(np_host *h, shelf *s) {
  block *b = s->first;
  if (!b) return np_alloc(h, s->size);
  s->first = b->next;
  s->count--;
  return (char *)b;
}

static void put(np_host *h, shelf *s, char *base) {
  if (s->count >= s->max) {
    np_free(h, base, s->size);
    return;
  }
  block *b = (block *)base;
  b->next = s->first;
  s->first = b;
  s->count++;
}

char *np_bufpool_shared(np_host *h) {
  np_bufpool *pool = get_pool(h);
  if (!pool) return NULL;
  if (!pool->shared) pool->shared = take(h, &pool->large);
  return pool->shared;
}

int np_bufpool_append(np_host *h, np_buf *b, char *data, size_t n) {
  np_bufpool *pool = get_pool(h);
  if (!pool) return UV_ENOMEM;
  if (!b->base && data == pool->shared && n >= ADOPT_SIZE) {
    np_buf_adopt(b, data, NP_READ_SIZE, n);
    pool->shared = NULL;
    return 0;
  }
  if (!b->base && n <= SMALL_SIZE) {
    char *base = take(h, &pool->small);
    if (!base) return UV_ENOMEM;
    memcpy(base, data, n);
    np_buf_adopt(b, base, SMALL_SIZE, n);
    return 0;
  }
  return np_buf_append(b, data, n, h->alloc, h->alloc_ud);
}

void np_bufpool_release(np_host *h, np_buf *b) {
  if (!b->base) return;
  np_bufpool *pool = h->buffers;
  if (pool && b->capacity == SMALL_SIZE) {
    put(h, &pool->small, b->base);
    *b = (np_buf){0};
  } else if (pool && b->capacity == NP_READ_SIZE) {
    put(h, &pool->large, b->base);
    *b = (np_buf){0};
  } else {
    np_buf_release(b, h->alloc, h->alloc_ud);
  }
}

static void clear(np_host *h, shelf *s) {
  while (s->first) {
    block *b = s->first;
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
