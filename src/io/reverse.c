/*
 * reverse.c: getnameinfo on libuv's pool of threads, with the holders and the
 * cancelling of dns.c.
 */
#include "io/reverse.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/handle.h"

enum { IP = 1 }; /* stack slot */

typedef struct reverse {
  np_handle base;
  uv_getnameinfo_t req;
  np_wait wait;
  int status;
  char ip[64]; /* for messages */
} reverse;

static void reverse_shut(np_handle *b) {
  uv_cancel((uv_req_t *)&np_container_of(b, reverse, base)->req);
}

static void reverse_destroy(np_handle *b) {
  np_free(b->host, np_container_of(b, reverse, base), sizeof(reverse));
}

static const np_handle_class handle_class = {
    .shut = reverse_shut, .destroy = reverse_destroy, .kind = "reverse"};

static void on_name(uv_getnameinfo_t *req, int status, const char *name,
                    const char *service) {
  (void)name;  // libuv keeps it in req->host
  (void)service;
  reverse *r = np_container_of(req, reverse, req);
  r->status = status;
  np_handle_unlist(&r->base);
  np_wake(&r->wait);
  np_uv_closed(&r->base);
}

static int failed(lua_State *L, int status) {
  np_fail_uv(L, status, "reverse %s", lua_tostring(L, IP));
  lua_pushliteral(L, "reverse");
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, IP);
  lua_setfield(L, -2, "host");
  return 2;
}

static int reverse_finish(lua_State *L, np_wait *w) {
  reverse *r = np_container_of(w, reverse, wait);
  if (r->status < 0) return failed(L, r->status);
  lua_pushstring(L, r->req.host);
  return 1;
}

static bool reverse_cancel(np_wait *w) {
  uv_cancel((uv_req_t *)&np_container_of(w, reverse, wait)->req);
  return true;  // one that has begun goes on, and drops what it finds
}

static void reverse_describe(np_wait *w, char *buf, size_t size) {
  snprintf(buf, size, "reverse %s", np_container_of(w, reverse, wait)->ip);
}

static const np_wait_class reverse_class = {
    .name = "reverse",
    .describe = reverse_describe,
    .cancel = reverse_cancel,
    .finish = reverse_finish,
};

static int reverse__gc(lua_State *L) {
  reverse **box = np_checkself(L);
  if (*box) np_release(&(*box)->base);
  *box = NULL;
  return 0;
}

static const luaL_Reg metamethods[] = {{"__gc", reverse__gc}, {NULL, NULL}};
static const np_class reverse_class_lua = {"Reverse", NULL, metamethods};

/* [..] -> [.. userdata] */
static reverse *create(lua_State *L, np_host *h, const char *ip) {
  reverse **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &reverse_class_lua);
  reverse *r = np_alloc(h, sizeof(*r));
  if (!r) luaL_error(L, "not enough memory");
  memset(r, 0, sizeof(*r));
  np_handle_init(&r->base, h, &handle_class);
  snprintf(r->ip, sizeof(r->ip), "%s", ip);
  return *box = r;
}

/* reverse(ip) -> name | nil, err */
static int core_reverse(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, IP);
  size_t n;
  const char *ip = np_checkstring(L, IP, &n);
  np_checkwait(L, h);
  np_checkreal(L, h, "the system's resolver");
  struct sockaddr_storage addr;
  int status = strlen(ip) == n ? np_addr_parse(ip, 0, &addr) : UV_EINVAL;
  if (status < 0) return failed(L, status);
  reverse *r = create(L, h, ip);
  status = uv_getnameinfo(h->uv, &r->req, on_name, (struct sockaddr *)&addr,
                          NI_NAMEREQD);
  if (status < 0) return failed(L, status);
  np_uv_opened(&r->base);
  np_handle_list(&r->base);
  return np_park(L, h, &r->wait, &reverse_class);
}

void np_reverse_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"reverse", core_reverse},
      {NULL, NULL},
  };
  np_class_register(L, h, &reverse_class_lua);
  np_setfuncs(L, h, functions);
}
