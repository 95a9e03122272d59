/*
 * inbox.c: a list of notes behind a lock, and a uv_async to wake the loop. The
 * uv handle does not keep the loop alive: who waits for a note does.
 */
#include "thread/inbox.h"

#include <lauxlib.h>

#include "io/handle.h"

struct np_inbox {
  np_handle base;
  uv_async_t async;
  uv_mutex_t lock;
  np_note *first, *last;
  bool closed;
};

static np_note *take_all(np_inbox *b) {
  uv_mutex_lock(&b->lock);
  np_note *note = b->first;
  b->first = b->last = NULL;
  for (np_note *n = note; n; n = n->next) n->queued = false;
  uv_mutex_unlock(&b->lock);
  return note;
}

static void on_async(uv_async_t *async) {
  np_inbox *b = np_container_of(async, np_inbox, async);
  np_note *note = take_all(b);
  while (note) {
    np_note *next = note->next;
    note->deliver(note);
    note = next;
  }
}

static void inbox_shut(np_handle *base) {
  np_inbox *b = np_container_of(base, np_inbox, base);
  uv_mutex_lock(&b->lock);
  b->closed = true;
  uv_mutex_unlock(&b->lock);
  base->host->inbox = NULL;
  np_uv_close(base, (uv_handle_t *)&b->async);
  np_release(base);
}

static void inbox_destroy(np_handle *base) {
  np_inbox *b = np_container_of(base, np_inbox, base);
  np_note *note = take_all(b);
  while (note) {
    np_note *next = note->next;
    note->discard(note);
    note = next;
  }
  uv_mutex_destroy(&b->lock);
  np_free(base->host, b, sizeof *b);
}

static const np_handle_class inbox_class = {.shut = inbox_shut,
                                            .destroy = inbox_destroy};

np_inbox *np_inbox_get(lua_State *L, np_host *h) {
  if (h->inbox) return h->inbox;
  np_inbox *b = np_alloc(h, sizeof *b);
  if (!b || uv_mutex_init(&b->lock) < 0) {
    np_free(h, b, sizeof *b);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  np_handle_init(&b->base, h, &inbox_class);
  b->first = b->last = NULL;
  b->closed = false;
  int err = uv_async_init(h->uv, &b->async, on_async);
  if (err < 0) {
    np_release(&b->base);
    luaL_error(L, "cannot hear of other threads: %s", uv_strerror(err));
  }
  uv_unref((uv_handle_t *)&b->async);
  np_uv_opened(&b->base);
  np_handle_list(&b->base);
  h->inbox = b;
  return b;
}

void np_inbox_put(np_inbox *b, np_note *note) {
  uv_mutex_lock(&b->lock);
  note->next = NULL;
  note->queued = true;
  if (b->first)
    b->last->next = note;
  else
    b->first = note;
  b->last = note;
  if (!b->closed) uv_async_send(&b->async);
  uv_mutex_unlock(&b->lock);
}

bool np_inbox_take(np_inbox *b, np_note *note) {
  uv_mutex_lock(&b->lock);
  bool queued = note->queued;
  np_note *before = NULL;
  for (np_note *n = queued ? b->first : NULL; n; before = n, n = n->next) {
    if (n != note) continue;
    if (before)
      before->next = n->next;
    else
      b->first = n->next;
    if (b->last == n) b->last = before;
    break;
  }
  note->queued = false;
  uv_mutex_unlock(&b->lock);
  return queued;
}
