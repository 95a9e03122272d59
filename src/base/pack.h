/*
 * pack.h: Lua values as bytes, to go from one state to another, in any thread.
 *
 * Copied are nil, booleans, numbers, strings, tables (cycles, shared tables and
 * metatables included), functions written in Lua with their upvalues (which
 * stay shared among those that are packed together), errors of neap, and what
 * is shared rather than copied: userdata that begins with an np_shared. By name
 * travel the modules in package.loaded, `_ENV` (which is `_G` there), and the
 * functions in them that are written in C or belong to neap.
 */
#ifndef NP_PACK_H
#define NP_PACK_H

#include <lua.h>
#include <stddef.h>

/* What begins a userdata whose object several states share. */
typedef struct np_shared_class {
  const char *name;
  void (*hold)(void *object); /* one more holder. thread-safe */
  void (*drop)(void *object); /* one less. thread-safe */
  /* [..] -> [.. userdata] which takes a hold of its own. **raises** */
  void (*push)(lua_State *L, void *object);
} np_shared_class;

typedef struct np_shared {
  const void *magic; /* np_shared_magic */
  const np_shared_class *cls;
  void *object;
} np_shared;

extern const char np_shared_magic;

/* Packed values. They belong to no state; malloc'd, to be freed once. */
typedef struct np_packed {
  char *data;
  size_t size;
  int n; /* how many values */
  struct np_held {
    const np_shared_class *cls;
    void *object;
  } * held; /* what the bytes name; each with a hold */
  size_t nheld;
} np_packed;

/*
 * [.. v1 .. vn] -> [.. v1 .. vn]  Packs the n values on top of the stack;
 * the result is the caller's. Raises "<what> <i>: ..." as an argument error of
 * the running function where `arg` is the stack index of v1, or, with arg 0, a
 * plain error. On an error nothing is left behind.
 */
np_packed *np_pack(lua_State *L, int n, int arg);

/* [.. module] -> [.. module]  One of neap's: it travels by its name also where
 * package.loaded is emptied, as test runners do. **raises** */
void np_pack_own(lua_State *L, const char *name);

/* [..] -> [.. v1 .. vn]  **raises** (memory, a module that is missing); the
 * packed values stay as they are. */
void np_unpack(lua_State *L, const np_packed *p);

/* Any thread. NULL is fine. */
void np_packed_free(np_packed *p);

#endif
