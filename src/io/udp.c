/*
 * udp.c: the life of a UdpSocket, and its options. The socket is made here,
 * not by libuv, so that what bind depends on can be set before. One without a
 * host takes both families: it is an IPv6 socket, to which IPv4 addresses are
 * given in their mapped form; scripts never see that form.
 */
#include "io/udp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/err.h"
#include "core/warn.h"

static int last_error(void) { return uv_translate_sys_error(errno); }

/* ---- failures ---------------------------------------------------------- */

static int name_of(np_udp *u, np_udp_addr *out) {
  np_udp_addr addr;
  int len = sizeof(addr);
  if (u->closed) return UV_EBADF;
  int r = uv_udp_getsockname(&u->uv, &addr.sa, &len);
  if (r == 0) np_udp_set_peer(out, &addr.sa);
  return r;
}

void np_udp_describe(np_udp *u, const char *what, char *buf, size_t size) {
  np_udp_addr addr;
  int n = snprintf(buf, size, "udp %s", what);
  if (n < 0 || (size_t)n + 1 >= size || name_of(u, &addr) < 0) return;
  buf[n++] = ' ';
  np_addr_format(&addr.sa, sizeof(addr), buf + n, size - (size_t)n);
}

int np_udp_fail(lua_State *L, np_udp *u, int uv, const char *what) {
  char text[160];
  np_udp_describe(u, what, text, sizeof(text));
  np_fail_uv(L, uv, "%s", text);
  lua_pushstring(L, what);
  lua_setfield(L, -2, "op");
  return 2;
}

static np_udp *check_open(lua_State *L, np_udp *u) {
  if (!u || u->closed) np_raise(L, "CLOSED", "socket is closed");
  return u;
}

np_udp *np_udp_self_checked(lua_State *L) {
  return check_open(L, ((np_udp_box *)np_checkself(L))->udp);
}

np_udp *np_udp_check(lua_State *L, int arg) {
  np_udp_box *box = np_checkclass(L, arg, &np_udp_class);
  return check_open(L, box->udp);
}

void np_udp_to_native(const np_udp *u, np_udp_addr *addr) {
  if (!u->dual || addr->sa.sa_family != AF_INET) return;
  struct sockaddr_in6 mapped = {.sin6_family = AF_INET6,
                                .sin6_port = addr->in.sin_port};
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  memcpy(&mapped.sin6_addr.s6_addr[12], &addr->in.sin_addr, 4);
  addr->in6 = mapped;
}

/* ---- opening ----------------------------------------------------------- */

static int set_int(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? last_error()
                                                                  : 0;
}

/* A bound socket in *out; 0 or an error. */
static int open_at(const struct sockaddr_storage *addr, bool dual,
                   bool reuse_port, int *out) {
  bool v6 = addr->ss_family == AF_INET6;
  socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  int fd =
      socket(addr->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return last_error();
  int r = v6 ? set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual) : 0;
  if (r == 0 && reuse_port) r = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (r == 0 && bind(fd, (const struct sockaddr *)addr, len) < 0) {
    r = last_error();
  }
  if (r < 0) {
    close(fd);
  } else {
    *out = fd;
  }
  return r;
}

/* On a host, or without one on all interfaces. */
static int open_socket(np_udp *u, const char *host, int port, bool reuse_port,
                       int *out) {
  struct sockaddr_storage addr;
  int r = np_addr_parse(host ? host : "::", port, &addr);
  if (r < 0) return r;
  r = open_at(&addr, !host, reuse_port, out);
  u->dual = !host && r == 0;
  if (host || (r != UV_EAFNOSUPPORT && r != UV_EADDRNOTAVAIL)) return r;
  np_addr_parse("0.0.0.0", port, &addr);
  return open_at(&addr, false, reuse_port, out);
}

static void udp_close(np_udp *u) {
  if (u->closed) return;
  u->closed = true;
  np_udp_recv_closed(u);
  np_handle_unlist(&u->base);
  np_uv_close(&u->base, (uv_handle_t *)&u->uv);
}

