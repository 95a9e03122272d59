/*
 * poll.c: waiting until a descriptor of another library can be read or
 * written. Each host has one epoll of its own, which libuv watches, and in it
 * each descriptor that somebody waits for or holds: one reader, one writer.
 *
 * Why not a uv_poll_t for each: libuv registers a descriptor only when it next
 * polls, and aborts the process if its owner has closed it by then. It also
 * makes it non-blocking, which is its owner's affair. Here a bad descriptor is
 * an error where it is first named, and one that is closed later is forgotten
 * by the system.
 *
 * Registrations are one-shot: what has fired is quiet until somebody waits
 * again. The np_poller lives while there is a descriptor in it.
 */
#include "io/poll.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/handle.h"

enum { READER, WRITER, NSIDES };
enum { EVENTS_AT_ONCE = 64, FIRST_CAPACITY = 64 };

static const uint32_t events_of[NSIDES] = {EPOLLIN, EPOLLOUT};

typedef struct np_poller np_poller;

/* A descriptor; freed when nobody waits for it or holds it. */
typedef struct np_watched {
  np_link waiting[NSIDES]; /* at most one np_task.own.u.queue in each */
  uint32_t armed;          /* the events it is registered for */
  uint32_t holds;          /* by add_reader, add_writer */
  int fd;
  bool known; /* it is in the epoll, as far as we know */
} np_watched;

struct np_poller {
  np_handle base; /* one hold, that of the uv_poll_t */
  uv_poll_t uv;
  int epoll;
  np_watched **watched; /* by descriptor */
  int capacity;
  int count;
};

/* ---- the poller -------------------------------------------------------- */

static void poller_close(np_poller *p) {
  np_host *h = p->base.host;
  h->poller = NULL;
  np_handle_unlist(&p->base);
  np_uv_close(&p->base, (uv_handle_t *)&p->uv);
  close(p->epoll);
}

/* The host closes: its tasks are gone, what is left was held. */
static void poller_shut(np_handle *b) {
  np_poller *p = np_container_of(b, np_poller, base);
  for (int fd = 0; fd < p->capacity; fd++) {
    np_free(b->host, p->watched[fd], sizeof(np_watched));
  }
  poller_close(p);
}

static void poller_destroy(np_handle *b) {
  np_poller *p = np_container_of(b, np_poller, base);
  np_free(b->host, p->watched, (size_t)p->capacity * sizeof(*p->watched));
  np_free(b->host, p, sizeof(*p));
}

static const np_handle_class handle_class = {
    .shut = poller_shut,
    .destroy = poller_destroy,
    .kind = "wait or reader on a descriptor"};

static void on_events(uv_poll_t *uv, int status, int events);

/* The host's poller, in *out; 0 or an error. */
static int poller_get(np_host *h, np_poller **out) {
  if ((*out = h->poller) != NULL) return 0;
  np_poller *p = np_alloc(h, sizeof(*p));
  if (!p) return UV_ENOMEM;
  memset(p, 0, sizeof(*p));
  int r = p->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (r < 0) {
    r = uv_translate_sys_error(errno);
    goto fail_epoll;
  }
  if ((r = uv_poll_init(h->uv, &p->uv, p->epoll)) < 0) goto fail_init;
  np_handle_init(&p->base, h, &handle_class);
  np_uv_opened(&p->base);
  np_release(&p->base);  // libuv's hold alone
  np_handle_list(&p->base);
  uv_unref((uv_handle_t *)&p->uv);
  uv_poll_start(&p->uv, UV_READABLE, on_events);  // fails only when closing
  *out = h->poller = p;
  return 0;

fail_init:
  close(p->epoll);
fail_epoll:
  np_free(h, p, sizeof(*p));
  return r;
}

static int reserve(np_poller *p, int fd) {
  if (fd < p->capacity) return 0;
  int capacity = p->capacity ? p->capacity : FIRST_CAPACITY;
  while (capacity <= fd) capacity *= 2;
  size_t old = (size_t)p->capacity * sizeof(*p->watched);
  size_t size = (size_t)capacity * sizeof(*p->watched);
  np_watched **watched = np_realloc(p->base.host, p->watched, old, size);
  if (!watched) return UV_ENOMEM;
  memset((char *)watched + old, 0, size - old);
  p->watched = watched;
  p->capacity = capacity;
  return 0;
}

