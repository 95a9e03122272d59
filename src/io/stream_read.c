/*
 * stream_read.c: how bytes get from the wire to a reader.
 *
 * What arrives is appended to s->in. All methods are one wait with a different
 * rule: a function that says how many bytes at the head of s->in make a
 * result. The rule is asked when the method is called, after each arrival
 * while a task is parked, and by `finish`, which alone takes bytes away: so a
 * read that is cancelled or times out loses none.
 *
 * The wire delivers until NP_STREAM_HIGH bytes lie unread, or as many as a
 * parked reader's rule needs; the rules that have a limit end before they need
 * more than that.
 */
#include "core/task.h"
#include "io/stream.h"

#include <string.h>

#include "base/err.h"
#include "core/adopt.h"
#include "io/bufpool.h"

/* ---- arrivals ---------------------------------------------------------- */

np_wire_room np_stream_room(void *user) {
  np_stream *s = user;
  if (s->discarding || np_waiter(&s->reader.wait)) return NP_ROOM;
  if (np_buf_size(&s->in) < NP_STREAM_HIGH) return NP_ROOM;
  if (s->wire->polls && np_wait_busy(&s->reader.wait)) return NP_ROOM_SOON;
  s->reading = false;
  return NP_ROOM_NONE;
}

void np_stream_on_read(void *user, char *data, size_t n) {
  np_stream *s = user;
  if (s->closing) return;
  if (np_bufpool_append(s->base.host, &s->in, data, n) < 0) {
    s->wire->cls->stop(s->wire);
    np_stream_on_end(s, UV_ENOMEM);
  } else if (np_waiter(&s->reader.wait) && s->op->rule(s) != NP_READ_MORE) {
    np_stream_wake(&s->reader, 0);
  }
}

void np_stream_on_end(void *user, int status) {
  np_stream *s = user;
  s->end = status;
  s->reading = false;
  np_stream_wake(&s->reader, 0);
  if (s->closing) np_stream_closing(s);
}

/* Lets the wire deliver, if it is not doing so and can. */
void np_stream_start(np_stream *s) {
  if (s->reading || s->end || s->closing) return;
  int r = s->wire->cls->start(s->wire);
  if (r < 0) {
    s->end = r;
  } else {
    s->reading = true;
  }
}

void np_stream_consume(np_stream *s, size_t n) {
  size_t left = np_buf_size(&s->in) - n;
  if (left == 0) {
    np_bufpool_release(s->base.host, &s->in);
  } else {
    np_buf_consume(&s->in, n);
  }
  if (!s->reading && !s->lazy && left <= NP_STREAM_HIGH / 2) np_stream_start(s);
}

void np_stream_take(lua_State *L, np_stream *s, size_t n) {
  np_host *h = s->base.host;
  if (n >= NP_RECORD_SIZE && n == np_buf_size(&s->in) &&
      np_bufpool_is_string(h, &s->in)) {
    char *block = s->in.base;
    s->in = (np_buf){0};
    np_adopt(L, h, block, n);
    np_stream_consume(s, 0);
  } else {
    lua_pushlstring(L, np_buf_data(&s->in), n);
    np_stream_consume(s, n);
  }
}

/* ---- the wait ---------------------------------------------------------- */

int np_stream_read_finish(lua_State *L, np_wait *wait) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  np_stream *s = w->stream;
  if (w->status == UV_ECANCELED) {
    np_bufpool_release(s->base.host, &s->in);
    return np_stream_unfinished(L, w);
  }
  ptrdiff_t n = s->op->rule(s);
  if (n >= 0) return s->op->take(L, s, (size_t)n);
  if (n == NP_READ_LIMIT) {
    return np_fail(L, "LIMIT", "more than %I bytes",
                   (LUAI_UACINT)(s->op->bounded ? s->want : s->limit));
  }
  if (s->end == UV_EOF) return s->op->at_end(L, s);
  if (s->end) return np_stream_fail(L, s, s->end, "read");
  return np_stream_unfinished(L, w);
}

const np_wait_class np_stream_read_class = {
    .name = "read",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = np_stream_read_finish,
};