static void udp_shut(np_handle *b) {
  udp_close(np_container_of(b, np_udp, base));
}

static void udp_destroy(np_handle *b) {
  np_udp *u = np_container_of(b, np_udp, base);
  np_buf_release(&u->queue, b->host->alloc, b->host->alloc_ud);
  np_udp_peers_free(u);
  np_free(b->host, u, sizeof(*u));
}

static const np_handle_class handle_class = {
    .shut = udp_shut, .destroy = udp_destroy, .kind = "UDP socket"};

/* [..] -> [.. UdpSocket], closed so far */
static np_udp *create(lua_State *L, np_host *h, int by_name) {
  np_udp_box *box = lua_newuserdatauv(L, sizeof(*box), NP_UDP_NVALUES);
  *box = (np_udp_box){.tag = &np_udp_class};
  np_class_set(L, &np_udp_class);
  np_warn_made(L, h);
  lua_pushvalue(L, by_name);
  lua_setiuservalue(L, -2, NP_UDP_BY_NAME);
  np_udp *u = np_alloc(h, sizeof(*u));
  if (!u) luaL_error(L, "not enough memory");
  memset(u, 0, sizeof(*u));
  u->closed = true;
  np_handle_init(&u->base, h, &handle_class);
  box->udp = u;
  int r = np_udp_peers_open(L, u, lua_gettop(L));
  if (r < 0) luaL_error(L, "not enough memory");
  return u;
}

/* 0 or an error, after which u is still closed. */
static int start(np_udp *u, int fd) {
  np_host *h = u->base.host;
  int r = np_handle_room(h);
  if (r == 0) r = uv_udp_init(h->uv, &u->uv);
  if (r < 0) return r;
  u->uv.data = u;
  uv_unref((uv_handle_t *)&u->uv);
  np_uv_opened(&u->base);
  r = uv_udp_open(&u->uv, fd);
  if (r < 0) {
    np_uv_close(&u->base, (uv_handle_t *)&u->uv);
    return r;
  }
  u->closed = false;
  np_handle_list(&u->base);
  return 0;
}

enum { BY_NAME = 1, HOST, PORT, REUSE_PORT, QUEUE }; /* stack slots */

/* udp(by_name, host | nil, port, reuse_port, queue | nil) -> UdpSocket | nil,
 * err. The host is numeric. */
static int core_udp(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, QUEUE);
  const char *host = luaL_optstring(L, HOST, NULL);
  int port = (int)np_checkinteger(L, PORT, 0, 65535);
  np_checkreal(L, h, "a real socket");
  np_udp *u = create(L, h, BY_NAME);
  u->bound = (size_t)luaL_optinteger(L, QUEUE, NP_UDP_QUEUE);
  int fd = -1;
  int r = open_socket(u, host, port, lua_toboolean(L, REUSE_PORT), &fd);
  if (r == 0) {
    r = start(u, fd);
    if (r < 0) close(fd);
  }
  if (r == 0) return 1;
  np_fail_uv(L, r, "udp bind %s:%d", host ? host : "*", port);
  lua_pushliteral(L, "bind");
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, HOST);
  lua_setfield(L, -2, "host");
  lua_pushvalue(L, PORT);
  lua_setfield(L, -2, "port");
  return 2;
}

/* ---- options ----------------------------------------------------------- */

/* [..] -> [.. true] or [.. nil err] */
static int result(lua_State *L, np_udp *u, int r, const char *what) {
  if (r < 0) return np_udp_fail(L, u, r, what);
  lua_pushboolean(L, true);
  return 1;
}

static int udp_broadcast(lua_State *L) {
  np_udp *u = np_udp_self(L);
  bool on = lua_isnone(L, 2) || lua_toboolean(L, 2);
  return result(L, u, uv_udp_set_broadcast(&u->uv, on), "broadcast");
}

