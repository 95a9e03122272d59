/*
 * alloc.c: blocks of up to 1 KiB come from free lists in steps of 16 bytes,
 * cut from chunks of 16 KiB; larger ones come from malloc, and from 1 MiB on
 * straight from the system. Under ASan everything comes from malloc, so that
 * it sees each block. Chunks are given back only when a limit of memory is
 * met, since that means to visit every free block.
 *
 * Blocks of 16 KiB to 1 MiB are as large as messages and lists of thousands
 * are, and malloc would give each back to the system and take it, page by page,
 * anew: their sizes are rounded up to 4 KiB, and a bounded number of bytes in
 * them is kept.
 */
#include "core/alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/list.h"
#include "core/host.h"

enum {
  CHUNK = 16 * 1024,   /* small: a host needs 100 KiB at its start */
  KEPT_BYTES = 4 << 20 /* most that is kept in large free blocks */
};

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

/* Whether the limit forbids to take `more` bytes for the block. */
static bool is_refused(np_pool *p, const void *block, size_t more) {
  if (p->limit == 0 || p->shrinks || p->held + more <= p->limit) return false;
  return np_limits_refuse(np_container_of(p, np_host, pool_memory), block,
                          more);
}

/* Large blocks are mapped one by one: malloc would keep what was freed between
 * others, and growing one would take the memory of both sizes. */
static bool is_mapped(size_t size) { return POOLED && size >= NP_ALLOC_MAPPED; }

