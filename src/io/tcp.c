/*
 * tcp.c: connecting to a numeric address, and listening on one.
 *
 * A Stream that connects exists before the attempt starts, and its reader
 * slot, which nobody else can reach yet, holds the wait. The request is freed
 * in its callback, which libuv always calls: with UV_ECANCELED when the wire
 * is closed before.
 */
#include "io/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/listener.h"
#include "io/stream.h"
#include "io/uvwire.h"

enum { HOST = 1, PORT, BIND_HOST, BIND_PORT, LIMIT, STREAM }; /* stack slots */

static void on_connect(uv_connect_t *req, int status) {
  np_stream *s = req->data;
  np_stream_wake(&s->reader, status);
  np_free(s->base.host, req, sizeof(*req));
}

static int connect_failed(lua_State *L, np_stream *s, int uv) {
  np_stream_close(s, false);
  np_fail_uv(L, uv, "tcp connect %s:%d", lua_tostring(L, HOST),
             (int)lua_tointeger(L, PORT));
  lua_pushliteral(L, "connect");
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, HOST);
  lua_setfield(L, -2, "host");
  lua_pushvalue(L, PORT);
  lua_setfield(L, -2, "port");
  return 2;
}

static int connect_finish(lua_State *L, np_wait *wait) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  if (w->status < 0) return connect_failed(L, w->stream, w->status);
  lua_settop(L, STREAM);
  return 1;
}

static bool connect_cancel(np_wait *wait) {
  np_stream_cancel(wait);
  wait->task = NP_WOKEN;  // undone: the close below must not wake it
  np_stream_close(np_container_of(wait, np_swait, wait)->stream, true);
  return true;
}

/* The system does not know the peer yet; the arguments of the call do. */
static void connect_describe(np_wait *w, char *buf, size_t size) {
  np_task *t = np_waiter(w);
  if (!t) {
    snprintf(buf, size, "tcp connect");
    return;
  }
  lua_State *L = t->leaf;
  snprintf(buf, size, "tcp connect %s:%d", lua_tostring(L, HOST),
           (int)lua_tointeger(L, PORT));
}

static const np_wait_class connect_class = {
    .name = "tcp connect",
    .describe = connect_describe,
    .cancel = connect_cancel,
    .finish = connect_finish,
};

static int parse_address(lua_State *L, int host, struct sockaddr_storage *out) {
  int port = (int)luaL_optinteger(L, host + 1, 0);
  return np_addr_parse(lua_tostring(L, host), port, out);
}

/* Opens the wire and starts connecting; 0 or an error. */
static int start(lua_State *L, np_stream *s) {
  struct sockaddr_storage addr;
  np_wire *wire;
  int r = np_uvwire_tcp(s->base.host, &wire);
  if (r < 0) return r;
  np_stream_attach(s, wire);
  uv_tcp_t *tcp = np_uvwire_handle(wire);
  if (!lua_isnil(L, BIND_HOST)) {
    r = parse_address(L, BIND_HOST, &addr);
    if (r == 0) r = uv_tcp_bind(tcp, (struct sockaddr *)&addr, 0);
    if (r < 0) return r;
  }
  r = parse_address(L, HOST, &addr);
  if (r < 0) return r;
  uv_connect_t *req = np_alloc(s->base.host, sizeof(*req));
  if (!req) return UV_ENOMEM;
  req->data = s;
  r = uv_tcp_connect(req, tcp, (struct sockaddr *)&addr, on_connect);
  if (r < 0) np_free(s->base.host, req, sizeof(*req));
  return r;
}

/* tcp_connect(host, port, bind_host | nil, bind_port | nil, limit | nil) ->
 * Stream | nil, err. Hosts are numeric. */
static int core_tcp_connect(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, LIMIT);
  np_checkstring(L, HOST, NULL);
  np_checkinteger(L, PORT, 0, 65535);
  np_checkwait(L, h);
  np_checkreal(L, h, "a real socket");
  np_stream *s = np_stream_new(L, h);
  s->limit = (size_t)luaL_optinteger(L, LIMIT, NP_STREAM_LIMIT);
  int r = start(L, s);
  if (r < 0) return connect_failed(L, s, r);
  return np_stream_park(L, &s->reader, &connect_class);
}

