/*
 * stream_write.c: how bytes get from scripts to the wire.
 *
 * A write is tried at once. What the wire does not take is copied into the
 * backlog's `queued`; when nothing is under way, that buffer becomes `sending`,
 * which the wire reads from until on_written. Each call queues all its bytes
 * before its task waits, so they go out in one piece and in the order of the
 * calls, and a write that is cancelled or times out has only stopped waiting. A
 * writer waits while more than s->high bytes are unsent.
 */
#include "core/task.h"
#include "io/stream.h"

#include "base/err.h"
#include "core/waitq.h"

enum { MAX_PIECES = 32 }; /* of a list, per system call */

/* ---- the send queue ---------------------------------------------------- */

np_backlog *np_stream_backlog(np_stream *s) {
  if (s->backlog) return s->backlog;
  np_backlog *b = np_alloc(s->base.host, sizeof(*b));
  if (b) *b = (np_backlog){.writer.base.stream = s};
  return s->backlog = b;
}

size_t np_stream_unsent(const np_stream *s) {
  const np_backlog *b = s->backlog;
  if (!b) return 0;
  size_t n = np_buf_size(&b->queued);
  if (np_buf_size(&b->sending) > 0) n += s->wire->cls->unsent(s->wire);
  return n;
}

size_t np_stream_untaken(const np_stream *s) {
  const np_wire_class *cls = s->wire->cls;
  return np_stream_unsent(s) + (cls->held ? cls->held(s->wire) : 0);
}

/* Empty ones are released, so that this is quick. */
static bool is_idle(const np_stream *s) {
  const np_backlog *b = s->backlog;
  return !b || (!b->sending.base && !b->queued.base);
}

static void release(np_stream *s, np_buf *b) {
  np_buf_release(b, s->base.host->alloc, s->base.host->alloc_ud);
}

/* Writing has failed for good: nothing queued will be sent. (What is under way
 * stays until on_written.) */
static void fail_writing(np_stream *s, int status) {
  if (!s->write_error) s->write_error = status;
  if (s->backlog) release(s, &s->backlog->queued);
  np_stream_wake_all(s, 0, s->write_error);
}

/* Ends our direction: now if all is sent, else after it. */
int np_stream_end_sending(np_stream *s) {
  if (s->shut_done || !is_idle(s)) return 0;
  s->shut_done = true;
  return s->wire->cls->shutdown(s->wire);
}

static void send_queued(np_stream *s) {
  np_backlog *b = s->backlog;
  if (!b || np_buf_size(&b->sending) > 0 || np_buf_size(&b->queued) == 0)
    return;
  np_buf unused = b->sending;
  b->sending = b->queued;
  b->queued = unused;
  int r = s->wire->cls->write(s->wire, np_buf_data(&b->sending),
                              np_buf_size(&b->sending));
  if (r < 0) {
    release(s, &b->sending);
    fail_writing(s, r);
  }
}

void np_stream_on_written(void *user, int status) {
  np_stream *s = user;
  release(s, &s->backlog->sending);
  if (status < 0) {
    fail_writing(s, status);
  } else {
    send_queued(s);
  }
  if (!s->write_error) np_stream_wake_all(s, np_stream_unsent(s), 0);
  if (s->shut && !s->write_error) np_stream_end_sending(s);
  if (s->closing) np_stream_closing(s);
}

/* Queues what is left of the pieces after `sent` bytes (or UV_EAGAIN, or an
 * error). 0, or an error after which s cannot write. */
static int send_rest(np_stream *s, const uv_buf_t *pieces, unsigned n,
                     ssize_t sent) {
  np_host *h = s->base.host;
  if (sent == UV_EAGAIN) sent = 0;
  if (sent < 0) {
    fail_writing(s, (int)sent);
    return (int)sent;
  }
  for (unsigned i = 0; i < n; i++) {
    size_t skip = (size_t)sent < pieces[i].len ? (size_t)sent : pieces[i].len;
    sent -= (ssize_t)skip;
    if (skip == pieces[i].len) continue;
    np_backlog *b = np_stream_backlog(s);
    if (!b || np_buf_append(&b->queued, pieces[i].base + skip,
                            pieces[i].len - skip, h->alloc, h->alloc_ud) < 0) {
      fail_writing(s, UV_ENOMEM);  // part of the message may have gone out
      return UV_ENOMEM;
    }
  }
  return 0;
}

/* Sends or queues the pieces; the same results. What a wire that is full would
 * not take is not tried. */
static int send_pieces(np_stream *s, const uv_buf_t *pieces, unsigned n) {
  ssize_t sent = UV_EAGAIN;
  if (is_idle(s) && !s->full) {
    sent = s->wire->cls->try_write(s->wire, pieces, n);
  }
  s->full = false;
  s->wrote = true;
  return send_rest(s, pieces, n, sent);
}

/* ---- gathering arguments ----------------------------------------------- */

