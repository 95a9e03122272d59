/*
 * stream.c: the life of a Stream and the waiting on it.
 *
 * open     attached to a wire; methods work
 * closing  closed for Lua: methods raise CLOSED, waiters have got it
 *          (stream_close.c)
 * closed   the wire has said on_closed; s->wire is NULL
 *
 * Libuv's callbacks reach this file through the wire, and touch no Lua.
 */
#include "io/stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "core/task.h"
#include "core/warn.h"
#include "io/bufpool.h"

/* ---- waiting ----------------------------------------------------------- */

static np_swaiter *waiter_of(np_swait *w) {
  return np_container_of(w, np_swaiter, base);
}

static const char *what_of(np_swait *w) {
  if (w->queued) return waiter_of(w)->what;
  const char *what = w->stream->op ? w->stream->op->what : NULL;
  return what ? what : "read";
}

static bool is_for_end(np_swait *w) {
  return w->queued && waiter_of(w)->mark == NP_UNTIL_CLOSED;
}

static void end_wait(np_swait *w) {
  np_host *h = w->stream->base.host;
  if (np_timer_running(&w->timer)) np_timer_stop(h, &w->timer);
  if (w->queued) np_list_remove(&waiter_of(w)->link);
  if (w->outside) np_unforever(h);
  np_stream *s = w->stream;
  if (s->lazy && w == &s->reader && s->reading) {
    s->reading = false;
    s->wire->cls->stop(s->wire);
  }
}

void np_stream_wake(np_swait *w, int status) {
  if (!np_waiter(&w->wait)) return;
  w->status = status;
  end_wait(w);
  np_wake(&w->wait);
}

bool np_stream_cancel(np_wait *wait) {
  end_wait(np_container_of(wait, np_swait, wait));
  return true;
}

static void on_timeout(np_timer *t) {
  np_stream_wake(np_container_of(t, np_swait, timer), UV_ETIMEDOUT);
}

static void on_tick(np_timer *t);

static int start_timer(np_swait *w, void (*fire)(np_timer *t),
                       lua_Number seconds) {
  np_host *h = w->stream->base.host;
  w->timer = (np_timer){.fire = fire};
  return np_timer_start_asked(h, &w->timer, np_deadline(h, seconds));
}

static int start_tick(np_swaiter *w) {
  return start_timer(&w->base, on_tick,
                     w->base.stream->timeout / NP_STREAM_TICKS);
}

/* A writer waits until the peer has taken nothing for as long as that. */
static void on_tick(np_timer *t) {
  np_swait *base = np_container_of(t, np_swait, timer);
  np_swaiter *w = waiter_of(base);
  if (!np_progress_made(base->stream, &w->pace, NP_STREAM_TICKS) ||
      start_tick(w) < 0)
    np_stream_wake(base, UV_ETIMEDOUT);
}

static int start_timeout(np_swait *w) {
  np_stream *s = w->stream;
  if (!s->paced || !w->queued) return start_timer(w, on_timeout, s->timeout);
  np_progress_begin(s, &waiter_of(w)->pace, NP_STREAM_TICKS);
  return start_tick(waiter_of(w));
}

int np_stream_park(lua_State *L, np_swait *w, const np_wait_class *cls) {
  np_stream *s = w->stream;
  np_host *h = s->base.host;
  w->status = 0;
  bool real = !is_for_end(w);
  if (s->wire->polls && real) np_checkreal(L, h, "a real socket");
  if (s->timeout < HUGE_VAL && real) {
    int r = start_timeout(w);
    if (r < 0) return np_stream_fail(L, s, r, what_of(w));
  }
  if (w->queued) np_list_append(&s->waiters, &waiter_of(w)->link);
  w->outside = s->wire->outside && real;
  if (w->outside) np_forever(h);
  if (w == &s->reader && s->op && s->op->rests && s->op->cls == cls)
    h->current->rests = true;
  return np_park(L, h, &w->wait, cls);
}

np_swait *np_stream_waiter(lua_State *L, np_stream *s, const char *what,
                           size_t mark) {
  np_swaiter *w = s->backlog ? &s->backlog->writer : NULL;
  if (!w || np_wait_busy(&w->base.wait) || mark == NP_UNTIL_CLOSED) {
    w = lua_newuserdatauv(L, sizeof(*w), 0);
  }
  *w = (np_swaiter){
      .base = {.stream = s, .queued = true}, .what = what, .mark = mark};
  np_list_init(&w->link);
  return &w->base;
}

