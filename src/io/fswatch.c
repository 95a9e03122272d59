/*
 * fswatch.c: an inotify descriptor. It is polled only while a task waits; the
 * queue in front of it is the system's own, which is bounded, joins repeated
 * events, and says when it has overflowed.
 */
#include "io/fswatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "core/warn.h"
#include "io/fs.h"
#include "io/handle.h"

enum { READ_SIZE = 32 * 1024 };

typedef struct notifier {
  np_handle base; /* holds: the userdata, the uv_poll_t */
  uv_poll_t poll;
  np_wait wait;
  int fd; /* -1: closed */
} notifier;

static void notifier_close_now(notifier *n) {
  if (n->fd < 0) return;
  if (np_waiter(&n->wait)) np_unforever(n->base.host);
  np_handle_unlist(&n->base);
  np_uv_close(&n->base, (uv_handle_t *)&n->poll);
  close(n->fd);
  n->fd = -1;
  np_wake(&n->wait);
}

static void notifier_shut(np_handle *b) {
  notifier_close_now(np_container_of(b, notifier, base));
}

static void notifier_destroy(np_handle *b) {
  np_free(b->host, np_container_of(b, notifier, base), sizeof(notifier));
}

static const np_handle_class handle_class = {
    .shut = notifier_shut, .destroy = notifier_destroy, .kind = "fs.watch"};

/* ---- the wait ---------------------------------------------------------- */

static void end_wait(notifier *n) {
  uv_poll_stop(&n->poll);
  np_unforever(n->base.host);
}

static void on_poll(uv_poll_t *uv, int status, int events) {
  (void)status, (void)events;
  notifier *n = np_container_of(uv, notifier, poll);
  if (!np_waiter(&n->wait)) return;
  end_wait(n);
  np_wake(&n->wait);
}

/* [.. list] -> [.. list]  adds { watch, mask, name } */
static void add_event(lua_State *L, lua_Integer i,
                      const struct inotify_event *e) {
  lua_createtable(L, 3, 0);
  lua_pushinteger(L, e->wd);
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, e->mask);
  lua_rawseti(L, -2, 2);
  lua_pushlstring(L, e->name, strnlen(e->name, e->len));
  lua_rawseti(L, -2, 3);
  lua_rawseti(L, -2, i);
}

/* -> list of { watch, mask, name }, nil once it is closed */
static int read_finish(lua_State *L, np_wait *w) {
  notifier *n = np_container_of(w, notifier, wait);
  char buf[READ_SIZE] __attribute__((aligned(8)));
  ssize_t size = n->fd < 0 ? 0 : read(n->fd, buf, sizeof(buf));
  if (n->fd < 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_newtable(L);
  lua_Integer count = 0;
  for (ssize_t at = 0; at < size;) {
    const struct inotify_event *e = (void *)(buf + at);
    add_event(L, ++count, e);
    at += (ssize_t)(sizeof(*e) + e->len);
  }
  return 1;
}

static bool read_cancel(np_wait *w) {
  end_wait(np_container_of(w, notifier, wait));
  return true;
}

static const np_wait_class read_class = {"file changes", NULL, read_cancel,
                                         read_finish, NULL};

static int notifier_read(lua_State *L) {
  np_host *h = np_gethost(L);
  notifier *n = *(notifier **)np_checkself(L);
  np_checkwait(L, h);
  if (np_wait_busy(&n->wait)) {
    np_raise(L, "BUSY", "another task waits for these changes");
  }
  if (n->fd < 0) return np_settle(L, h, &n->wait, &read_class);
  uv_poll_start(&n->poll, UV_READABLE, on_poll);
  np_forever(h);
  return np_park(L, h, &n->wait, &read_class);
}

/* ---- the other methods ------------------------------------------------- */

/* add(path, mask) -> watch | nil, err */
static int notifier_add(lua_State *L) {
  notifier *n = *(notifier **)np_checkself(L);
  const char *path = np_checkpath(L, 2);
  uint32_t mask = (uint32_t)np_checkinteger(L, 3, 0, UINT32_MAX);
  int wd =
      n->fd < 0 ? (errno = EBADF, -1) : inotify_add_watch(n->fd, path, mask);
  if (wd < 0) {
    return np_fs_fail(L, uv_translate_sys_error(errno), "watch", path, NULL);
  }
  lua_pushinteger(L, wd);
  return 1;
}

static int notifier_remove(lua_State *L) {
  notifier *n = *(notifier **)np_checkself(L);
  int wd = (int)np_checkinteger(L, 2, 0, INT32_MAX);
  if (n->fd >= 0) inotify_rm_watch(n->fd, wd);
  return 0;
}

static int notifier_close(lua_State *L) {
  notifier *n = *(notifier **)np_checkself(L);
  if (n) notifier_close_now(n);
  return 0;
}

static int notifier__gc(lua_State *L) {
  notifier **box = np_checkself(L);
  notifier *n = *box;
  if (n && n->fd >= 0) np_warn_unclosed(L, n->base.host);
  *box = NULL;
  if (n) {
    notifier_close_now(n);
    np_release(&n->base);
  }
  return 0;
}

static const luaL_Reg methods[] = {{"add", notifier_add},
                                   {"remove", notifier_remove},
                                   {"read", notifier_read},
                                   {"close", notifier_close},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", notifier__gc}, {NULL, NULL}};
static const np_class notifier_class = {"Notifier", methods, metamethods};

/* notifier() -> Notifier | nil, err */
static int core_notifier(lua_State *L) {
  np_host *h = np_gethost(L);
  int room = np_handle_room(h);
  if (room < 0) return np_fail_uv(L, room, "watch");
  notifier **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &notifier_class);
  np_warn_made(L, h);
  notifier *n = np_alloc(h, sizeof(*n));
  if (!n) return luaL_error(L, "not enough memory");
  memset(n, 0, sizeof(*n));
  np_handle_init(&n->base, h, &handle_class);
  *box = n;
  n->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  int r = n->fd < 0 ? uv_translate_sys_error(errno)
                    : uv_poll_init(h->uv, &n->poll, n->fd);
  if (r < 0) {
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
    return np_fail_uv(L, r, "watch");
  }
  uv_unref((uv_handle_t *)&n->poll);
  np_uv_opened(&n->base);
  np_handle_list(&n->base);
  return 1;
}

void np_fswatch_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {{"notifier", core_notifier},
                                       {NULL, NULL}};
  np_class_register(L, h, &notifier_class);
  np_setfuncs(L, h, functions);
}
