/*
 * udp_send.c: sending. The system almost always takes a datagram at once. When
 * it does not, a request with a copy is queued, and the task waits until it
 * has gone out; a send that is cancelled has only stopped waiting. The request
 * has two holders: a userdata on the waiting task's stack, and libuv.
 */
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "core/task.h"
#include "core/waitq.h"
#include "io/udp.h"

enum { SELF = 1, DATA, HOST, PORT }; /* stack slots of send */

/* ---- where to ---------------------------------------------------------- */

/* The target of send if it is known: what almost every call is. */
static const np_udp_addr *find_known(lua_State *L, np_udp *u) {
  if (lua_type(L, HOST) != LUA_TSTRING) return NULL;
  const char *text = lua_tostring(L, HOST);
  lua_Integer port = lua_tointeger(L, PORT);
  np_udp_target *t = np_udp_known_target(u, text, port);
  return t && port != 0 ? &t->addr : NULL;
}

static int by_name_finish(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L);
}

/* [args ..] -> results  by_name(method, args ..) instead */
static int call_by_name(lua_State *L, const char *method) {
  lua_getiuservalue(L, SELF, NP_UDP_BY_NAME);
  lua_insert(L, 1);
  lua_pushstring(L, method);
  lua_insert(L, 2);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, by_name_finish);
  return lua_gettop(L);
}

/* ---- waiting for the system -------------------------------------------- */

typedef struct sending {
  np_handle base;
  uv_udp_send_t req;
  np_wait wait;
  int status;
  size_t size; /* of the whole struct */
  char data[];
} sending;

static void sending_destroy(np_handle *b) {
  sending *s = np_container_of(b, sending, base);
  np_free(b->host, s, s->size);
}

static const np_handle_class handle_class = {.destroy = sending_destroy};

static void on_sent(uv_udp_send_t *req, int status) {
  sending *s = np_container_of(req, sending, req);
  s->status = status;
  np_wake(&s->wait);
  np_uv_closed(&s->base);
}

static int send_finish(lua_State *L, np_wait *w) {
  sending *s = np_container_of(w, sending, wait);
  np_udp *u = ((np_udp_box *)lua_touserdata(L, SELF))->udp;
  if (s->status < 0 && u->closed) {
    np_raise(L, "CLOSED", "socket was closed during send");
  }
  if (s->status < 0) return np_udp_fail(L, u, s->status, "send");
  lua_pushboolean(L, true);
  return 1;
}

static bool send_cancel(np_wait *w) {
  (void)w;
  return true;  // it goes out all the same
}

static const np_wait_class send_class = {
    .name = "udp send",
    .cancel = send_cancel,
    .finish = send_finish,
};

static int sending__gc(lua_State *L) {
  sending **box = np_checkself(L);
  if (*box) np_release(&(*box)->base);
  *box = NULL;
  return 0;
}

static const luaL_Reg sending_meta[] = {{"__gc", sending__gc}, {NULL, NULL}};
static const np_class sending_class = {"UdpSend", NULL, sending_meta};

/* [..] -> [.. userdata] */
static sending *create(lua_State *L, np_host *h, const char *data, size_t n) {
  sending **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &sending_class);
  sending *s = np_alloc(h, sizeof(*s) + n);
  if (!s) luaL_error(L, "not enough memory");
  memset(s, 0, sizeof(*s));
  s->size = sizeof(*s) + n;
  if (n > 0) memcpy(s->data, data, n);
  np_handle_init(&s->base, h, &handle_class);
  return *box = s;
}

static int send_queued(lua_State *L, np_udp *u, const uv_buf_t *buf,
                       const np_udp_addr *to) {
  np_host *h = u->base.host;
  sending *s = create(L, h, buf->base, buf->len);
  uv_buf_t copy = {.base = s->data, .len = buf->len};
  int r = uv_udp_send(&s->req, &u->uv, &copy, 1, to ? &to->sa : NULL, on_sent);
  if (r < 0) return np_udp_fail(L, u, r, "send");
  np_uv_opened(&s->base);
  return np_park(L, h, &s->wait, &send_class);
}

/* ---- send -------------------------------------------------------------- */

/* The arguments of send: true with what to send and where to (NULL on a
 * connected socket); false if the host is a name. */
static bool take_arguments(lua_State *L, np_udp *u, uv_buf_t *buf,
                           const np_udp_addr **to) {
  buf->base = (char *)lua_tolstring(L, DATA, &buf->len);
  if (!buf->base) np_checkstring(L, DATA, NULL);  // raises
  *to = find_known(L, u);
  if (*to || lua_isnoneornil(L, HOST)) return true;
  np_checkstring(L, HOST, NULL);
  *to = np_udp_find_target(L, u, HOST, (int)np_checkinteger(L, PORT, 0, 65535));
  return *to != NULL;
}

/* send(data [, host, port]): a name is resolved first. */
int np_udp_m_send(lua_State *L) {
  uv_buf_t buf;
  const np_udp_addr *to;
  np_udp *u = np_udp_self(L);
  np_host *h = u->base.host;
  bool numeric = take_arguments(L, u, &buf, &to);
  np_checkwait(L, h);
  if (!numeric) return call_by_name(L, "send");
  int r = uv_udp_try_send(&u->uv, &buf, 1, to ? &to->sa : NULL);
  if (r == UV_EAGAIN) return send_queued(L, u, &buf, to);
  if (r < 0) return np_udp_fail(L, u, r, "send");
  return np_settle_true(L, h);
}

/* udp_try_send(socket, data [, host, port]) -> true | false | nil, err: false
 * if it would have to wait, for the system or a name. */
int np_udp_core_try_send(lua_State *L) {
  uv_buf_t buf;
  const np_udp_addr *to;
  np_udp *u = np_udp_check(L, SELF);
  int r = UV_EAGAIN;
  if (take_arguments(L, u, &buf, &to)) {
    r = uv_udp_try_send(&u->uv, &buf, 1, to ? &to->sa : NULL);
  }
  if (r < 0 && r != UV_EAGAIN) return np_udp_fail(L, u, r, "send");
  lua_pushboolean(L, r >= 0);
  return 1;
}

/* ---- connect ----------------------------------------------------------- */

enum { C_HOST = 2, C_PORT };

/* connect(host, port): send needs no address then, recv takes what comes from
 * there, and errors of the network arrive. */
int np_udp_m_connect(lua_State *L) {
  np_udp *u = np_udp_self(L);
  np_checkstring(L, C_HOST, NULL);
  int port = (int)np_checkinteger(L, C_PORT, 0, 65535);
  const np_udp_addr *to = np_udp_find_target(L, u, C_HOST, port);
  if (!to) {
    np_checkwait(L, u->base.host);
    return call_by_name(L, "connect");
  }
  int r = uv_udp_connect(&u->uv, NULL);  // from an earlier peer
  if (r == 0 || r == UV_ENOTCONN) r = uv_udp_connect(&u->uv, &to->sa);
  if (r < 0) {
    np_udp_fail(L, u, r, "connect");
    lua_pushvalue(L, C_HOST);
    lua_setfield(L, -2, "host");
    lua_pushvalue(L, C_PORT);
    lua_setfield(L, -2, "port");
    return 2;
  }
  lua_pushboolean(L, true);
  return 1;
}

void np_udp_send_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &sending_class);
}