int np_stream_read(lua_State *L, np_stream *s, const np_read_op *op,
                   size_t want, const char *separator) {
  np_host *h = s->base.host;
  np_checkwait(L, h);
  if (s->closing) np_stream_checkopen(L, s);
  if (np_wait_busy(&s->reader.wait)) {
    np_raise(L, "BUSY", "another task is reading this stream");
  }
  s->op = op;
  s->want = want;
  s->separator = separator;
  s->scanned = 0;
  s->reader.status = 0;
  if (!s->end && op->rule(s) == NP_READ_MORE) {
    if (!s->reading) np_stream_start(s);
    if (!s->end) return np_stream_park(L, &s->reader, op->cls);
  }
  return np_settle(L, h, &s->reader.wait, op->cls);
}

/* ---- rules ------------------------------------------------------------- */

static ptrdiff_t rule_some(np_stream *s) {
  size_t n = np_buf_size(&s->in);
  if (n == 0) return NP_READ_MORE;
  return (ptrdiff_t)(n < s->want ? n : s->want);
}

static ptrdiff_t rule_exactly(np_stream *s) {
  if (np_buf_size(&s->in) < s->want) return NP_READ_MORE;
  return (ptrdiff_t)s->want;
}

static ptrdiff_t rule_all(np_stream *s) {
  size_t n = np_buf_size(&s->in);
  if (n > s->want) return NP_READ_LIMIT;
  return s->end == UV_EOF ? (ptrdiff_t)n : NP_READ_MORE;
}

/* The line without its ending must not be longer than the limit. */
static ptrdiff_t rule_line(np_stream *s) {
  size_t size = np_buf_size(&s->in);
  if (size == 0) return NP_READ_MORE;
  const char *data = np_buf_data(&s->in);
  const char *lf = memchr(data + s->scanned, '\n', size - s->scanned);
  size_t end = lf ? (size_t)(lf - data) : size;
  size_t text = end;
  if (end > 0 && data[end - 1] == '\r' && (lf || !s->end)) text--;
  if (text > s->limit) return NP_READ_LIMIT;
  if (lf) return (ptrdiff_t)(end + 1);
  s->scanned = size;
  return s->end == UV_EOF ? (ptrdiff_t)size : NP_READ_MORE;
}

/* What is in front of the separator must not be longer than the limit. */
static ptrdiff_t rule_until(np_stream *s) {
  size_t size = np_buf_size(&s->in), m = s->want;
  ptrdiff_t at = np_buf_find(&s->in, s->scanned, s->separator, m);
  if (at >= 0) {
    return (size_t)at > s->limit ? NP_READ_LIMIT : at + (ptrdiff_t)m;
  }
  s->scanned = size >= m ? size - m + 1 : 0;
  return s->scanned > s->limit ? NP_READ_LIMIT : NP_READ_MORE;
}

/* ---- results ----------------------------------------------------------- */

