/*
 * dns.c: getaddrinfo on libuv's pool of threads. The request has two holders:
 * a userdata on the waiting task's stack, and libuv until the callback. A
 * resolver cannot be interrupted: a task that is cancelled leaves at once, the
 * request goes on, and its callback drops what it found.
 */
#include "io/dns.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/handle.h"

enum { HOST = 1, FAMILY, PORT }; /* stack slots */

typedef struct resolve {
  np_handle base;
  uv_getaddrinfo_t req;
  np_wait wait;
  int status;
  struct addrinfo *found;
} resolve;

static void resolve_shut(np_handle *b) {
  uv_cancel((uv_req_t *)&np_container_of(b, resolve, base)->req);
}

static void resolve_destroy(np_handle *b) {
  resolve *r = np_container_of(b, resolve, base);
  if (r->found) uv_freeaddrinfo(r->found);
  np_free(b->host, r, sizeof(*r));
}

static const np_handle_class handle_class = {
    .shut = resolve_shut, .destroy = resolve_destroy, .kind = "resolve"};

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *found) {
  resolve *r = np_container_of(req, resolve, req);
  r->status = status;
  r->found = found;
  np_handle_unlist(&r->base);
  np_wake(&r->wait);
  np_uv_closed(&r->base);
}

/* ---- the wait ---------------------------------------------------------- */

/* [..] -> [.. list of { host =, family = }] */
static void push_list(lua_State *L, const struct addrinfo *found, int port) {
  lua_newtable(L);
  lua_Integer n = 0;
  for (const struct addrinfo *a = found; a; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    np_addr_push(L, a->ai_addr, a->ai_addrlen);  // { host, port }
    lua_pushstring(L, a->ai_family == AF_INET ? "ipv4" : "ipv6");
    lua_setfield(L, -2, "family");
    if (port < 0) {
      lua_pushnil(L);
    } else {
      lua_pushinteger(L, port);
    }
    lua_setfield(L, -2, "port");
    lua_rawseti(L, -2, ++n);
  }
}

static int resolve_finish(lua_State *L, np_wait *w) {
  resolve *r = np_container_of(w, resolve, wait);
  int status = r->status;
  if (status == 0) {
    push_list(L, r->found, (int)luaL_optinteger(L, PORT, -1));
    if (lua_rawlen(L, -1) > 0) return 1;
    status = UV_EAI_NODATA;
  }
  np_fail_uv(L, status, "resolve %s", lua_tostring(L, HOST));
  lua_pushliteral(L, "resolve");
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, HOST);
  lua_setfield(L, -2, "host");
  return 2;
}

static bool resolve_cancel(np_wait *w) {
  resolve *r = np_container_of(w, resolve, wait);
  uv_cancel((uv_req_t *)&r->req);  // if it has not begun
  return true;
}

static void resolve_describe(np_wait *w, char *buf, size_t size) {
  np_task *t = np_waiter(w);
  const char *host = t ? lua_tostring(t->leaf, HOST) : "";
  snprintf(buf, size, "resolve %s", host);
}

static const np_wait_class resolve_class = {
    .name = "resolve",
    .describe = resolve_describe,
    .cancel = resolve_cancel,
    .finish = resolve_finish,
};

/* ---- the userdata ------------------------------------------------------ */

static int resolve__gc(lua_State *L) {
  resolve **box = np_checkself(L);
  if (*box) np_release(&(*box)->base);
  *box = NULL;
  return 0;
}

static const luaL_Reg metamethods[] = {{"__gc", resolve__gc}, {NULL, NULL}};
static const np_class resolve_class_lua = {"Resolve", NULL, metamethods};

/* [..] -> [.. userdata] */
static resolve *create(lua_State *L, np_host *h) {
  resolve **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &resolve_class_lua);
  resolve *r = np_alloc(h, sizeof(*r));
  if (!r) luaL_error(L, "not enough memory");
  memset(r, 0, sizeof(*r));
  np_handle_init(&r->base, h, &handle_class);
  return *box = r;
}

static int check_family(lua_State *L, int arg) {
  static const char *const names[] = {"any", "ipv4", "ipv6", NULL};
  static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
  return families[luaL_checkoption(L, arg, "any", names)];
}

/* resolve(host, family | nil, port | nil) -> list of { host =, family =,
 * port = } | nil, err. Numeric addresses need no resolver. */
static int core_resolve(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, PORT);
  size_t len;
  const char *host = np_checkstring(L, HOST, &len);
  if (strlen(host) != len) np_argerror(L, HOST, "host contains a zero byte");
  struct addrinfo hints = {
      .ai_family = check_family(L, FAMILY),
      .ai_socktype = SOCK_STREAM,
  };
  np_checkwait(L, h);
  np_checkreal(L, h, "the system's resolver");
  resolve *r = create(L, h);
  int status = uv_getaddrinfo(h->uv, &r->req, on_resolved, host, NULL, &hints);
  if (status < 0) {
    r->status = status;
    return resolve_finish(L, &r->wait);
  }
  np_uv_opened(&r->base);
  np_handle_list(&r->base);
  return np_park(L, h, &r->wait, &resolve_class);
}

/* numeric_family(host) -> "ipv4" | "ipv6", or nil for a name */
static int core_numeric_family(lua_State *L) {
  struct sockaddr_storage addr;
  size_t len;
  const char *host = np_checkstring(L, HOST, &len);
  if (strlen(host) != len || np_addr_parse(host, 0, &addr) < 0) {
    lua_pushnil(L);
  } else {
    lua_pushstring(L, addr.ss_family == AF_INET ? "ipv4" : "ipv6");
  }
  return 1;
}

void np_dns_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"resolve", core_resolve},
      {"numeric_family", core_numeric_family},
      {NULL, NULL},
  };
  np_class_register(L, h, &resolve_class_lua);
  np_setfuncs(L, h, functions);
}
