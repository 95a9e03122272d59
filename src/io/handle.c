/*
 * handle.c: holds, the list of open handles, and closing them all.
 */
#include "io/handle.h"

#include <assert.h>

#include "base/class.h"
#include "core/debug.h"
#include "base/err.h"
#include "io/bufpool.h"

void np_handle_init(np_handle *b, np_host *h, const np_handle_class *cls) {
  np_list_init(&b->link);
  b->host = h;
  b->cls = cls;
  b->holds = 1;
  b->serial = ++h->next_handle;
  b->origin = NULL;
  if (h->tracing == 0 || !(b->origin = np_alloc(h, NP_ORIGIN))) return;
  np_origin(h, b->origin, NP_ORIGIN);
}

void np_handle_list(np_handle *b) {
  if (np_list_linked(&b->link)) return;
  np_list_append(&b->host->handles, &b->link);
  b->host->nlisted++;
}

void np_handle_unlist(np_handle *b) {
  if (!np_list_linked(&b->link)) return;
  np_list_remove(&b->link);
  b->host->nlisted--;
}

int np_handle_room(const np_host *h) {
  uint32_t limit = h->limits.handles;
  return limit == 0 || h->nlisted + h->nfiles < limit ? 0 : NP_EHANDLES;
}

void np_release(np_handle *b) {
  assert(b->holds > 0);
  if (--b->holds > 0) return;
  np_handle_unlist(b);
  np_free(b->host, b->origin, NP_ORIGIN);
  b->cls->destroy(b);
}

void np_uv_opened(np_handle *b) {
  np_hold(b);
  b->host->nhandles++;
}

void np_uv_closed(np_handle *b) {
  np_host *h = b->host;
  np_release(b);
  np_host_handle_gone(h);
}

static void on_close(uv_handle_t *uv) { np_uv_closed(uv->data); }

void np_uv_close(np_handle *b, uv_handle_t *uv) {
  uv->data = b;
  uv_close(uv, on_close);
}

void np_handles_close(np_host *h) {
  np_link *link;
  while ((link = np_list_first(&h->handles)) != NULL) {
    np_handle *b = np_container_of(link, np_handle, link);
    np_handle_unlist(b);
    b->cls->shut(b);
  }
  np_bufpool_close(h);  // nothing is read any more
}

/* handle_list() -> { [serial] = "tcp stream (made at x.lua:12)" } */
static int core_handle_list(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_newtable(L);
  for (np_link *l = h->handles.next; l != &h->handles; l = l->next) {
    np_handle *b = np_container_of(l, np_handle, link);
    if (!b->cls->kind) continue;
    const char *over = b->cls->over ? b->cls->over(b) : "";
    bool known = b->origin && *b->origin;
    lua_pushfstring(L, "%s%s%s%s%s%s", over, *over ? " " : "", b->cls->kind,
                    known ? " (made at " : "", known ? b->origin : "",
                    known ? ")" : "");
    lua_rawseti(L, -2, b->serial);
  }
  return 1;
}

/* closing() -> how many handles the program has closed that are there still:
 * what was written is being sent, or the peer's end is awaited */
static int core_closing(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Integer n = 0;
  for (np_link *l = h->handles.next; l != &h->handles; l = l->next) {
    np_handle *b = np_container_of(l, np_handle, link);
    if (b->cls->closes && b->cls->closes(b)) n++;
  }
  lua_pushinteger(L, n);
  return 1;
}

void np_handle_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {{"handle_list", core_handle_list},
                                       {"closing", core_closing},
                                       {NULL, NULL}};
  np_setfuncs(L, h, functions);
}