/* Wakes those who wait for no more than `unsent` bytes to be unsent. */
void np_stream_wake_all(np_stream *s, size_t unsent, int status) {
  np_link *link = s->waiters.next;
  while (link != &s->waiters) {
    np_swaiter *w = np_container_of(link, np_swaiter, link);
    link = link->next;
    if (w->mark != NP_UNTIL_CLOSED && unsent <= w->mark) {
      np_stream_wake(&w->base, status);
    }
  }
}

/* ---- failures ---------------------------------------------------------- */

/* Writes "tcp read 127.0.0.1:80", or without an address where there is none. */
static void describe(np_stream *s, const char *what, char *buf, size_t size) {
  struct sockaddr_storage addr;
  int len = sizeof(addr);
  const char *kind = s->wire ? s->wire->kind : "stream";
  int n = snprintf(buf, size, "%s %s", kind, what);
  if (n < 0 || (size_t)n + 1 >= size) return;
  if (!s->wire || s->wire->cls->name(s->wire, true, &addr, &len) < 0) return;
  char text[128];
  np_addr_format((struct sockaddr *)&addr, (socklen_t)len, text, sizeof(text));
  if (*text) snprintf(buf + n, size - (size_t)n, " %s", text);
}

void np_stream_describe(np_wait *wait, char *buf, size_t size) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  describe(w->stream, what_of(w), buf, size);
}

int np_stream_fail(lua_State *L, np_stream *s, int uv, const char *what) {
  char text[160];
  const char *code, *fault = NULL;
  if (s->wire && s->wire->cls->fault) {
    fault = s->wire->cls->fault(s->wire, uv, &code);
  }
  if (!fault) describe(s, what, text, sizeof(text));
  if (fault) {
    np_fail(L, code, "%s", fault);
  } else if (uv == UV_ETIMEDOUT) {
    np_fail(L, "TIMEOUT", "%s: timed out", text);
  } else {
    np_fail_uv(L, uv, "%s", text);
  }
  lua_pushstring(L, what);
  lua_setfield(L, -2, "op");
  return 2;
}

int np_stream_unfinished(lua_State *L, np_swait *w) {
  if (w->status == UV_ECANCELED) {
    return np_raise(L, "CLOSED", "stream was closed during %s", what_of(w));
  }
  return np_stream_fail(L, w->stream, w->status, what_of(w));
}

void np_stream_checkopen(lua_State *L, np_stream *s) {
  if (s->closing) np_raise(L, "CLOSED", "stream is closed");
}

/* ---- opening ----------------------------------------------------------- */

static np_stream *of_handle(np_handle *b) {
  return np_container_of(b, np_stream, base);
}

static void stream_destroy(np_handle *b) {
  np_stream *s = of_handle(b);
  np_host *h = b->host;
  np_bufpool_release(h, &s->in);
  if (s->backlog) {
    np_buf_release(&s->backlog->sending, h->alloc, h->alloc_ud);
    np_buf_release(&s->backlog->queued, h->alloc, h->alloc_ud);
    np_free(h, s->backlog, sizeof(np_backlog));
  }
  if (s->host) np_free(h, s->host, strlen(s->host) + 1);
  np_free(h, s, sizeof(*s));
}

static const char *stream_over(np_handle *b) {
  const np_stream *s = of_handle(b);
  return s->wire ? s->wire->kind : "";
}

static bool stream_closes(const np_handle *b) {
  return np_container_of(b, np_stream, base)->closing;
}

static const np_handle_class handle_class = {.shut = np_stream_shut,
                                             .destroy = stream_destroy,
                                             .kind = "stream",
                                             .over = stream_over,
                                             .closes = stream_closes};

np_stream *np_stream_new(lua_State *L, np_host *h) {
  np_stream_box *box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = (np_stream_box){.tag = &np_stream_class};
  np_class_set(L, &np_stream_class);
  np_warn_made(L, h);
  np_stream *s = np_alloc(h, sizeof(*s));
  if (!s) luaL_error(L, "not enough memory");
  *s = (np_stream){
      .timeout = HUGE_VAL,
      .limit = NP_STREAM_LIMIT,
      .high = NP_STREAM_HIGH,
      .closing = true,
  };
  s->reader.stream = s;
  np_list_init(&s->waiters);
  np_handle_init(&s->base, h, &handle_class);
  return box->stream = s;
}