/* ttl(n): how many routers a datagram may pass, to one host or to a group. */
static int udp_ttl(lua_State *L) {
  np_udp *u = np_udp_self(L);
  int n = (int)np_checkinteger(L, 2, 1, 255);
  np_udp_addr addr;
  int fd;
  int r = name_of(u, &addr);
  if (r == 0) r = uv_fileno((uv_handle_t *)&u->uv, &fd);
  if (r == 0 && (u->dual || addr.sa.sa_family == AF_INET)) {
    r = set_int(fd, IPPROTO_IP, IP_TTL, n);
    if (r == 0) r = set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, n);
  }
  if (r == 0 && addr.sa.sa_family == AF_INET6) {
    r = set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, n);
    if (r == 0) r = set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, n);
  }
  return result(L, u, r, "ttl");
}

/* The group, and the address of an interface or nil. */
static int set_membership(lua_State *L, uv_membership membership,
                          const char *what) {
  np_udp *u = np_udp_self(L);
  const char *group = np_checkstring(L, 2, NULL);
  const char *interface =
      lua_isnoneornil(L, 3) ? NULL : np_checkstring(L, 3, NULL);
  int r = uv_udp_set_membership(&u->uv, group, interface, membership);
  return result(L, u, r, what);
}

static int udp_join(lua_State *L) {
  return set_membership(L, UV_JOIN_GROUP, "join");
}

static int udp_leave(lua_State *L) {
  return set_membership(L, UV_LEAVE_GROUP, "leave");
}

static int udp_address(lua_State *L) {
  np_udp *u = np_udp_self(L);
  np_udp_addr addr;
  int r = name_of(u, &addr);
  if (r < 0) return np_udp_fail(L, u, r, "address");
  np_addr_push(L, &addr.sa, sizeof(addr));
  return 1;
}

static int udp_fileno(lua_State *L) {
  np_udp *u = np_udp_self(L);
  int fd;
  int r = uv_fileno((uv_handle_t *)&u->uv, &fd);
  if (r < 0) return np_udp_fail(L, u, r, "fileno");
  lua_pushinteger(L, fd);
  return 1;
}

static int udp_close_(lua_State *L) {
  np_udp_box *box = np_checkself(L);
  if (box->udp) udp_close(box->udp);
  return 0;
}

static int udp__gc(lua_State *L) {
  np_udp_box *box = np_checkself(L);
  np_udp *u = box->udp;
  if (u && !u->closed) np_warn_unclosed(L, u->base.host);
  box->udp = NULL;
  if (u) {
    udp_close(u);
    np_release(&u->base);
  }
  return 0;
}

/* "UdpSocket (udp 127.0.0.1:5000)", "UdpSocket (closed)" */
static int udp__tostring(lua_State *L) {
  np_udp_box *box = np_checkself(L);
  np_udp_addr addr;
  char text[128] = "closed";
  if (box->udp && name_of(box->udp, &addr) == 0) {
    np_addr_format(&addr.sa, sizeof(addr), text, sizeof(text));
  }
  lua_pushfstring(L, "UdpSocket (%s)", text);
  return 1;
}

/* ---- the class --------------------------------------------------------- */

static const luaL_Reg methods[] = {
    {"send", np_udp_m_send},
    {"connect", np_udp_m_connect},
    {"recv", np_udp_m_recv},
    {"datagrams", np_udp_m_datagrams},
    {"dropped", np_udp_m_dropped},
    {"broadcast", udp_broadcast},
    {"ttl", udp_ttl},
    {"join", udp_join},
    {"leave", udp_leave},
    {"address", udp_address},
    {"fileno", udp_fileno},
    {"close", udp_close_},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", udp__gc},
    {"__tostring", udp__tostring},
    {NULL, NULL},
};

const np_class np_udp_class = {"UdpSocket", methods, metamethods};

void np_udp_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"udp", core_udp},
      {"udp_try_send", np_udp_core_try_send},
      {NULL, NULL},
  };
  np_class_register(L, h, &np_udp_class);
  np_udp_send_open(L, h);
  np_setfuncs(L, h, functions);
}
