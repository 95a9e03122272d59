/*
 * listener.c: the class Listener.
 *
 * A listener has any number of sockets (a name may have several addresses) and
 * one task that waits in accept. The sockets are polled, and accept4 is called
 * here: libuv's own listening would, out of descriptors, accept and drop what
 * is in the backlog, and costs two system calls for each connection that is
 * not taken inside its callback.
 *
 * Connections are taken from the backlog only while a task is in accept, up to
 * `ahead` of them at once; those it does not get at once lie in `queue`. Out
 * of descriptors or memory, the sockets are left alone for a moment.
 */
#include "io/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "core/warn.h"
#include "io/handle.h"
#include "io/stream.h"
#include "io/uvwire.h"

enum { AHEAD = 32, MAX_TRIES = 128 };
#define BACK_OFF (NP_SECOND / 20)

typedef struct np_lsocket {
  uv_poll_t poll;
  np_listener *listener;
  struct np_lsocket *next;
  np_sockfile *file; /* of a Unix socket, removed with it */
  int fd;
  int family;
  bool polling;
} np_lsocket;

struct np_listener {
  np_handle base;    /* holds: the userdata, each uv_poll_t */
  np_wait wait;      /* the task in accept */
  np_timer back_off; /* runs while the sockets are left alone */
  np_lsocket *sockets;
  int queue[AHEAD]; /* accepted descriptors, a ring */
  int families[AHEAD];
  unsigned head, count, ahead;
  int status;   /* accept has failed for good */
  size_t limit; /* for the streams */
  bool closed;
  bool prepared; /* streams, by a function in the registry under its address */
};

extern const np_class np_listener_class;

/* ---- polling ----------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void start_polling(np_listener *l) {
  for (np_lsocket *s = l->sockets; s; s = s->next) {
    if (!s->polling && uv_poll_start(&s->poll, UV_READABLE, on_poll) == 0) {
      s->polling = true;
    }
  }
}

static void stop_polling(np_listener *l) {
  for (np_lsocket *s = l->sockets; s; s = s->next) {
    if (s->polling) uv_poll_stop(&s->poll);
    s->polling = false;
  }
}

static void end_wait(np_listener *l) {
  np_timer_stop(l->base.host, &l->back_off);
  np_unforever(l->base.host);
}

static void wake(np_listener *l) {
  if (!np_waiter(&l->wait)) return;
  end_wait(l);
  np_wake(&l->wait);
}

/* ---- accepting --------------------------------------------------------- */

static void on_back_off(np_timer *t) {
  start_polling(np_container_of(t, np_listener, back_off));
}

/* Waits a moment for descriptors or memory to become free. */
static void start_back_off(np_listener *l) {
  np_host *h = l->base.host;
  if (!np_waiter(&l->wait) || np_timer_running(&l->back_off)) return;
  l->back_off = (np_timer){.fire = on_back_off};
  if (np_timer_start(h, &l->back_off, np_now(h) + BACK_OFF) == 0) {
    stop_polling(l);
  }
}

static bool is_shortage(int e) {
  return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

/* Errors of one connection, which is gone, not of the socket. */
static bool is_passing(int e) {
  return e != EBADF && e != EINVAL && e != ENOTSOCK && e != EOPNOTSUPP &&
         e != EFAULT;
}

static void push(np_listener *l, int fd, int family) {
  unsigned tail = (l->head + l->count++) % AHEAD;
  l->queue[tail] = fd;
  l->families[tail] = family;
}

/* Takes what is in the backlog, as far as there is room. */
static void accept_ready(np_lsocket *s) {
  np_listener *l = s->listener;
  for (int tries = 0; l->count < l->ahead && tries < MAX_TRIES; tries++) {
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      push(l, fd, s->family);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (is_shortage(errno)) {
      if (l->count == 0) start_back_off(l);
      return;
    } else if (!is_passing(errno)) {
      l->status = uv_translate_sys_error(errno);
      return;
    }
  }
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)events;
  np_lsocket *s = poll->data;
  np_listener *l = s->listener;
  if (!np_wait_busy(&l->wait)) {
    stop_polling(l);  // nobody is in accept: they wait in the backlog
    return;
  }
  if (status < 0) {
    l->status = status;
  } else {
    accept_ready(s);
  }
  if (l->status) stop_polling(l);
  if (l->count > 0 || l->status) wake(l);
}

/* ---- opening and closing ----------------------------------------------- */

static void on_socket_closed(uv_handle_t *uv) {
  np_lsocket *s = uv->data;
  np_handle *b = &s->listener->base;
  np_free(b->host, s, sizeof(*s));
  np_uv_closed(b);
}

