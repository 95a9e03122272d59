/*
 * adopt.c: Lua copies what it makes a string of, into a block that it asks its
 * allocator for. The allocator is ours: it answers with the block that the
 * bytes lie in already, at the very place they are then copied to, which
 * changes nothing and costs no memory traffic.
 *
 * That takes two numbers that belong to a version of Lua: where the text
 * begins in a block, and that one byte follows it. They are measured when a
 * host opens, and where they are not as expected, strings are copied.
 */
#include "core/adopt.h"

#include <string.h>

#include "core/host.h"

enum {
  PROBE = 1024,
  MAX_HEAD = 64,
  QUIET = 3 * 1024 /* KiB; with a heap, what the allocator keeps of blocks */
};

size_t np_adopt_head(const np_host *h) { return h->pool_memory.string_head; }

/* The next block of `size` bytes for a string is this one. False: the string
 * was made elsewhere. */
static bool push_into(lua_State *L, np_pool *p, void *block, size_t size,
                      const char *text, size_t n) {
  p->offer = block;
  p->offer_size = size;
  lua_pushlstring(L, text, n);
  bool taken = !p->offer;
  p->offer = NULL;
  return taken;
}

/* The next string of n bytes does not bring the collector closer while the
 * heap is small: a heap of 300 KiB would be collected anew for each five
 * strings, which costs more than to receive them. "A step of so many KiB" with
 * a negative number is Lua's way to say that as much was freed; it must not
 * wake a collector that was stopped. A limit of memory needs Lua's own pace. */
static void ease(lua_State *L, const np_pool *p, size_t n) {
  if (p->limit == 0 && lua_gc(L, LUA_GCCOUNT) < QUIET &&
      lua_gc(L, LUA_GCISRUNNING))
    lua_gc(L, LUA_GCSTEP, -(int)(n >> 10));
}

void np_adopt(lua_State *L, np_host *h, char *block, size_t n) {
  np_pool *p = &h->pool_memory;
  ease(L, p, n);
  size_t head = p->string_head;
  if (!push_into(L, p, block, head + n + 1, block + head, n))
    np_free(h, block, head + n + 1);
}

/* The size that Lua asks for is tried: a block is taken by the right one. */
void np_adopt_open(lua_State *L, np_host *h) {
  static const char text[PROBE] = {'x'};
  np_pool *p = &h->pool_memory;
  if (h->alloc != np_pool_alloc_c) return; /* a state of somebody else */
  for (size_t head = sizeof(void *); head <= MAX_HEAD; head += 4) {
    size_t size = head + PROBE + 1;
    char *block = np_alloc(h, size);
    if (!block) return;
    bool taken = push_into(L, p, block, size, text, PROBE);
    bool fits = taken && lua_tostring(L, -1) == block + head;
    lua_pop(L, 1);
    if (!taken) np_free(h, block, size);
    if (fits) p->string_head = head;
    if (taken) return;
  }
}
