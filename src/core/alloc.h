/*
 * alloc.h: the allocator of a state that a host owns: free lists by size
 * class. Lua tells the size of what it gives back, so nothing is stored beside
 * a block, and a task costs no visit to malloc.
 */
#ifndef NP_ALLOC_H
#define NP_ALLOC_H

#include <lua.h>
#include <stddef.h>

enum { NP_ALLOC_STEP = 16, NP_ALLOC_SMALL = 1024 };

typedef struct np_block {
  struct np_block *next;
} np_block;

typedef struct np_pool {
  np_block *free[NP_ALLOC_SMALL / NP_ALLOC_STEP]; /* by class */
  np_block *chunks;                               /* to free at the end */
  char *fresh, *fresh_end;                        /* rest of the newest chunk */
  size_t used;                                    /* bytes handed out */
  lua_Alloc base; /* where chunks and large blocks come from; NULL: malloc */
  void *base_ud;
} np_pool;

/* A lua_Alloc; `ud` is the np_host, whose pool it uses. */
void *np_pool_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

/* Frees every chunk: everything that was handed out is invalid. */
void np_pool_close(np_pool *p);

#endif
