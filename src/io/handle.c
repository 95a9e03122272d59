/*
 * handle.c: holds, the list of open handles, and closing them all.
 */
#include "io/handle.h"

#include <assert.h>

#include "io/bufpool.h"

void np_handle_init(np_handle *b, np_host *h, const np_handle_class *cls) {
  np_list_init(&b->link);
  b->host = h;
  b->cls = cls;
  b->holds = 1;
}

void np_handle_list(np_handle *b) {
  if (!np_list_linked(&b->link)) np_list_append(&b->host->handles, &b->link);
}

void np_handle_unlist(np_handle *b) { np_list_remove(&b->link); }

void np_release(np_handle *b) {
  assert(b->holds > 0);
  if (--b->holds > 0) return;
  np_handle_unlist(b);
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
