/*
 * curl_pool.c: libcurl's multi handle on our loop. Each of its sockets has a
 * uv_poll_t from when it is opened until it is closed, so that a connection
 * that goes on being used costs no system call to watch: one that libcurl does
 * not want to hear of stays watched until it has something to say. libcurl's
 * timeout is a timer of ours, which runs as long as a transfer does: so its
 * place is there, and setting it cannot fail in a callback.
 *
 * None of this keeps the program alive: whoever waits for a transfer does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/task.h"
#include "core/timer.h"
#include "proto/curl.h"

enum { FIRST_CAPACITY = 64 };

/* After which time those that wait are looked after, first and at last. */
#define STALL      NP_SECOND
#define STALL_MOST (64 * NP_SECOND)

struct np_curl_socket {
  np_handle base; /* one hold: that of the uv_poll_t */
  uv_poll_t uv;
  np_curl_pool *pool;
  int fd;
  int wanted; /* UV_READABLE, UV_WRITABLE: by libcurl */
  int active; /* what is watched */
};

/* ---- doing what libcurl can do ------------------------------------------- */

static np_curl *transfer_of(CURL *easy) {
  char *private = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
  return ((np_curl_easy *)(void *)private)->t;
}

static void take_ended(np_curl_pool *p) {
  int left;
  CURLMsg *m;
  while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
    if (m->msg != CURLMSG_DONE) continue;
    np_curl_finish(transfer_of(m->easy_handle), NP_CURL_NONE, m->data.result);
  }
}

static void act(np_curl_pool *p, curl_socket_t fd, int events) {
  int running;
  curl_multi_socket_action(p->multi, fd, events, &running);
  take_ended(p);
  np_curl_settle(p);
}

/* ---- sockets ------------------------------------------------------------- */

static void socket_forget(np_curl_socket *s) {
  np_curl_pool *p = s->pool;
  p->sockets[s->fd] = NULL;
  np_handle_unlist(&s->base);
  np_uv_close(&s->base, (uv_handle_t *)&s->uv);
}

static void socket_shut(np_handle *b) {
  np_curl_pool_close(np_container_of(b, np_curl_socket, base)->pool);
}

static void socket_destroy(np_handle *b) {
  np_curl_socket *s = np_container_of(b, np_curl_socket, base);
  np_free(b->host, s, sizeof *s);
}

/* libcurl 7.88 closes a socket that has not connected without telling. What we
 * know of it must go before its number is another's. */
static void forget_lost(np_curl_pool *p) {
  for (int fd = 0; fd < p->capacity; fd++) {
    if (p->sockets[fd] && fcntl(fd, F_GETFD) < 0) socket_forget(p->sockets[fd]);
  }
}

static const np_handle_class socket_handle = {.shut = socket_shut,
                                              .destroy = socket_destroy};

static void on_poll(uv_poll_t *uv, int status, int events);

static void watch(np_curl_socket *s, int wanted) {
  s->wanted = wanted;
  // what is quiet may stay watched
  if (wanted == s->active || (wanted == 0 && s->active == UV_READABLE)) return;
  s->active = wanted;
  if (wanted) {
    uv_poll_start(&s->uv, wanted, on_poll);
  } else {
    uv_poll_stop(&s->uv);
  }
}

/* Something is wrong with a socket, which libuv then watches no more. What came
 * before can still be read, and reading tells best what is wrong: libcurl, told
 * of the error itself, would not ask again on another connection where that is
 * safe. Until it has seen it, the socket is watched. */
static void on_fault(np_curl_socket *s) {
  np_curl_pool *p = s->pool;
  int fd = s->fd, wanted = s->wanted;
  s->active = 0;
  act(p, fd, wanted & UV_READABLE ? CURL_CSELECT_IN : CURL_CSELECT_ERR);
  bool stays = fd < p->capacity && p->sockets[fd] == s;
  if (stays && s->active == 0) watch(s, s->wanted);
}

