/*
 * curl_held.c: what came of a body and waits for its reader: blocks that are
 * full, then the bytes behind them. A full block has the size and the place for
 * becoming a string of Lua's where it lies (core/adopt.h); the next one's
 * address is at its beginning, where that string will have its head. Who wants
 * a body whole gets it from one buffer.
 *
 *   t->full     the first full block, or NULL; t->taken bytes of it are gone
 *   t->body     a block that is being filled, or bytes that are no block
 */
#include <string.h>

#include "core/adopt.h"
#include "proto/curl.h"

enum {
  PIECE = 64 * 1024, /* bytes in a block */
  LARGE = 16 * 1024, /* the most that libcurl gives at once */
  BUSY = 1024 * 1024 /* bytes after which a body is a large one */
};

static size_t block_size(const np_curl *t) {
  return np_adopt_head(t->host) + PIECE + 1;
}

static char *next_of(const char *block) {
  char *next;
  memcpy(&next, block, sizeof next);
  return next;
}

static void set_next(char *block, char *next) {
  memcpy(block, &next, sizeof next);
}

static bool append(np_curl *t, const char *data, size_t n) {
  np_host *h = t->host;
  return np_buf_append(&t->body, data, n, h->alloc, h->alloc_ud) == 0;
}

static bool is_block(const np_curl *t) {
  const np_buf *b = &t->body;
  size_t head = np_adopt_head(t->host);
  return head > 0 && b->base && b->head == head && b->capacity == block_size(t);
}

/* The body so far is empty: what follows goes into a block, if there is memory
 * for one. */
static void begin_block(np_curl *t) {
  size_t head = np_adopt_head(t->host), size = block_size(t);
  char *block = t->body.base;
  if (head == 0) return;
  if (!block || t->body.capacity != size) {
    np_buf_release(&t->body, t->host->alloc, t->host->alloc_ud);
    if ((block = np_alloc(t->host, size)) == NULL) return;
  }
  t->body =
      (np_buf){.base = block, .capacity = size, .head = head, .tail = head};
}

static void end_block(np_curl *t) {
  char *block = t->body.base;
  t->body = (np_buf){0};
  set_next(block, NULL);
  if (t->full) {
    set_next(t->last, block);
  } else {
    t->full = block;
  }
  t->last = block;
  t->nfull++;
}

static char *unlink_first(np_curl *t) {
  char *block = t->full;
  t->full = next_of(block);
  t->nfull--;
  t->taken = 0;
  return block;
}

size_t np_curl_held(const np_curl *t) {
  return t->nfull * PIECE - t->taken + np_buf_size(&t->body);
}

bool np_curl_hold(np_curl *t, const char *data, size_t n) {
  while (!t->whole && n > 0) {
    if (np_buf_size(&t->body) == 0 && n >= LARGE) begin_block(t);
    if (!is_block(t)) break;
    size_t room = PIECE - np_buf_size(&t->body), part = n < room ? n : room;
    if (!append(t, data, part)) return false;
    data += part;
    n -= part;
    if (part == room) end_block(t);
  }
  return n == 0 || append(t, data, n);
}

bool np_curl_hold_whole(np_curl *t) {
  np_host *h = t->host;
  np_buf whole = {0};
  t->whole = true;
  if (!t->full) return true;
  if (!np_buf_reserve(&whole, np_curl_held(t), h->alloc, h->alloc_ud))
    return false;
  while (t->full) {
    size_t n = PIECE - t->taken, at = np_adopt_head(h) + t->taken;
    memcpy(whole.base + whole.tail, t->full + at, n);
    np_buf_commit(&whole, n);
    np_free(h, unlink_first(t), block_size(t));
  }
  size_t rest = np_buf_size(&t->body);
  if (rest > 0) memcpy(whole.base + whole.tail, np_buf_data(&t->body), rest);
  np_buf_commit(&whole, rest);
  np_buf_release(&t->body, h->alloc, h->alloc_ud);
  t->body = whole;
  return true;
}

/* Of the first full block. */
static void push_block(lua_State *L, np_curl *t, size_t n) {
  size_t left = PIECE - t->taken, head = np_adopt_head(t->host);
  if (n > left) n = left;
  if (n == PIECE) {
    np_adopt(L, t->host, unlink_first(t), PIECE);
    return;
  }
  lua_pushlstring(L, t->full + head + t->taken, n);
  t->taken += n;
  if (n == left) np_free(t->host, unlink_first(t), block_size(t));
}

void np_curl_held_push(lua_State *L, np_curl *t, size_t n) {
  size_t size = np_buf_size(&t->body);
  if (t->full) {
    push_block(L, t, n);
    return;
  }
  if (n > size) n = size;
  lua_pushlstring(L, n ? np_buf_data(&t->body) : "", n);
  np_buf_consume(&t->body, n);
  // one that a lot goes through is kept for the next bytes
  if (n == size && (t->done || t->in_bytes < BUSY))
    np_buf_release(&t->body, t->host->alloc, t->host->alloc_ud);
}

void np_curl_held_free(np_curl *t) {
  while (t->full) np_free(t->host, unlink_first(t), block_size(t));
  np_buf_release(&t->body, t->host->alloc, t->host->alloc_ud);
}
