/*
 * adopt.h: long strings without a copy. Bytes that were received into a block
 * of the host's allocator become a Lua string that lies in that block.
 */
#ifndef NP_ADOPT_H
#define NP_ADOPT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct np_host np_host;

/* Bytes in front of the text in the block of a long string; 0: the host's
 * strings cannot be made so. Behind the text there is one byte more. */
size_t np_adopt_head(const np_host *h);

/* [..] -> [.. string]  A string of the n bytes at block + np_adopt_head, where
 * the block is of np_alloc and has np_adopt_head + n + 1 bytes. It is Lua's
 * from now on. The head must not be 0, and n is 1 KiB or more. */
void np_adopt(lua_State *L, np_host *h, char *block, size_t n);

/* Learns the head from the host's state. **raises** for want of memory */
void np_adopt_open(lua_State *L, np_host *h);

#endif