static void on_poll(uv_poll_t *uv, int status, int events) {
  np_curl_socket *s = np_container_of(uv, np_curl_socket, uv);
  if (s->wanted == 0) {
    uv_poll_stop(uv);
    s->active = 0;
    return;
  }
  if (status < 0) {
    on_fault(s);
    return;
  }
  int flags = 0;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  act(s->pool, s->fd, flags);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *pool,
                     void *none) {
  np_curl_pool *p = pool;
  (void)easy;
  (void)none;
  np_curl_socket *s = fd < p->capacity ? p->sockets[fd] : NULL;
  if (!s) return 0;
  int wanted = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) wanted |= UV_READABLE;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) wanted |= UV_WRITABLE;
  watch(s, wanted);
  return 0;
}

static bool reserve(np_curl_pool *p, int fd) {
  if (fd < p->capacity) return true;
  int capacity = p->capacity ? p->capacity : FIRST_CAPACITY;
  while (capacity <= fd) capacity *= 2;
  size_t old = (size_t)p->capacity * sizeof *p->sockets;
  size_t size = (size_t)capacity * sizeof *p->sockets;
  np_curl_socket **sockets = np_realloc(p->base.host, p->sockets, old, size);
  if (!sockets) return false;
  memset((char *)sockets + old, 0, size - old);
  p->sockets = sockets;
  p->capacity = capacity;
  return true;
}

/* Watches a new socket; false if it cannot be. */
static bool adopt(np_curl_pool *p, int fd) {
  np_host *h = p->base.host;
  if (!reserve(p, fd)) return false;
  np_curl_socket *s = np_alloc(h, sizeof *s);
  if (!s) return false;
  memset(s, 0, sizeof *s);
  if (uv_poll_init(h->uv, &s->uv, fd) < 0) {
    np_free(h, s, sizeof *s);
    return false;
  }
  if (p->sockets[fd]) socket_forget(p->sockets[fd]);
  s->pool = p;
  s->fd = fd;
  np_handle_init(&s->base, h, &socket_handle);
  np_uv_opened(&s->base);
  np_release(&s->base);  // libuv's hold alone
  np_handle_list(&s->base);
  uv_unref((uv_handle_t *)&s->uv);
  p->sockets[fd] = s;
  return true;
}

curl_socket_t np_curl_open_socket(void *easy, curlsocktype purpose,
                                  struct curl_sockaddr *a) {
  np_curl *t = ((np_curl_easy *)easy)->t;
  (void)purpose;
  if (np_handle_room(t->host) < 0) {
    t->reason = NP_CURL_NO_HANDLES;
    return CURL_SOCKET_BAD;
  }
  int fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  a->protocol);
  if (fd < 0) {
    t->os_errno = errno;
    return CURL_SOCKET_BAD;
  }
  if (!adopt(t->pool, fd)) {
    close(fd);
    t->reason = NP_CURL_NO_MEMORY;
    return CURL_SOCKET_BAD;
  }
  return fd;
}

int np_curl_close_socket(void *pool, curl_socket_t fd) {
  np_curl_pool *p = pool;
  if (fd < p->capacity && p->sockets[fd]) socket_forget(p->sockets[fd]);
  return close(fd);
}

/* ---- libcurl's timeout --------------------------------------------------- */

static void set_timer(np_curl_pool *p, uint64_t when) {
  np_timer_stop(p->base.host, &p->timer);
  np_timer_start(p->base.host, &p->timer, when);
}

static int on_timeout(CURLM *multi, long ms, void *pool) {
  np_curl_pool *p = pool;
  (void)multi;
  if (!np_timer_running(&p->timer)) return 0;  // nothing runs
  uint64_t when =
      ms < 0 ? NP_NEVER : np_now(p->base.host) + (uint64_t)ms * 1000000;
  set_timer(p, when);
  return 0;
}