/* ---- listening --------------------------------------------------------- */

enum { L_LISTENER = 1, L_HOST, L_PORT, L_BACKLOG, L_REUSE_PORT };

static int set_flag(int fd, int level, int option) {
  int on = 1;
  return setsockopt(fd, level, option, &on, sizeof(on));
}

/* A bound and listening socket in *out; 0 or an error. Accepted sockets
 * inherit its TCP_NODELAY. */
static int open_listening(const struct sockaddr *addr, int backlog,
                          bool reuse_port, int *out) {
  bool v6 = addr->sa_family == AF_INET6;
  socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  int fd =
      socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return uv_translate_sys_error(errno);
  if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) < 0 ||
      set_flag(fd, IPPROTO_TCP, TCP_NODELAY) < 0 ||
      (v6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) ||
      (reuse_port && set_flag(fd, SOL_SOCKET, SO_REUSEPORT) < 0) ||
      bind(fd, addr, len) < 0 || listen(fd, backlog) < 0) {
    int r = uv_translate_sys_error(errno);
    close(fd);
    return r;
  }
  *out = fd;
  return 0;
}

static int listen_failed(lua_State *L, int uv) {
  np_fail_uv(L, uv, "tcp listen %s:%d", lua_tostring(L, L_HOST),
             (int)lua_tointeger(L, L_PORT));
  lua_pushliteral(L, "listen");
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, L_HOST);
  lua_setfield(L, -2, "host");
  lua_pushvalue(L, L_PORT);
  lua_setfield(L, -2, "port");
  return 2;
}

static int port_of(int fd) {
  struct sockaddr_storage addr = {0};
  socklen_t len = sizeof(addr);
  getsockname(fd, (struct sockaddr *)&addr, &len);
  return ntohs(addr.ss_family == AF_INET6
                   ? ((struct sockaddr_in6 *)&addr)->sin6_port
                   : ((struct sockaddr_in *)&addr)->sin_port);
}

/* listener_tcp(listener, host, port, backlog, reuse_port) -> port | nil, err
 * One more socket for the listener. The host is numeric. */
static int core_listener_tcp(lua_State *L) {
  np_listener *l = np_listener_check(L, L_LISTENER);
  const char *host = np_checkstring(L, L_HOST, NULL);
  int port = (int)np_checkinteger(L, L_PORT, 0, 65535);
  int backlog = (int)np_checkinteger(L, L_BACKLOG, 0, 65535);
  bool reuse_port = lua_toboolean(L, L_REUSE_PORT);
  np_checkreal(L, np_gethost(L), "a real socket");
  struct sockaddr_storage addr;
  int fd = -1;
  int r = np_addr_parse(host, port, &addr);
  if (r == 0) {
    r = open_listening((struct sockaddr *)&addr, backlog, reuse_port, &fd);
  }
  if (r < 0) return listen_failed(L, r);
  r = np_listener_add(l, fd, NULL);
  if (r < 0) {
    close(fd);
    return listen_failed(L, r);
  }
  lua_pushinteger(L, port_of(fd));
  return 1;
}

/* listener_fd(listener, fd, backlog) -> true | nil, err
 * Takes over a bound socket, of any stream family. */
static int core_listener_fd(lua_State *L) {
  np_listener *l = np_listener_check(L, 1);
  int fd = (int)np_checkinteger(L, 2, 0, INT32_MAX);
  int backlog = (int)np_checkinteger(L, 3, 0, 65535);
  np_checkreal(L, np_gethost(L), "a real socket");
  int r = listen(fd, backlog) < 0 ? uv_translate_sys_error(errno) : 0;
  if (r == 0) r = np_listener_add(l, fd, NULL);
  if (r < 0) return np_fail_uv(L, r, "listen on descriptor %d", fd);
  lua_pushboolean(L, true);
  return 1;
}

void np_tcp_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"tcp_connect", core_tcp_connect},
      {"listener_tcp", core_listener_tcp},
      {"listener_fd", core_listener_fd},
      {NULL, NULL},
  };
  np_setfuncs(L, h, functions);
}