int np_listener_add(np_listener *l, int fd, np_sockfile *file) {
  np_host *h = l->base.host;
  struct sockaddr_storage addr;
  socklen_t len = sizeof(addr);
  if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
    return uv_translate_sys_error(errno);
  }
  int r = np_handle_room(h);
  if (r < 0) return r;
  np_lsocket *s = np_alloc(h, sizeof(*s));
  if (!s) return UV_ENOMEM;
  *s = (np_lsocket){.listener = l, .fd = fd, .family = addr.ss_family};
  r = uv_poll_init(h->uv, &s->poll, fd);
  if (r < 0) {
    np_free(h, s, sizeof(*s));
    return r;
  }
  s->poll.data = s;
  s->file = file;
  uv_unref((uv_handle_t *)&s->poll);
  np_uv_opened(&l->base);
  np_handle_list(&l->base);
  np_lsocket **end = &l->sockets;
  while (*end) end = &(*end)->next;
  *end = s;
  return 0;
}

static void listener_close_all(np_listener *l) {
  if (l->closed) return;
  l->closed = true;
  wake(l);
  np_timer_stop(l->base.host, &l->back_off);
  np_lsocket *s = l->sockets;
  l->sockets = NULL;
  while (s) {
    np_lsocket *next = s->next;
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
    np_sockfile_remove(l->base.host, s->file);
    close(s->fd);
    s = next;
  }
  for (; l->count > 0; l->count--, l->head = (l->head + 1) % AHEAD) {
    close(l->queue[l->head]);
  }
  np_handle_unlist(&l->base);
}

static void listener_shut(np_handle *b) {
  listener_close_all(np_container_of(b, np_listener, base));
}

static void listener_destroy(np_handle *b) {
  np_free(b->host, np_container_of(b, np_listener, base), sizeof(np_listener));
}

static const np_handle_class handle_class = {
    .shut = listener_shut, .destroy = listener_destroy, .kind = "listener"};

/* ---- accept ------------------------------------------------------------ */

/* [.. Stream] -> [.. Stream]  Gives it to the function of listener_prepare,
 * which cannot wait. */
static void prepare(lua_State *L, np_listener *l) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &l->prepared);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 0);
}

/* [..] -> [.. Stream] or [.. nil err]  the next of the queue */
static int take_connection(lua_State *L, np_listener *l) {
  np_host *h = l->base.host;
  np_stream *s = np_stream_new(L, h);  // first: it may raise
  int fd = l->queue[l->head];
  np_wire *wire;
  int r = np_uvwire_socket(h, fd, l->families[l->head], &wire);
  l->head = (l->head + 1) % AHEAD;
  l->count--;
  if (r < 0) {
    close(fd);
    return np_fail_uv(L, r, "accept");
  }
  s->limit = l->limit;
  np_stream_attach(s, wire);
  if (l->prepared) prepare(L, l);
  return 1;
}

static int accept_finish(lua_State *L, np_wait *w) {
  np_listener *l = np_container_of(w, np_listener, wait);
  if (l->count > 0) return take_connection(L, l);
  if (l->closed) np_raise(L, "CLOSED", "listener was closed during accept");
  return np_fail_uv(L, l->status, "accept");
}

static bool accept_cancel(np_wait *w) {
  end_wait(np_container_of(w, np_listener, wait));
  return true;
}

static const char *name_of(np_listener *l, char *buf, size_t size) {
  struct sockaddr_storage addr;
  socklen_t len = sizeof(addr);
  if (!l->sockets ||
      getsockname(l->sockets->fd, (struct sockaddr *)&addr, &len) < 0) {
    return "closed";
  }
  np_addr_format((struct sockaddr *)&addr, len, buf, size);
  return buf;
}

static void accept_describe(np_wait *w, char *buf, size_t size) {
  char name[128];
  np_listener *l = np_container_of(w, np_listener, wait);
  snprintf(buf, size, "accept %s", name_of(l, name, sizeof(name)));
}

static const np_wait_class accept_class = {
    .name = "accept",
    .describe = accept_describe,
    .cancel = accept_cancel,
    .finish = accept_finish,
};

static int accept_wait(lua_State *L, np_listener *l, const np_wait_class *cls) {
  np_host *h = l->base.host;
  if (np_wait_busy(&l->wait)) np_raise(L, "BUSY", "another task is in accept");
  if (l->count > 0 || l->status) return np_settle(L, h, &l->wait, cls);
  np_checkreal(L, h, "a real socket");
  start_polling(l);
  np_forever(h);
  return np_park(L, h, &l->wait, cls);
}

static int listener_accept(lua_State *L) {
  np_checkself(L);
  np_checkwait(L, np_gethost(L));
  np_listener *l = np_listener_check(L, 1);
  return accept_wait(L, l, &accept_class);
}

/* ---- the other methods ------------------------------------------------- */

np_listener *np_listener_check(lua_State *L, int arg) {
  np_listener *l = *(np_listener **)np_checkclass(L, arg, &np_listener_class);
  if (!l || l->closed) np_raise(L, "CLOSED", "listener is closed");
  return l;
}

