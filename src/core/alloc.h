/*
 * alloc.h: the allocator of a state that a host owns: free lists by size
 * class. Lua tells the size of what it gives back, so nothing is stored beside
 * a block, and a task costs no visit to malloc. Neither do messages and lists
 * of 16 KiB to 1 MiB: a few MiB of such blocks are kept for the next ones.
 */
#ifndef NP_ALLOC_H
#define NP_ALLOC_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum {
  NP_ALLOC_STEP = 16,
  NP_ALLOC_SMALL = 1024,
  NP_ALLOC_CLASSES = NP_ALLOC_SMALL / NP_ALLOC_STEP,
  NP_ALLOC_KEPT_MIN = 16 * 1024,
  NP_ALLOC_KEPT_STEP = 4 * 1024,
  NP_ALLOC_KEPT_MAX = 1020 * 1024,
  NP_ALLOC_KEPT_CLASSES =
      (NP_ALLOC_KEPT_MAX - NP_ALLOC_KEPT_MIN) / NP_ALLOC_KEPT_STEP + 1,
  NP_ALLOC_MAPPED = 1 << 20
};

typedef struct np_block {
  struct np_block *next;
} np_block;

typedef struct np_pool {
  np_block *free[NP_ALLOC_CLASSES];      /* by class */
  np_block *kept[NP_ALLOC_KEPT_CLASSES]; /* free, of 16 KiB and more */
  size_t nkept;                          /* bytes in them */
  np_block *chunks;                      /* to free at the end */
  char *fresh, *fresh_end;               /* rest of the newest chunk */
  void *offer;       /* the next string of offer_size bytes in all lies here; */
  size_t offer_size; /* NULL: wherever (core/adopt.c) */
  size_t string_head; /* bytes before the text of a long string; 0: unknown */
  size_t used;        /* bytes handed out */
  size_t held;        /* bytes taken from the system */
  size_t limit;       /* of held, where limits.c is asked; 0: never */
  bool shrinks;       /* a block does; meanwhile the limit refuses nothing */
  lua_Alloc base;     /* where chunks and large blocks come from; NULL: malloc.
                       Set before the first use */
  void *base_ud;
} np_pool;

/* A lua_Alloc; `ud` is the np_host, whose pool it uses. */
void *np_pool_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

/* The same for what C keeps: when it is refused no garbage was collected. */
void *np_pool_alloc_c(void *ud, void *ptr, size_t osize, size_t nsize);

/* Gives chunks in which nothing is in use back to the system. */
void np_pool_trim(np_pool *p);

/* Frees every chunk: everything that was handed out is invalid. */
void np_pool_close(np_pool *p);

#endif