static void on_timer(np_timer *timer) {
  np_curl_pool *p = np_container_of(timer, np_curl_pool, timer);
  np_timer_start(p->base.host, timer, NP_NEVER);  // keeps its place
  act(p, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- transfers ----------------------------------------------------------- */

static np_curl_host *host_of(np_curl_pool *p, uint64_t key) {
  np_curl_host *s;
  for (np_link *l = p->hosts.next; l != &p->hosts; l = l->next) {
    s = np_container_of(l, np_curl_host, link);
    if (s->key == key) return s;
  }
  if ((s = np_alloc(p->base.host, sizeof *s)) == NULL) return NULL;
  *s = (np_curl_host){.key = key};
  np_list_append(&p->hosts, &s->link);
  return s;
}

static void host_leave(np_curl_pool *p, np_curl *t) {
  np_curl_host *s = t->server;
  if (!s) return;
  if (t->running) {
    s->running--;
    p->nrunning--;
  }
  t->server = NULL;
  t->running = false;
  if (--s->known > 0) return;
  np_list_remove(&s->link);
  np_free(p->base.host, s, sizeof *s);
}

static bool may_begin(const np_curl_pool *p, const np_curl *t) {
  return p->nrunning < p->max_running && t->server->running < p->max_per_host;
}

/* Hands it to libcurl, which goes on when its timeout fires. */
static int begin(np_curl_pool *p, np_curl *t) {
  if (curl_multi_add_handle(p->multi, t->easy->curl) != CURLM_OK)
    return UV_ENOMEM;
  t->running = true;
  t->server->running++;
  p->nrunning++;
  p->begun++;
  t->stage = NP_CURL_CONNECT;
  t->begun = t->active = np_now(p->base.host);
  np_list_remove(&t->link);
  np_list_append(&p->running, &t->link);
  return 0;
}

/* The first that waits and may begin. */
static np_curl *next_waiting(np_curl_pool *p) {
  if (p->nrunning >= p->max_running) return NULL;
  for (np_link *l = p->waiting.next; l != &p->waiting; l = l->next) {
    np_curl *t = np_container_of(l, np_curl, link);
    if (may_begin(p, t)) return t;
  }
  return NULL;
}

static void begin_waiting(np_curl_pool *p) {
  np_curl *t;
  while ((t = next_waiting(p)) != NULL) {
    if (begin(p, t) < 0) np_curl_finish(t, NP_CURL_NO_MEMORY, CURLE_OK);
  }
}

/* Whether the program holds an answer, or held it, and does not read it. */
static bool has_unread(const np_curl_pool *p) {
  for (np_link *l = p->running.next; l != &p->running; l = l->next) {
    np_curl *t = np_container_of(l, np_curl, link);
    if (t->head_done && !np_wait_busy(&t->reader)) return true;
  }
  return false;
}

/* Answers that were dropped unread have their places until they are collected,
 * and who waits for a place makes no garbage. So where nothing has begun for a
 * while they are looked for; the less it helps, the more seldom. */
static void on_stall(np_timer *timer) {
  np_curl_pool *p = np_container_of(timer, np_curl_pool, stall);
  np_host *h = p->base.host;
  if (np_list_empty(&p->waiting)) return;
  bool stalled = p->begun == p->begun_seen;
  if (stalled && has_unread(p)) np_limits_want(h);
  if (!stalled)
    p->stall_ns = STALL;
  else if (p->stall_ns < STALL_MOST)
    p->stall_ns *= 2;
  p->begun_seen = p->begun;
  np_timer_start(h, timer, np_now(h) + p->stall_ns);  // has its place
}

/* Waits for its turn. */
static int queue(np_curl_pool *p, np_curl *t) {
  np_host *h = p->base.host;
  if (!np_timer_running(&p->stall)) {
    p->stall_ns = STALL;
    p->begun_seen = p->begun;
    int r = np_timer_start(h, &p->stall, np_now(h) + STALL);
    if (r < 0) return r;
  }
  np_list_append(&p->waiting, &t->link);
  return 0;
}

int np_curl_enter(np_curl_pool *p, np_curl *t, uint64_t key) {
  if (!np_timer_running(&p->timer)) {
    int r = np_timer_start(p->base.host, &p->timer, NP_NEVER);
    if (r < 0) return r;
  }
  if ((t->server = host_of(p, key)) == NULL) return UV_ENOMEM;
  t->server->known++;
  t->started = true;
  if (!may_begin(p, t)) return queue(p, t);
  int r = begin(p, t);
  if (r < 0) return r;
  act(p, CURL_SOCKET_TIMEOUT, 0);
  return 0;
}

void np_curl_end(np_curl *t) {
  np_curl_pool *p = t->pool;
  if (!p) return;
  if (t->easy) {
    if (t->running) curl_multi_remove_handle(p->multi, t->easy->curl);
    if (t->tries == 0) forget_lost(p);
    np_curl_easy_give_back(p, t->easy);
    t->easy = NULL;
  }
  np_list_remove(&t->link);
  host_leave(p, t);
  t->pool = NULL;
  if (!p->closing) begin_waiting(p);
  if (np_list_empty(&p->running)) np_timer_stop(p->base.host, &p->timer);
}

void np_curl_settle(np_curl_pool *p) {
  if (p->once && np_list_empty(&p->running) && np_list_empty(&p->waiting))
    np_curl_pool_close(p);
}

void np_curl_flow(np_curl *t) {
  if (t->done || !t->easy) return;
  curl_easy_pause(t->easy->curl, (t->recv_paused ? CURLPAUSE_RECV : 0) |
                                     (t->send_paused ? CURLPAUSE_SEND : 0));
}

/* ---- the pool ------------------------------------------------------------ */

static void end_all(np_link *list) {
  np_link *link;
  while ((link = np_list_first(list)) != NULL) {
    np_curl *t = np_container_of(link, np_curl, link);
    np_curl_finish(t, NP_CURL_CLOSED, CURLE_OK);
  }
}

void np_curl_pool_close(np_curl_pool *p) {
  if (!p->multi || p->closing) return;
  p->closing = true;
  end_all(&p->waiting);
  end_all(&p->running);
  np_timer_stop(p->base.host, &p->timer);
  np_timer_stop(p->base.host, &p->stall);
  np_curl_easy_close(p);
  curl_multi_cleanup(p->multi);
  curl_share_cleanup(p->share);
  p->multi = NULL;
  for (int fd = 0; fd < p->capacity; fd++) {  // closed by now
    if (p->sockets[fd]) socket_forget(p->sockets[fd]);
  }
  np_handle_unlist(&p->base);
}

static void pool_shut(np_handle *b) {
  np_curl_pool_close(np_container_of(b, np_curl_pool, base));
}

static void pool_destroy(np_handle *b) {
  np_curl_pool *p = np_container_of(b, np_curl_pool, base);
  free(p->keylog);
  np_free(b->host, p->sockets, (size_t)p->capacity * sizeof *p->sockets);
  np_free(b->host, p, sizeof *p);
}

static const np_handle_class pool_handle = {
    .shut = pool_shut, .destroy = pool_destroy, .kind = "HTTP session"};

void np_curl_pool_init(np_curl_pool *p, np_host *h) {
  memset(p, 0, sizeof *p);
  np_list_init(&p->running);
  np_list_init(&p->waiting);
  np_list_init(&p->hosts);
  np_list_init(&p->spare);
  p->timer.fire = on_timer;
  p->timer.weak = 1;
  p->stall.fire = on_stall;
  p->stall.weak = 1;
  np_handle_init(&p->base, h, &pool_handle);
}

bool np_curl_pool_open(np_curl_pool *p, long max_idle) {
  p->multi = curl_multi_init();
  p->share = curl_share_init();
  if (!p->multi || !p->share) {
    curl_multi_cleanup(p->multi);
    curl_share_cleanup(p->share);
    p->multi = NULL;
    return false;
  }
  curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
  curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
  curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, max_idle);
  return true;
}