typedef struct gather {
  np_stream *stream;
  uv_buf_t pieces[MAX_PIECES];
  unsigned n;
  int status; /* the first error; then nothing more is sent */
} gather;

static void gather_flush(gather *g) {
  if (g->n > 0 && g->status == 0) {
    g->status = send_pieces(g->stream, g->pieces, g->n);
  }
  g->n = 0;
}

static void gather_add(gather *g, const char *data, size_t size) {
  if (size == 0) return;
  if (g->n == MAX_PIECES) gather_flush(g);
  g->pieces[g->n++] = (uv_buf_t){.base = (char *)data, .len = size};
}

/* Every argument is a string or a list of strings (or numbers, as in
 * io.write). Checked before anything is sent. */
static void check_arguments(lua_State *L, int first, int last) {
  for (int arg = first; arg <= last; arg++) {
    if (!lua_istable(L, arg)) {
      if (!lua_isstring(L, arg)) np_typeerror(L, arg, "string or list");
      continue;
    }
    lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
    for (lua_Integer i = 1; i <= n; i++) {
      int type = lua_rawgeti(L, arg, i);
      if (type != LUA_TSTRING && type != LUA_TNUMBER) {
        np_argerror(L, arg, "list of strings expected, got %s at index %I",
                    luaL_typename(L, -1), (LUAI_UACINT)i);
      }
      lua_pop(L, 1);
    }
  }
}

/* [..] -> [.. text of each number in the list] */
static void gather_list(lua_State *L, gather *g, int arg) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
  for (lua_Integer i = 1; i <= n; i++) {
    bool is_number = lua_rawgeti(L, arg, i) == LUA_TNUMBER;
    if (is_number) luaL_checkstack(L, 4, "too many numbers in a list");
    size_t size;
    const char *data = lua_tolstring(L, -1, &size);
    gather_add(g, data, size);
    if (!is_number) lua_pop(L, 1);  // the list holds the string
  }
}

/* Sends or queues the arguments first to last; 0 or an error. */
static int send_arguments(lua_State *L, np_stream *s, int first, int last) {
  gather g;
  g.stream = s;
  g.n = 0;
  g.status = 0;
  for (int arg = first; arg <= last; arg++) {
    if (lua_istable(L, arg)) {
      gather_list(L, &g, arg);
    } else {
      size_t size;
      const char *data = lua_tolstring(L, arg, &size);
      gather_add(&g, data, size);
    }
  }
  gather_flush(&g);
  send_queued(s);
  return g.status < 0 ? g.status : s->write_error;
}

/* ---- waiting ----------------------------------------------------------- */

static int write_finish(lua_State *L, np_wait *wait) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  if (w->status) return np_stream_unfinished(L, w);
  lua_pushboolean(L, true);
  return 1;
}

static const np_wait_class write_class = {
    .name = "write",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = write_finish,
};

/* Waits until at most `mark` bytes are unsent; then true. */
static int wait_sent(lua_State *L, np_stream *s, const char *what,
                     size_t mark) {
  if (np_stream_unsent(s) <= mark) return np_settle_true(L, s->base.host);
  np_swait *w = np_stream_waiter(L, s, what, mark);
  return np_stream_park(L, w, &write_class);
}

/* ---- methods ----------------------------------------------------------- */

/* Raises, or pushes why s cannot be written; 0 if it can. **waits** */
static int check_writable(lua_State *L, np_stream *s, const char *what) {
  np_checkwait(L, s->base.host);
  np_stream_checkopen(L, s);
  if (s->write_error) return np_stream_fail(L, s, s->write_error, what);
  return 0;
}

static int write_all(lua_State *L, np_stream *s, int last) {
  int n = check_writable(L, s, "write");
  if (n > 0) return n;
  if (s->shut) return np_stream_fail(L, s, UV_EPIPE, "write");
  int r = send_arguments(L, s, 2, last);
  lua_settop(L, last);
  if (r < 0) return np_stream_fail(L, s, r, "write");
  return wait_sent(L, s, "write", s->high);
}

/* What almost every write is, without detours: one string, which the wire
 * takes at once. */
int np_stream_m_write(lua_State *L) {
  np_stream *s = np_stream_self(L);
  int last = lua_gettop(L);
  uv_buf_t piece = {0};
  if (last == 2) piece.base = (char *)lua_tolstring(L, 2, &piece.len);
  if (!piece.base || piece.len == 0 || s->closing || s->shut || !is_idle(s)) {
    check_arguments(L, 2, last);
    return write_all(L, s, last);
  }
  np_checkwait(L, s->base.host);
  if (s->write_error) return np_stream_fail(L, s, s->write_error, "write");
  ssize_t sent = s->wire->cls->try_write(s->wire, &piece, 1);
  s->wrote = true;
  if (sent == (ssize_t)piece.len) return np_settle_true(L, s->base.host);
  int r = send_rest(s, &piece, 1, sent);
  send_queued(s);
  if (r < 0) return np_stream_fail(L, s, r, "write");
  return wait_sent(L, s, "write", s->high);
}