static int listener_address(lua_State *L) {
  np_listener *l = np_listener_check(L, 1);
  struct sockaddr_storage addr;
  socklen_t len = sizeof(addr);
  int r = UV_ENOTCONN;
  if (l->sockets) {
    r = getsockname(l->sockets->fd, (struct sockaddr *)&addr, &len);
    if (r < 0) r = uv_translate_sys_error(errno);
  }
  if (r < 0) return np_fail_uv(L, r, "address");
  np_addr_push(L, (struct sockaddr *)&addr, len);
  return 1;
}

static int listener_close(lua_State *L) {
  np_listener **box = np_checkself(L);
  if (*box) listener_close_all(*box);
  return 0;
}

static int listener__gc(lua_State *L) {
  np_listener **box = np_checkself(L);
  np_listener *l = *box;
  if (l && !l->closed) np_warn_unclosed(L, l->base.host);
  *box = NULL;
  if (l) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &l->prepared);
    listener_close_all(l);
    np_release(&l->base);
  }
  return 0;
}

static int listener__tostring(lua_State *L) {
  np_listener **box = np_checkself(L);
  char name[128];
  lua_pushfstring(L, "Listener (%s)",
                  *box ? name_of(*box, name, sizeof(name)) : "closed");
  return 1;
}

/* ---- incoming ---------------------------------------------------------- */

/* The iterator: a callable userdata with the Listener as user value. */

static int incoming_finish(lua_State *L, np_wait *w) {
  np_listener *l = np_container_of(w, np_listener, wait);
  if (l->closed && l->count == 0) {
    lua_pushnil(L);
    return 1;
  }
  int n = accept_finish(L, w);
  return n == 2 ? lua_error(L) : n;
}

static const np_wait_class incoming_class = {
    .name = "accept",
    .describe = accept_describe,
    .cancel = accept_cancel,
    .finish = incoming_finish,
};

static np_listener *incoming_listener(lua_State *L) {
  np_checkself(L);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  return *(np_listener **)lua_touserdata(L, -1);
}

static int incoming__call(lua_State *L) {
  np_listener *l = incoming_listener(L);
  np_checkwait(L, np_gethost(L));
  if (!l || l->closed) {
    lua_pushnil(L);
    return 1;
  }
  return accept_wait(L, l, &incoming_class);
}

static int incoming_close(lua_State *L) {
  np_listener *l = incoming_listener(L);
  if (l) listener_close_all(l);
  return 0;
}

static const luaL_Reg incoming_methods[] = {
    {"close", incoming_close},
    {NULL, NULL},
};

static const luaL_Reg incoming_metamethods[] = {
    {"__call", incoming__call},
    {NULL, NULL},
};

static const np_class incoming_class_lua = {"Incoming", incoming_methods,
                                            incoming_metamethods};

static int listener_incoming(lua_State *L) {
  np_listener_check(L, 1);
  lua_newuserdatauv(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  np_class_set(L, &incoming_class_lua);
  return 1;
}

/* ---- the class --------------------------------------------------------- */

static const luaL_Reg methods[] = {
    {"accept", listener_accept},
    {"incoming", listener_incoming},
    {"address", listener_address},
    {"close", listener_close},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", listener__gc},
    {"__tostring", listener__tostring},
    {NULL, NULL},
};

const np_class np_listener_class = {"Listener", methods, metamethods};

/* listener(limit | nil) -> a Listener without sockets */
static int core_listener(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Integer limit = luaL_optinteger(L, 1, NP_STREAM_LIMIT);
  np_listener **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &np_listener_class);
  np_warn_made(L, h);
  np_listener *l = np_alloc(h, sizeof(*l));
  if (!l) return luaL_error(L, "not enough memory");
  memset(l, 0, sizeof(*l));
  np_handle_init(&l->base, h, &handle_class);
  l->limit = (size_t)limit;
  l->ahead = AHEAD;
  *box = l;
  return 1;
}

/* listener_ahead(listener, n): how many connections are taken at once. */
static int core_listener_ahead(lua_State *L) {
  np_listener *l = np_listener_check(L, 1);
  l->ahead = (unsigned)np_checkinteger(L, 2, 1, AHEAD);
  return 0;
}

/* listener_prepare(listener, fn): fn(stream) is called with each accepted
 * Stream before anybody gets it. It cannot wait. */
static int core_listener_prepare(lua_State *L) {
  np_listener *l = np_listener_check(L, 1);
  np_checkfunction(L, 2);
  lua_settop(L, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &l->prepared);
  l->prepared = true;
  return 0;
}

void np_listener_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"listener", core_listener},
      {"listener_ahead", core_listener_ahead},
      {"listener_prepare", core_listener_prepare},
      {NULL, NULL},
  };
  np_class_register(L, h, &np_listener_class);
  np_class_register(L, h, &incoming_class_lua);
  np_setfuncs(L, h, functions);
}
