/*
 * alloc.c: blocks of up to 1 KiB come from free lists in steps of 16 bytes,
 * cut from chunks of 64 KiB that live as long as the host; larger ones come
 * from malloc. Under ASan everything does, so that it sees each block.
 */
#include "core/alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"

enum { CHUNK = 64 * 1024 };

#if defined(__SANITIZE_ADDRESS__)
#define POOLED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOLED 0
#endif
#endif
#ifndef POOLED
#define POOLED 1
#endif

static bool is_small(size_t size) { return POOLED && size <= NP_ALLOC_SMALL; }

static size_t class_of(size_t size) { return (size - 1) / NP_ALLOC_STEP; }

static void *base_take(np_pool *p, size_t size) {
  return p->base ? p->base(p->base_ud, NULL, 0, size) : malloc(size);
}

static void base_give(np_pool *p, void *ptr, size_t size) {
  if (p->base)
    p->base(p->base_ud, ptr, size, 0);
  else
    free(ptr);
}

static void *base_resize(np_pool *p, void *ptr, size_t osize, size_t nsize) {
  return p->base ? p->base(p->base_ud, ptr, osize, nsize) : realloc(ptr, nsize);
}

/* A chunk's first block links it into p->chunks. */
static bool new_chunk(np_pool *p) {
  char *chunk = base_take(p, CHUNK);
  if (!chunk) return false;
  np_block *head = (np_block *)chunk;
  head->next = p->chunks;
  p->chunks = head;
  p->fresh = chunk + NP_ALLOC_STEP;
  p->fresh_end = chunk + CHUNK;
  return true;
}

static void *take_fresh(np_pool *p, size_t class) {
  size_t size = (class + 1) * NP_ALLOC_STEP;
  if ((size_t)(p->fresh_end - p->fresh) < size) {
    while (p->fresh_end - p->fresh >= NP_ALLOC_STEP) { /* the rest, in use */
      size_t rest = (size_t)(p->fresh_end - p->fresh);
      if (rest > NP_ALLOC_SMALL) rest = NP_ALLOC_SMALL;
      np_block *b = (np_block *)p->fresh;
      b->next = p->free[class_of(rest)];
      p->free[class_of(rest)] = b;
      p->fresh += rest;
    }
    if (!new_chunk(p)) return NULL;
  }
  void *block = p->fresh;
  p->fresh += size;
  return block;
}

static void *take(np_pool *p, size_t size) {
  if (!is_small(size)) return base_take(p, size);
  size_t class = class_of(size);
  np_block *b = p->free[class];
  if (!b) return take_fresh(p, class);
  p->free[class] = b->next;
  return b;
}

static void give(np_pool *p, void *ptr, size_t size) {
  if (!is_small(size)) {
    base_give(p, ptr, size);
    return;
  }
  np_block *b = ptr;
  b->next = p->free[class_of(size)];
  p->free[class_of(size)] = b;
}

void *np_pool_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  np_pool *p = &((np_host *)ud)->pool_memory;
  if (!ptr) {
    if (nsize == 0) return NULL;
    void *new = take(p, nsize);
    if (new) p->used += nsize;
    return new;
  }
  if (nsize == 0) {
    p->used -= osize;
    if (osize > 0) give(p, ptr, osize);
    return NULL;
  }
  if (is_small(osize) && is_small(nsize) &&
      class_of(osize) == class_of(nsize)) {
    p->used += nsize - osize;
    return ptr;
  }
  void *new;
  if (!is_small(osize) && !is_small(nsize)) {
    new = base_resize(p, ptr, osize, nsize);
  } else if ((new = take(p, nsize)) != NULL) {
    memcpy(new, ptr, osize < nsize ? osize : nsize);
    give(p, ptr, osize);
  }
  if (!new) return nsize <= osize ? ptr : NULL; /* shrinking never fails */
  p->used += nsize - osize;
  return new;
}

void np_pool_close(np_pool *p) {
  np_block *chunk = p->chunks;
  while (chunk) {
    np_block *next = chunk->next;
    base_give(p, chunk, CHUNK);
    chunk = next;
  }
  memset(p, 0, sizeof *p);
}
