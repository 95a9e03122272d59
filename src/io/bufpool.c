/*
 * bufpool.c: the buffers of reading. All come from the host's allocator with
 * exactly the size of their shelf, so an np_buf may also grow or free one by
 * itself.
 */
#include "io/bufpool.h"

#include <string.h>
#include <uv.h>

#include "core/adopt.h"

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
  size_t head = np_adopt_head(h);
  *pool = (np_bufpool){
      .head = head,
      .small = {.max = MAX_SMALL, .size = SMALL_SIZE},
      .large = {.max = MAX_LARGE, .size = head + NP_READ_SIZE + 1},
  };
  return h->buffers = pool;
}

static size_t record_size(const np_bufpool *pool) {
  return pool->head + NP_RECORD_SIZE + 1;
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
  if (pool->shared) return pool->shared;
  char *base = take(h, &pool->large);
  if (base) pool->shared = base + pool->head;
  return pool->shared;
}

char *np_bufpool_record(np_host *h) {
  np_bufpool *pool = get_pool(h);
  if (!pool) return NULL;
  if (pool->record) return pool->record;
  char *base = np_alloc(h, record_size(pool));
  if (base) pool->record = base + pool->head;
  return pool->record;
}

/* b gets one of the loop's buffers, in which n bytes lie. */
static void take_over(np_buf *b, char **from, size_t head, size_t size,
                      size_t n) {
  *b = (np_buf){
      .base = *from - head, .capacity = size, .head = head, .tail = head + n};
  *from = NULL;
}

int np_bufpool_append(np_host *h, np_buf *b, char *data, size_t n) {
  np_bufpool *pool = get_pool(h);
  if (!pool) return UV_ENOMEM;
  if (!b->base && data == pool->shared && n >= ADOPT_SIZE) {
    take_over(b, &pool->shared, pool->head, pool->large.size, n);
    return 0;
  }
  if (!b->base && data == pool->record && n == NP_RECORD_SIZE) {
    take_over(b, &pool->record, pool->head, record_size(pool), n);
    return 0;
  }
  if (b->base || n > SMALL_SIZE) {
    return np_buf_append(b, data, n, h->alloc, h->alloc_ud);
  }
  char *base = take(h, &pool->small);
  if (!base) return UV_ENOMEM;
  memcpy(base, data, n);
  *b = (np_buf){.base = base, .capacity = SMALL_SIZE, .tail = n};
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
    put(h, &h->buffers->large, data - h->buffers->head);
  }
}

void np_bufpool_release(np_host *h, np_buf *b) {
  np_bufpool *pool = h->buffers;
  if (!b->base) return;
  if (pool && b->capacity == SMALL_SIZE) {
    put(h, &pool->small, b->base);
  } else if (pool && b->capacity == pool->large.size) {
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
  if (pool->shared) np_free(h, pool->shared - pool->head, pool->large.size);
  if (pool->record) np_free(h, pool->record - pool->head, record_size(pool));
  np_free(h, pool, sizeof(*pool));
  h->buffers = NULL;
}