int np_stream_m_flush(lua_State *L) {
  np_stream *s = np_stream_self(L);
  int n = check_writable(L, s, "flush");
  if (n > 0) return n;
  return wait_sent(L, s, "flush", 0);
}

int np_stream_m_shutdown(lua_State *L) {
  np_stream *s = np_stream_self(L);
  np_stream_checkopen(L, s);
  if (s->write_error) return np_stream_fail(L, s, s->write_error, "shutdown");
  s->shut = true;
  int r = np_stream_end_sending(s);
  if (r < 0) return np_stream_fail(L, s, r, "shutdown");
  lua_pushboolean(L, true);
  return 1;
}

/* ---- for the modules above --------------------------------------------- */

int np_stream_push(np_stream *s, const uv_buf_t *pieces, unsigned n) {
  if (s->write_error) return s->write_error;
  if (s->closing || s->shut) return UV_EPIPE;
  int r = send_pieces(s, pieces, n);
  send_queued(s);
  return r < 0 ? r : s->write_error;
}

static int pushed(lua_State *L, np_stream *s, int status, size_t mark) {
  if (status < 0) return np_stream_fail(L, s, status, "write");
  np_stream_checkopen(L, s);
  return wait_sent(L, s, "write", mark);
}

int np_stream_pushed(lua_State *L, np_stream *s, int status) {
  return pushed(L, s, status, s->high);
}

/* ---- files ------------------------------------------------------------- */

int np_stream_pushed_file(lua_State *L, np_stream *s, int status) {
  bool direct = s->wire && s->wire->cls->send_file;
  return pushed(L, s, status, direct ? 0 : s->high);
}

/* Whether a failed send_file means that the connection is lost. What is wrong
 * with the file is found by who reads it. */
static bool is_lost(ssize_t status) {
  return status == UV_EPIPE || status == UV_ECONNRESET ||
         status == UV_ETIMEDOUT;
}

bool np_stream_takes_file(const np_stream *s) {
  return !s->write_error && !s->closing && !s->shut && !s->full && is_idle(s) &&
         s->wire->cls->send_file;
}

size_t np_stream_send_file(np_stream *s, int fd, int64_t offset, size_t n) {
  ssize_t sent = s->wire->cls->send_file(s->wire, fd, offset, n);
  if (is_lost(sent)) fail_writing(s, (int)sent);
  s->full = sent == UV_EAGAIN || (sent >= 0 && (size_t)sent < n);
  if (sent <= 0) return 0;
  s->wrote = true;
  return (size_t)sent;
}

/* ---- for Lua ----------------------------------------------------------- */

/* stream_send(s, data): queues without waiting, also above the mark; returns
 * how much is unsent, or nil and an error. */
static int core_stream_send(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  if (!lua_istable(L, 2)) np_checkstring(L, 2, NULL);
  check_arguments(L, 2, 2);
  np_stream_checkopen(L, s);
  if (s->write_error) return np_stream_fail(L, s, s->write_error, "write");
  if (s->shut) return np_stream_fail(L, s, UV_EPIPE, "write");
  int r = send_arguments(L, s, 2, 2);
  if (r < 0) return np_stream_fail(L, s, r, "write");
  lua_pushinteger(L, (lua_Integer)np_stream_unsent(s));
  return 1;
}

/* stream_unsent(s): bytes that are not handed to the system yet. */
static int core_stream_unsent(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  lua_pushinteger(L, s->wire ? (lua_Integer)np_stream_unsent(s) : 0);
  return 1;
}

/* stream_untaken(s): bytes that the peer's system does not have yet, as far as
 * ours knows. */
static int core_stream_untaken(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  lua_pushinteger(L, s->wire ? (lua_Integer)np_stream_untaken(s) : 0);
  return 1;
}

/* stream_drain(s, mark): waits until at most `mark` bytes are unsent. */
static int core_stream_drain(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  size_t mark = (size_t)np_checkinteger(L, 2, 0, LUA_MAXINTEGER);
  int n = check_writable(L, s, "write");
  if (n > 0) return n;
  return wait_sent(L, s, "write", mark);
}

/* stream_pace(s): from now on a write times out when the peer has taken nothing
 * for as long as that, instead of after so long. */
static int core_stream_pace(lua_State *L) {
  np_stream_check(L, 1)->paced = true;
  return 0;
}

const luaL_Reg np_stream_write_core[] = {
    {"stream_pace", core_stream_pace},
    {"stream_send", core_stream_send},
    {"stream_unsent", core_stream_unsent},
    {"stream_untaken", core_stream_untaken},
    {"stream_drain", core_stream_drain},
    {NULL, NULL},
};