/* ---- descriptors ------------------------------------------------------- */

static uint32_t wanted(const np_watched *w) {
  uint32_t events = 0;
  for (int side = 0; side < NSIDES; side++) {
    if (!np_list_empty(&w->waiting[side])) events |= events_of[side];
  }
  return events;
}

/* Registers what is wanted now. A descriptor that was closed meanwhile may be
 * a new one, or none. */
static int arm(np_poller *p, np_watched *w) {
  uint32_t events = wanted(w);
  if (w->known && (events == w->armed || !events)) return 0;
  struct epoll_event e = {.events = events | EPOLLONESHOT, .data.fd = w->fd};
  int op = w->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int r = epoll_ctl(p->epoll, op, w->fd, &e);
  if (r < 0 && (errno == ENOENT || errno == EEXIST)) {
    op = op == EPOLL_CTL_MOD ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    r = epoll_ctl(p->epoll, op, w->fd, &e);
  }
  w->known = r == 0;
  w->armed = r == 0 ? events : 0;
  return r == 0 ? 0 : uv_translate_sys_error(errno);
}

/* Forgets it if nobody needs it; the last one ends the poller. */
static void forget_unused(np_poller *p, np_watched *w) {
  if (w->holds > 0 || wanted(w)) return;
  if (w->known) epoll_ctl(p->epoll, EPOLL_CTL_DEL, w->fd, NULL);
  p->watched[w->fd] = NULL;
  np_free(p->base.host, w, sizeof(*w));
  if (--p->count == 0) poller_close(p);
}

/* The record of fd, made if there is none, in *out; 0 or an error. It must be
 * used, or given to forget_unused. */
static int watch(np_host *h, int fd, np_watched **out) {
  np_poller *p;
  int r = poller_get(h, &p);
  if (r < 0) return r;
  np_watched *w = NULL;
  if ((r = reserve(p, fd)) < 0) goto fail;
  if ((*out = p->watched[fd]) != NULL) return 0;
  if ((w = np_alloc(h, sizeof(*w))) == NULL) {
    r = UV_ENOMEM;
    goto fail;
  }
  *w = (np_watched){.fd = fd};
  for (int side = 0; side < NSIDES; side++) np_list_init(&w->waiting[side]);
  p->watched[fd] = w;
  p->count++;
  *out = w;
  return 0;

fail:
  if (p->count == 0) poller_close(p);
  return r;
}

/* Wakes who waits at a side; nothing if nobody does. */
static void wake(np_host *h, np_watched *w, int side) {
  np_link *link = np_list_first(&w->waiting[side]);
  if (!link) return;
  np_list_remove(link);
  np_unforever(h);
  np_wake(&np_container_of(link, np_task, own.u.queue)->own.wait);
}

static void deliver(np_poller *p, const struct epoll_event *e) {
  int fd = e->data.fd;
  np_watched *w = fd < p->capacity ? p->watched[fd] : NULL;
  if (!w) return;
  bool broken = (e->events & (EPOLLERR | EPOLLHUP)) != 0;
  w->armed = 0;
  for (int side = 0; side < NSIDES; side++) {
    if (broken || e->events & events_of[side]) wake(p->base.host, w, side);
  }
  if (arm(p, w) < 0) {  // closed: who uses it learns of it
    for (int side = 0; side < NSIDES; side++) wake(p->base.host, w, side);
  }
  forget_unused(p, w);
}

static void on_events(uv_poll_t *uv, int status, int events) {
  np_poller *p = np_container_of(uv, np_poller, uv);
  np_host *h = p->base.host;
  struct epoll_event found[EVENTS_AT_ONCE];
  (void)status;
  (void)events;
  int n = epoll_wait(p->epoll, found, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < n && h->poller == p; i++) deliver(p, &found[i]);
}

/* ---- the wait ---------------------------------------------------------- */

static const char *const names[NSIDES] = {"wait_readable", "wait_writable"};

static int fail(lua_State *L, int fd, int r, const char *name) {
  if (r == UV_EPERM) {
    return np_fail(L, "EPERM",
                   "%s: descriptor %d is a file or a directory, which is always"
                   " ready",
                   name, fd);
  }
  return np_fail_uv(L, r, "%s: descriptor %d", name, fd);
}