static int take_bytes(lua_State *L, np_stream *s, size_t n) {
  if (n == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  np_stream_take(L, s, n);
  return 1;
}

static int take_peek(lua_State *L, np_stream *s, size_t n) {
  lua_pushlstring(L, np_buf_data(&s->in), n);
  return 1;
}

/* Without its line end; a last line that has none is as it is. */
static int take_line(lua_State *L, np_stream *s, size_t n) {
  const char *data = np_buf_data(&s->in);
  size_t text = n;
  if (data[n - 1] == '\n') {
    text--;
    if (text > 0 && data[text - 1] == '\r') text--;
  }
  lua_pushlstring(L, data, text);
  np_stream_consume(s, n);
  return 1;
}

static int end_nil(lua_State *L, np_stream *s) {
  (void)s;
  lua_pushnil(L);
  return 1;
}

/* nil, EOF with what is there as `partial`. */
static int end_partial(lua_State *L, np_stream *s) {
  size_t n = np_buf_size(&s->in);
  np_fail(L, "EOF", "the stream ended after %I bytes", (LUAI_UACINT)n);
  take_bytes(L, s, n);
  lua_setfield(L, -2, "partial");
  return 2;
}

#define READ_CLASS .cls = &np_stream_read_class

static const np_read_op op_some = {rule_some, take_bytes, end_nil, READ_CLASS};
static const np_read_op op_exactly = {rule_exactly, take_bytes, end_partial,
                                      READ_CLASS};
static const np_read_op op_all = {rule_all, take_bytes, end_partial, READ_CLASS,
                                  .bounded = true};
static const np_read_op op_peek = {rule_some, take_peek, end_nil, READ_CLASS};
static const np_read_op op_line = {rule_line, take_line, end_nil, READ_CLASS};
static const np_read_op op_keep_line = {rule_line, take_bytes, end_nil,
                                        READ_CLASS};
static const np_read_op op_until = {rule_until, take_bytes, end_partial,
                                    READ_CLASS};

/* ---- methods ----------------------------------------------------------- */

/* The count at `arg`, or `absent`. */
static size_t opt_count(lua_State *L, int arg, lua_Integer min, size_t absent) {
  if (lua_isnoneornil(L, arg)) return absent;
  return (size_t)np_checkinteger(L, arg, min, LUA_MAXINTEGER);
}

int np_stream_m_read(lua_State *L) {
  np_stream *s = np_stream_self(L);
  return np_stream_read(L, s, &op_some, opt_count(L, 2, 1, SIZE_MAX), NULL);
}

int np_stream_m_readexactly(lua_State *L) {
  np_stream *s = np_stream_self(L);
  size_t n = (size_t)np_checkinteger(L, 2, 0, LUA_MAXINTEGER);
  return np_stream_read(L, s, &op_exactly, n, NULL);
}

int np_stream_m_readline(lua_State *L) {
  np_stream *s = np_stream_self(L);
  bool keep = lua_toboolean(L, 2);
  return np_stream_read(L, s, keep ? &op_keep_line : &op_line, 0, NULL);
}

int np_stream_m_readuntil(lua_State *L) {
  np_stream *s = np_stream_self(L);
  size_t n;
  const char *separator = np_checkstring(L, 2, &n);
  if (n == 0) np_argerror(L, 2, "separator is empty");
  return np_stream_read(L, s, &op_until, n, separator);
}

int np_stream_m_readall(lua_State *L) {
  np_stream *s = np_stream_self(L);
  size_t n = opt_count(L, 2, 0, LUA_MAXINTEGER);
  return np_stream_read(L, s, &op_all, n, NULL);
}

int np_stream_m_peek(lua_State *L) {
  np_stream *s = np_stream_self(L);
  size_t n = (size_t)np_checkinteger(L, 2, 1, LUA_MAXINTEGER);
  return np_stream_read(L, s, &op_peek, n, NULL);
}

/* ---- iterators --------------------------------------------------------- */

enum { UP_STREAM = 2 }; /* behind the host; they check no argument */

static int next_finish(lua_State *L, np_wait *wait) {
  int n = np_stream_read_finish(L, wait);
  return n == 2 ? lua_error(L) : n;
}

static const np_wait_class next_class = {
    .name = "read",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = next_finish,
};

static const np_read_op op_next_line = {rule_line, take_line, end_nil,
                                        .cls = &next_class};
static const np_read_op op_next_chunk = {rule_some, take_bytes, end_nil,
                                         .cls = &next_class};

static np_stream *next_stream(lua_State *L) {
  np_stream_box *box = lua_touserdata(L, lua_upvalueindex(UP_STREAM));
  if (!box->stream) np_raise(L, "CLOSED", "stream was collected");
  return box->stream;
}

static int next_line(lua_State *L) {
  return np_stream_read(L, next_stream(L), &op_next_line, 0, NULL);
}

static int next_chunk(lua_State *L) {
  return np_stream_read(L, next_stream(L), &op_next_chunk, SIZE_MAX, NULL);
}

static int push_iterator(lua_State *L, lua_CFunction next) {
  np_stream_checkopen(L, np_stream_self(L));
  lua_pushvalue(L, NP_UPHOST);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, next, UP_STREAM);
  return 1;
}

int np_stream_m_lines(lua_State *L) { return push_iterator(L, next_line); }

int np_stream_m_chunks(lua_State *L) { return push_iterator(L, next_chunk); }
