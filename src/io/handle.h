/*
 * handle.h: the life of a struct that libuv and Lua share. It begins with an
 * np_handle and has one hold for each party that may still use it: the
 * userdata (dropped by __gc), and each uv handle or request under way (dropped
 * by its last callback). The last one out frees the struct. While anything is
 * open the struct is in host->handles, so that closing the host can close it.
 */
#ifndef NP_HANDLE_H
#define NP_HANDLE_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "core/host.h"

typedef struct np_handle np_handle;

typedef struct np_handle_class {
  /* The host closes: start closing everything that is open, at once, without
   * waiting for anything. Plain, runs at most once. */
  void (*shut)(np_handle *b);

  /* The last hold is gone: frees the struct. Plain, no Lua. */
  void (*destroy)(np_handle *b);

  const char *kind; /* what a user calls it; NULL: a part of something else */
  const char *(*over)(np_handle *b); /* of a stream, the kind of its wire */
  bool (*closes)(
      const np_handle *b); /* the program has closed it; may be NULL */
} np_handle_class;

struct np_handle {
  np_link link; /* in host->handles while listed */
  np_host *host;
  const np_handle_class *cls;
  int holds;
  uint32_t serial; /* numbers the handles of a host */
  char *origin;    /* while the host traces: where it was made, or NULL */
};

enum { NP_ORIGIN = 80 }; /* the bytes of an origin */

/* One hold, the caller's; not listed. */
void np_handle_init(np_handle *b, np_host *h, const np_handle_class *cls);

/* In and out of the list of what the host must close. Both are idempotent. */
void np_handle_list(np_handle *b);
void np_handle_unlist(np_handle *b);

/* 0, or NP_EHANDLES if the host has as many listed as its limits allow. Asked
 * before a socket, a pipe, a file or a watch is opened. */
int np_handle_room(const np_host *h);

static inline void np_hold(np_handle *b) { b->holds++; }

/* Drops a hold; the last one frees b. */
void np_release(np_handle *b);

/* A uv handle (or a request that cannot be taken back) of b is open: it has a
 * hold, and the host waits for it when it closes. */
void np_uv_opened(np_handle *b);

/* Its last callback has run: drops that hold. */
void np_uv_closed(np_handle *b);

/* Starts closing a uv handle that np_uv_opened counted; np_uv_closed follows
 * from the loop. Uses uv->data. */
void np_uv_close(np_handle *b, uv_handle_t *uv);

/* Shuts every listed struct and frees the read buffers. Run the loop
 * afterwards until host->nhandles is 0. */
void np_handles_close(np_host *h);

/* handle_list() of neap.core. */
void np_handle_open(lua_State *L, np_host *h);

#endif