static void on_ready(void *user) {
  np_stream *s = user;
  if (s->wire) np_stream_wake_all(s, np_stream_unsent(s), 0);
}

static const np_wire_user callbacks = {
    .room = np_stream_room,
    .on_read = np_stream_on_read,
    .on_end = np_stream_on_end,
    .on_written = np_stream_on_written,
    .on_closed = np_stream_on_closed,
    .on_ready = on_ready,
};

void np_stream_attach(np_stream *s, np_wire *w) {
  w->callbacks = &callbacks;
  w->user = s;
  s->wire = w;
  s->closing = false;
  np_hold(&s->base);
  np_handle_list(&s->base);
}

void np_stream_layer(np_stream *s, np_wire *over) {
  over->callbacks = &callbacks;
  over->user = s;
  s->wire = over;
  s->reading = false;
}

/* ---- the class --------------------------------------------------------- */

np_stream *np_stream_check(lua_State *L, int arg) {
  np_stream_box *box = np_checkclass(L, arg, &np_stream_class);
  if (!box->stream) np_raise(L, "CLOSED", "stream was collected");
  return box->stream;
}

np_stream *np_stream_self_checked(lua_State *L) {
  np_stream_box *box = np_checkself(L);
  if (!box->stream) np_raise(L, "CLOSED", "stream was collected");
  return box->stream;
}

static int stream_close(lua_State *L) {
  np_stream_box *box = np_checkself(L);
  if (box->stream) np_stream_close(box->stream, false);
  return 0;
}

static int stream_abort(lua_State *L) {
  np_stream_box *box = np_checkself(L);
  if (box->stream) np_stream_close(box->stream, true);
  return 0;
}

static int stream_closed(lua_State *L) {
  np_stream_box *box = np_checkself(L);
  lua_pushboolean(L, !box->stream || box->stream->closing);
  return 1;
}

static int wait_closed_finish(lua_State *L, np_wait *wait) {
  (void)wait;
  lua_pushboolean(L, true);
  return 1;
}

static const np_wait_class wait_closed_class = {
    .name = "stream close",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = wait_closed_finish,
};

static int stream_wait_closed(lua_State *L) {
  np_stream *s = np_stream_self(L);
  np_checkwait(L, s->base.host);
  np_swait *w = np_stream_waiter(L, s, "close", NP_UNTIL_CLOSED);
  if (s->wire) return np_stream_park(L, w, &wait_closed_class);
  return np_settle(L, s->base.host, &w->wait, &wait_closed_class);
}

static int stream__gc(lua_State *L) {
  np_stream_box *box = np_checkself(L);
  np_stream *s = box->stream;
  if (s && !s->closing) np_warn_unclosed(L, s->base.host);
  box->stream = NULL;
  if (s) {
    np_stream_close(s, false);
    np_release(&s->base);
  }
  return 0;
}

static const luaL_Reg methods[] = {
    {"read", np_stream_m_read},
    {"readexactly", np_stream_m_readexactly},
    {"readline", np_stream_m_readline},
    {"readuntil", np_stream_m_readuntil},
    {"readall", np_stream_m_readall},
    {"peek", np_stream_m_peek},
    {"lines", np_stream_m_lines},
    {"chunks", np_stream_m_chunks},
    {"write", np_stream_m_write},
    {"flush", np_stream_m_flush},
    {"shutdown", np_stream_m_shutdown},
    {"timeout", np_stream_m_timeout},
    {"nodelay", np_stream_m_nodelay},
    {"keepalive", np_stream_m_keepalive},
    {"peername", np_stream_m_peername},
    {"sockname", np_stream_m_sockname},
    {"fileno", np_stream_m_fileno},
    {"isatty", np_stream_m_isatty},
    {"winsize", np_stream_m_winsize},
    {"raw", np_stream_m_raw},
    {"start_tls", np_stream_m_start_tls},
    {"alpn", np_stream_m_not_secure},
    {"cipher", np_stream_m_not_secure},
    {"tls_version", np_stream_m_not_secure},
    {"peer_certificate", np_stream_m_not_secure},
    {"close", stream_close},
    {"abort", stream_abort},
    {"closed", stream_closed},
    {"wait_closed", stream_wait_closed},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", stream__gc},
    {"__tostring", np_stream_m_tostring},
    {NULL, NULL},
};

const np_class np_stream_class = {"Stream", methods, metamethods};

void np_stream_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &np_stream_class);
  np_setfuncs(L, h, np_stream_write_core);
}