/* [fd ..] the descriptor is the first argument of the call that waits */
static void readable_describe(np_wait *w, char *buf, size_t size) {
  np_task *t = np_container_of(w, np_task, own.wait);
  snprintf(buf, size, "descriptor %d readable", (int)lua_tointeger(t->leaf, 1));
}

static void writable_describe(np_wait *w, char *buf, size_t size) {
  np_task *t = np_container_of(w, np_task, own.wait);
  snprintf(buf, size, "descriptor %d writable", (int)lua_tointeger(t->leaf, 1));
}

static int finish(lua_State *L, np_wait *w) {
  (void)w;
  lua_pushboolean(L, true);
  return 1;
}

/* The task is alone in its list: the next link is the list's head. */
static bool cancel(np_wait *wait, int side) {
  np_link *link = &np_container_of(wait, np_task, own.wait)->own.u.queue;
  np_watched *w = np_container_of(link->next, np_watched, waiting[side]);
  np_host *h = np_task_host(np_container_of(wait, np_task, own.wait));
  np_list_remove(link);
  np_unforever(h);
  if (wanted(w)) arm(h->poller, w);  // fails only if it was closed
  forget_unused(h->poller, w);
  return true;
}

static bool readable_cancel(np_wait *w) { return cancel(w, READER); }
static bool writable_cancel(np_wait *w) { return cancel(w, WRITER); }

static const np_wait_class classes[NSIDES] = {
    {"readable", readable_describe, readable_cancel, finish, NULL},
    {"writable", writable_describe, writable_cancel, finish, NULL},
};

static int wait_for(lua_State *L, int side) {
  np_host *h = np_gethost(L);
  int fd = (int)np_checkinteger(L, 1, 0, INT32_MAX / 2);
  np_checkwait(L, h);
  np_checkreal(L, h, "a descriptor");
  np_watched *w;
  int r = watch(h, fd, &w);
  if (r < 0) return fail(L, fd, r, names[side]);
  if (!np_list_empty(&w->waiting[side])) {
    return np_raise(L, "BUSY", "another task is in %s(%d)", names[side], fd);
  }
  np_task *t = h->current;
  np_list_append(&w->waiting[side], &t->own.u.queue);
  if ((r = arm(h->poller, w)) < 0) {
    np_list_remove(&t->own.u.queue);
    forget_unused(h->poller, w);
    return fail(L, fd, r, names[side]);
  }
  np_forever(h);
  return np_park(L, h, &t->own.wait, &classes[side]);
}

/* wait_readable(fd), wait_writable(fd) -> true | nil, err */
static int core_wait_readable(lua_State *L) { return wait_for(L, READER); }
static int core_wait_writable(lua_State *L) { return wait_for(L, WRITER); }

/* poll_hold(fd, name) -> true | nil, err: it can be waited for, and stays
 * registered until poll_release. `name` is for the error. */
static int core_poll_hold(lua_State *L) {
  np_host *h = np_gethost(L);
  int fd = (int)np_checkinteger(L, 1, 0, INT32_MAX / 2);
  np_checkreal(L, h, "a descriptor");
  np_watched *w;
  int r = watch(h, fd, &w);
  if (r == 0 && (r = arm(h->poller, w)) < 0) forget_unused(h->poller, w);
  if (r < 0) return fail(L, fd, r, lua_tostring(L, 2));
  w->holds++;
  lua_pushboolean(L, true);
  return 1;
}

/* poll_release(fd) */
static int core_poll_release(lua_State *L) {
  np_poller *p = np_gethost(L)->poller;
  int fd = (int)np_checkinteger(L, 1, 0, INT32_MAX / 2);
  np_watched *w = p && fd < p->capacity ? p->watched[fd] : NULL;
  if (w && w->holds > 0) {
    w->holds--;
    forget_unused(p, w);
  }
  return 0;
}

void np_poll_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"wait_readable", core_wait_readable},
      {"wait_writable", core_wait_writable},
      {"poll_hold", core_poll_hold},
      {"poll_release", core_poll_release},
      {NULL, NULL},
  };
  np_setfuncs(L, h, functions);
}
