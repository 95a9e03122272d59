/*
 * udp.h: the class UdpSocket. The np_udp is C memory with two holders: its
 * userdata and, until it has closed, libuv. The parts:
 *   udp.c       opening, closing, options
 *   udp_peers.c the peers that are known: their tables and their addresses
 *   udp_recv.c  the receive queue, recv
 *   udp_send.c  sending, also to names
 */
#ifndef NP_UDP_H
#define NP_UDP_H

#include <netinet/in.h>

#include "base/buf.h"
#include "base/class.h"
#include "core/host.h"
#include "io/handle.h"

enum {
  NP_UDP_QUEUE = 1024 * 1024, /* default bound of the receive queue, bytes */
};

/* User values of the userdata. */
enum {
  NP_UDP_BY_NAME = 1, /* function(method, socket, ...): resolves, and calls */
  NP_UDP_TABLES,      /* list of the address tables of `peers` */
  NP_UDP_TEXTS,       /* list of the texts of `targets` */
  NP_UDP_NVALUES = NP_UDP_TEXTS
};

typedef union np_udp_addr {
  struct sockaddr sa;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
} np_udp_addr;

/* A text that was given as host, while NP_UDP_TEXTS holds it. */
typedef struct np_udp_target {
  const char *host;
  int port;
  np_udp_addr addr;
} np_udp_target;

typedef struct np_udp {
  np_handle base;
  uv_udp_t uv;
  bool dual;      /* an IPv6 socket that takes IPv4 addresses as well */
  bool receiving; /* from the first recv on */
  bool closed;
  int error;              /* what recv gives next; 0: none */
  np_wait reader;         /* the one task in recv */
  np_buf queue;           /* records: a header, and the bytes */
  size_t bound;           /* of the queue, bytes */
  lua_Integer dropped;    /* datagrams that found it full */
  unsigned slots;         /* of the next two; a power of 2 */
  unsigned evicted;       /* since they were that many */
  np_udp_addr *peers;     /* whose tables are known */
  np_udp_target *targets; /* whose addresses are known */
} np_udp;

extern const np_class np_udp_class;

/* The userdata. As in io/stream.h, the tag makes the check of self quick. */
typedef struct np_udp_box {
  const np_class *tag;
  np_udp *udp; /* NULL once collected */
} np_udp_box;

/* The socket of a method, or at `arg`; open. **raises** */
np_udp *np_udp_self_checked(lua_State *L);
np_udp *np_udp_check(lua_State *L, int arg);

static inline np_udp *np_udp_self(lua_State *L) {
  np_udp_box *box = lua_touserdata(L, 1);
  if (box && lua_rawlen(L, 1) == sizeof(*box) && box->tag == &np_udp_class &&
      box->udp && !box->udp->closed) {
    return box->udp;
  }
  return np_udp_self_checked(L);
}

/* [..] -> [.. nil err], 2: "udp recv 127.0.0.1:80: ..." */
int np_udp_fail(lua_State *L, np_udp *u, int uv, const char *what);
void np_udp_describe(np_udp *u, const char *what, char *buf, size_t size);

/* ---- peers ---- */

/* Before the first lookup, with the userdata at `self`. 0 or UV_ENOMEM.
 * **raises** */
int np_udp_peers_open(lua_State *L, np_udp *u, int self);
void np_udp_peers_free(np_udp *u);

/* With the userdata at 1 and its NP_UDP_TABLES at `list`: [..] -> [.. table] */
void np_udp_push_peer(lua_State *L, np_udp *u, int list,
                      const np_udp_addr *peer);

static inline unsigned np_udp_slot(const np_udp *u, const char *text,
                                   lua_Integer port) {
  unsigned i = (unsigned)((uintptr_t)text >> 4) ^ (unsigned)port;
  return i & (u->slots - 1);
}

/* NULL if it is not known. */
static inline np_udp_target *np_udp_known_target(const np_udp *u,
                                                 const char *text,
                                                 lua_Integer port) {
  unsigned i = np_udp_slot(u, text, port);
  np_udp_target *t = &u->targets[i];
  if (t->host == text && t->port == port) return t;
  t = &u->targets[i ^ 1];
  return t->host == text && t->port == port ? t : NULL;
}

/* The address of a numeric host, a string at `host`, parsed if it is not known;
 * NULL if it is a name. With the userdata at 1. */
const np_udp_addr *np_udp_find_target(lua_State *L, np_udp *u, int host,
                                      int port);

/* An IPv4 address in the form that u takes. */
void np_udp_to_native(const np_udp *u, np_udp_addr *addr);

/* The other way: an IPv4 address in its own form, and nothing else in *out. */
void np_udp_set_peer(np_udp_addr *out, const struct sockaddr *sa);

/* Drops the queue and wakes the reader with CLOSED. Plain. */
void np_udp_recv_closed(np_udp *u);

int np_udp_m_recv(lua_State *L);
int np_udp_m_datagrams(lua_State *L);
int np_udp_m_dropped(lua_State *L);
int np_udp_m_send(lua_State *L);
int np_udp_m_connect(lua_State *L);
int np_udp_core_try_send(lua_State *L);
void np_udp_send_open(lua_State *L, np_host *h);

/* Registers the class, and udp, udp_try_send of neap.core. */
void np_udp_open(lua_State *L, np_host *h);

#endif
