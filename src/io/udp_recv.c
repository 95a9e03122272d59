/*
 * udp_recv.c: how datagrams get to scripts. From the first recv on, what
 * arrives is put into a queue with a bound; what finds it full is dropped and
 * counted. Nothing is allocated for a datagram besides its Lua string: the
 * queue keeps its memory, and the table of a known peer is there already.
 */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "core/task.h"
#include "io/bufpool.h"
#include "io/udp.h"

/* In front of each datagram in the queue. */
typedef struct record {
  size_t size;
  np_udp_addr peer;
} record;

enum { SELF = 1 }; /* stack slot */

/* ---- arrivals ---------------------------------------------------------- */

static void wake(np_udp *u) {
  if (!np_waiter(&u->reader)) return;
  np_unforever(u->base.host);
  np_wake(&u->reader);
}

static void on_alloc(uv_handle_t *uv, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  np_udp *u = uv->data;
  buf->base = np_bufpool_shared(u->base.host);
  buf->len = buf->base ? NP_READ_SIZE : 0;
}

void np_udp_set_peer(np_udp_addr *out, const struct sockaddr *sa) {
  memset(out, 0, sizeof(*out));
  if (sa->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
    out->in.sin_family = AF_INET;
    out->in.sin_port = in->sin_port;
    out->in.sin_addr = in->sin_addr;
    return;
  }
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
  if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
    out->in.sin_family = AF_INET;
    out->in.sin_port = in6->sin6_port;
    memcpy(&out->in.sin_addr, &in6->sin6_addr.s6_addr[12], 4);
    return;
  }
  out->in6.sin6_family = AF_INET6;
  out->in6.sin6_port = in6->sin6_port;
  out->in6.sin6_addr = in6->sin6_addr;
  out->in6.sin6_scope_id = in6->sin6_scope_id;
}

static void enqueue(np_udp *u, const char *data, size_t n,
                    const struct sockaddr *sa) {
  np_host *h = u->base.host;
  record r = {.size = n};
  size_t size = sizeof(r) + n, held = np_buf_size(&u->queue);
  char *at = NULL;
  if (held == 0 || held + size <= u->bound) {
    at = np_buf_reserve(&u->queue, size, h->alloc, h->alloc_ud);
  }
  if (!at) {
    u->dropped++;
    return;
  }
  np_udp_set_peer(&r.peer, sa);
  memcpy(at, &r, sizeof(r));
  if (n > 0) memcpy(at + sizeof(r), data, n);
  np_buf_commit(&u->queue, size);
}

static void on_recv(uv_udp_t *uv, ssize_t n, const uv_buf_t *buf,
                    const struct sockaddr *sa, unsigned flags) {
  (void)flags;
  np_udp *u = uv->data;
  if (n == 0 && !sa) return;  // nothing more for now
  if (u->closed) return;
  if (n < 0) {
    u->error = (int)n;
  } else {
    enqueue(u, buf->base, (size_t)n, sa);
  }
  wake(u);
}

void np_udp_recv_closed(np_udp *u) {
  wake(u);
  // a reader that was woken before still takes its datagram
  if (np_wait_busy(&u->reader) && np_buf_size(&u->queue) > 0) return;
  np_buf_release(&u->queue, u->base.host->alloc, u->base.host->alloc_ud);
}

/* ---- taking ------------------------------------------------------------ */

/* [..] -> [.. data address], 2: the first of the queue */
static int take(lua_State *L, np_udp *u) {
  record r;
  memcpy(&r, np_buf_data(&u->queue), sizeof(r));
  lua_getiuservalue(L, SELF, NP_UDP_TABLES);
  lua_pushlstring(L, np_buf_data(&u->queue) + sizeof(r), r.size);
  np_udp_push_peer(L, u, -2, &r.peer);
  np_buf_consume(&u->queue, sizeof(r) + r.size);
  return 2;
}

/* [..] -> [.. nil err], 2 */
static int take_error(lua_State *L, np_udp *u) {
  int error = u->error;
  u->error = 0;
  return np_udp_fail(L, u, error, "recv");
}

static int recv_finish(lua_State *L, np_wait *w) {
  np_udp *u = np_container_of(w, np_udp, reader);
  if (np_buf_size(&u->queue) > 0) return take(L, u);
  if (u->closed) np_raise(L, "CLOSED", "socket was closed during recv");
  return take_error(L, u);
}

static bool recv_cancel(np_wait *w) {
  np_unforever(np_container_of(w, np_udp, reader)->base.host);
  return true;
}

static void recv_describe(np_wait *w, char *buf, size_t size) {
  np_udp_describe(np_container_of(w, np_udp, reader), "recv", buf, size);
}

static const np_wait_class recv_class = {
    .name = "udp recv",
    .describe = recv_describe,
    .cancel = recv_cancel,
    .finish = recv_finish,
};

/* With the userdata in SELF. */
static int receive(lua_State *L, np_udp *u, const np_wait_class *cls) {
  np_host *h = u->base.host;
  if (np_wait_busy(&u->reader)) {
    np_raise(L, "BUSY", "another task is in recv");
  }
  if (np_buf_size(&u->queue) > 0 || u->error) {
    return np_settle(L, h, &u->reader, cls);
  }
  if (!u->receiving) {
    int r = uv_udp_recv_start(&u->uv, on_alloc, on_recv);
    if (r < 0) {
      u->error = r;
      return np_settle(L, h, &u->reader, cls);
    }
    u->receiving = true;
  }
  np_forever(h);
  return np_park(L, h, &u->reader, cls);
}

int np_udp_m_recv(lua_State *L) {
  np_udp *u = np_udp_self(L);
  np_checkwait(L, u->base.host);
  lua_settop(L, SELF);
  return receive(L, u, &recv_class);
}

/* ---- the iterator ------------------------------------------------------ */

enum { UP_SOCKET = 4 }; /* behind the three of every function */

static int next_finish(lua_State *L, np_wait *w) {
  np_udp *u = np_container_of(w, np_udp, reader);
  if (np_buf_size(&u->queue) > 0) return take(L, u);
  if (u->closed) {
    lua_pushnil(L);
    return 1;
  }
  take_error(L, u);
  return lua_error(L);
}

static const np_wait_class next_class = {
    .name = "udp recv",
    .describe = recv_describe,
    .cancel = recv_cancel,
    .finish = next_finish,
};

static int next_datagram(lua_State *L) {
  np_udp_box *box = lua_touserdata(L, lua_upvalueindex(UP_SOCKET));
  np_udp *u = box->udp;
  np_checkwait(L, u ? u->base.host : np_gethost(L));
  if (lua_touserdata(L, SELF) != box) {  // not called by a loop
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(UP_SOCKET));
  }
  if (!u || u->closed) {
    lua_pushnil(L);
    return 1;
  }
  return receive(L, u, &next_class);
}

/* datagrams(): an iterator that ends when the socket is closed, and the socket
 * as what a loop hands to it. */
int np_udp_m_datagrams(lua_State *L) {
  np_udp_self(L);
  for (int i = 1; i < UP_SOCKET; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, SELF);
  lua_pushcclosure(L, next_datagram, UP_SOCKET);
  lua_pushvalue(L, SELF);
  return 2;
}

int np_udp_m_dropped(lua_State *L) {
  np_udp_box *box = np_checkself(L);
  lua_pushinteger(L, box->udp ? box->udp->dropped : 0);
  return 1;
}