static void *map(void *ptr, size_t osize, size_t nsize) {
  void *new;
  if (nsize == 0) return munmap(ptr, osize), NULL;
  if (ptr)
    new = mremap(ptr, osize, nsize, MREMAP_MAYMOVE);
  else
    new = mmap(NULL, nsize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
  return new == MAP_FAILED ? NULL : new;
}

/* As a lua_Alloc: `osize` is 0 for a new block. */
static void *from_libc(void *ptr, size_t osize, size_t nsize) {
  bool was = is_mapped(osize), is = is_mapped(nsize);
  if ((was || !ptr) && (is || nsize == 0) && (was || is))
    return map(ptr, osize, nsize);
  if (!was && !is) {
    if (nsize > 0) return realloc(ptr, nsize);
    return free(ptr), NULL;
  }
  void *new = is ? map(NULL, 0, nsize) : malloc(nsize);
  if (!new) return NULL;
  memcpy(new, ptr, osize < nsize ? osize : nsize);
  if (was)
    map(ptr, osize, 0);
  else
    free(ptr);
  return new;
}

/* From the system and back: as a lua_Alloc does, and counted. */
static void *from_system(np_pool *p, void *ptr, size_t osize, size_t nsize) {
  if (nsize > osize && is_refused(p, ptr, nsize - osize)) return NULL;
  void *new = p->base ? p->base(p->base_ud, ptr, osize, nsize)
                      : from_libc(ptr, osize, nsize);
  if (new || nsize == 0) p->held += nsize - osize;
  return new;
}

/* A chunk's first block links it into p->chunks. */
static bool new_chunk(np_pool *p) {
  char *chunk = from_system(p, NULL, 0, CHUNK);
  if (!chunk) return false;
  np_block *head = (np_block *)chunk;
  head->next = p->chunks;
  p->chunks = head;
  p->fresh = chunk + NP_ALLOC_STEP;
  p->fresh_end = chunk + CHUNK;
  return true;
}

static void put(np_pool *p, void *block, size_t size) {
  np_block *b = block;
  b->next = p->free[class_of(size)];
  p->free[class_of(size)] = b;
}

/* A larger block that is free is cut; NULL: there is none. */
static void *cut(np_pool *p, size_t class) {
  size_t larger = class + 1;
  while (larger < NP_ALLOC_CLASSES && !p->free[larger]) larger++;
  if (larger == NP_ALLOC_CLASSES) return NULL;
  np_block *b = p->free[larger];
  p->free[larger] = b->next;
  put(p, (char *)b + (class + 1) * NP_ALLOC_STEP,
      (larger - class) * NP_ALLOC_STEP);
  return b;
}

static void *take_fresh(np_pool *p, size_t class) {
  size_t size = (class + 1) * NP_ALLOC_STEP;
  if ((size_t)(p->fresh_end - p->fresh) < size) {
    while (p->fresh_end - p->fresh >= NP_ALLOC_STEP) { /* the rest, in use */
      size_t rest = (size_t)(p->fresh_end - p->fresh);
      if (rest > NP_ALLOC_SMALL) rest = NP_ALLOC_SMALL;
      put(p, p->fresh, rest);
      p->fresh += rest;
    }
    if (p->limit > 0 && p->held + CHUNK > p->limit) {
      void *block = cut(p, class);
      if (block) return block;
    }
    if (!new_chunk(p)) return NULL;
  }
  void *block = p->fresh;
  p->fresh += size;
  return block;
}

/* ---- large blocks that are kept ---------------------------------------- */

static bool is_medium(size_t size) {
  return POOLED && size >= NP_ALLOC_KEPT_MIN && size <= NP_ALLOC_KEPT_MAX;
}

/* What a block that is not small takes. */
static size_t rounded(size_t size) {
  size_t step = NP_ALLOC_KEPT_STEP;
  return is_medium(size) ? (size + step - 1) / step * step : size;
}

static np_block **kept_list(np_pool *p, size_t size) {
  return &p->kept[(size - NP_ALLOC_KEPT_MIN) / NP_ALLOC_KEPT_STEP];
}

static void drop_kept(np_pool *p) {
  for (size_t class = 0; class < NP_ALLOC_KEPT_CLASSES; class ++) {
    np_block *b;
    while ((b = p->kept[class]) != NULL) {
      p->kept[class] = b->next;
      from_system(p, b, NP_ALLOC_KEPT_MIN + class * NP_ALLOC_KEPT_STEP, 0);
    }
  }
  p->nkept = 0;
}

/* A block of a rounded size, or NULL. */
static void *take_kept(np_pool *p, size_t size) {
  if (!is_medium(size)) return NULL;
  np_block **list = kept_list(p, size), *b = *list;
  if (!b) return NULL;
  *list = b->next;
  p->nkept -= size;
  return b;
}

static void *take_large(np_pool *p, size_t size) {
  void *kept = take_kept(p, size);
  return kept ? kept : from_system(p, NULL, 0, size);
}

/* Where others fill the room that have not been asked for, they make it. Under
 * a limit nothing is kept: it would count as what is held. */
static void give_large(np_pool *p, void *ptr, size_t size) {
  bool keeps = is_medium(size) && p->limit == 0 && !p->base;
  if (keeps && p->nkept + size > KEPT_BYTES) {
    keeps = *kept_list(p, size) == NULL;
    if (keeps) drop_kept(p);
  }
  if (!keeps) {
    from_system(p, ptr, size, 0);
    return;
  }
  np_block **list = kept_list(p, size), *b = ptr;
  b->next = *list;
  *list = b;
  p->nkept += size;
}

static void *resize_large(np_pool *p, void *ptr, size_t osize, size_t nsize) {
  if (osize == nsize) return ptr;
  void *new = take_kept(p, nsize);
  if (!new) return from_system(p, ptr, osize, nsize);
  memcpy(new, ptr, osize < nsize ? osize : nsize);
  give_large(p, ptr, osize);
  return new;
}

/* ---- blocks of any size ------------------------------------------------ */

static void *take(np_pool *p, size_t size) {
  if (!is_small(size)) return take_large(p, rounded(size));
  size_t class = class_of(size);
  np_block *b = p->free[class];
  if (!b) return take_fresh(p, class);
  p->free[class] = b->next;
  return b;
}

static void give(np_pool *p, void *ptr, size_t size) {
  if (is_small(size))
    put(p, ptr, size);
  else
    give_large(p, ptr, rounded(size));
}

/* A block gets another size, and may move. */
static void *resize(np_pool *p, void *ptr, size_t osize, size_t nsize) {
  if (!is_small(osize) && !is_small(nsize))
    return resize_large(p, ptr, rounded(osize), rounded(nsize));
  void *new = take(p, nsize);
  if (!new) return NULL;
  memcpy(new, ptr, osize < nsize ? osize : nsize);
  give(p, ptr, osize);
  return new;
}

/* Never refused by the limit. NULL only where the system has no memory. */
static void *shrink(np_pool *p, void *ptr, size_t osize, size_t nsize) {
  p->shrinks = true;
  void *new = resize(p, ptr, osize, nsize);
  p->shrinks = false;
  return new ? new : ptr;
}

/* It was counted when it was made. */
static void *take_offer(np_pool *p) {
  void *block = p->offer;
  p->offer = NULL;
  return block;
}

void *np_pool_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  np_pool *p = &((np_host *)ud)->pool_memory;
  if (!ptr) {
    if (nsize == 0) return NULL;
    if (p->offer && nsize == p->offer_size && osize == LUA_TSTRING)
      return take_offer(p);
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
  void *new = nsize > osize ? resize(p, ptr, osize, nsize)
                            : shrink(p, ptr, osize, nsize);
  if (new) p->used += nsize - osize;
  return new;
}

void *np_pool_alloc_c(void *ud, void *ptr, size_t osize, size_t nsize) {
  np_guard *g = &((np_host *)ud)->guard;
  g->in_c = true;
  void *new = np_pool_alloc(ud, ptr, osize, nsize);
  g->in_c = false;
  return new;
}

/* ---- giving back ------------------------------------------------------- */

typedef struct np_span {
  char *base;  /* of a chunk */
  size_t idle; /* bytes in it that are not in use */
} np_span;

static int by_base(const void *a, const void *b) {
  const np_span *x = a, *y = b;
  return x->base < y->base ? -1 : x->base > y->base;
}

/* The chunk that the block lies in; they are sorted. */
static np_span *span_of(np_span *spans, size_t n, const void *block) {
  size_t low = 0;
  while (n > 1) {
    size_t half = n / 2;
    if (spans[low + half].base <= (const char *)block) low += half;
    n -= half;
  }
  return &spans[low];
}

static bool is_idle(const np_span *s) { return s->idle == CHUNK; }

static void count_idle(np_pool *p, np_span *spans, size_t n) {
  for (size_t class = 0; class < NP_ALLOC_CLASSES; class ++) {
    for (np_block *b = p->free[class]; b; b = b->next)
      span_of(spans, n, b)->idle += (class + 1) * NP_ALLOC_STEP;
  }
  if (p->fresh < p->fresh_end)
    span_of(spans, n, p->fresh)->idle += (size_t)(p->fresh_end - p->fresh);
}

/* Takes the blocks of idle chunks out of the free lists. */
static void forget_idle(np_pool *p, np_span *spans, size_t n) {
  for (size_t class = 0; class < NP_ALLOC_CLASSES; class ++) {
    np_block **link = &p->free[class];
    while (*link) {
      if (is_idle(span_of(spans, n, *link)))
        *link = (*link)->next;
      else
        link = &(*link)->next;
    }
  }
  if (p->fresh < p->fresh_end && is_idle(span_of(spans, n, p->fresh)))
    p->fresh = p->fresh_end = NULL;
}

void np_pool_trim(np_pool *p) {
  size_t n = 0;
  drop_kept(p);
  if (p->held - p->used < p->held / 16) return; /* not worth it */
  for (np_block *c = p->chunks; c; c = c->next) n++;
  np_span *spans = n > 0 ? malloc(n * sizeof *spans) : NULL;
  if (!spans) return;
  n = 0;
  for (np_block *c = p->chunks; c; c = c->next) {
    spans[n].base = (char *)c;
    spans[n++].idle = NP_ALLOC_STEP; /* the link */
  }
  qsort(spans, n, sizeof *spans, by_base);
  count_idle(p, spans, n);
  forget_idle(p, spans, n);
  p->chunks = NULL;
  for (size_t i = 0; i < n; i++) {
    np_block *c = (np_block *)spans[i].base;
    if (is_idle(&spans[i])) {
      from_system(p, c, CHUNK, 0);
    } else {
      c->next = p->chunks;
      p->chunks = c;
    }
  }
  free(spans);
#ifdef __GLIBC__
  if (!p->base) malloc_trim(0); /* else it keeps what lies between others */
#endif
}

void np_pool_close(np_pool *p) {
  np_block *chunk = p->chunks;
  drop_kept(p);
  while (chunk) {
    np_block *next = chunk->next;
    from_system(p, chunk, CHUNK, 0);
    chunk = next;
  }
  memset(p, 0, sizeof *p);
}
