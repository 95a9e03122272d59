/*
 * http1_body.c: the body of a request, counted or chunked.
 *
 * Reading it is a read of the stream with a rule that is told what stage the
 * body is in: some bytes, or a whole line (with the size of a chunk, behind
 * one, or of the trailer). A chunk's size line may carry extensions, which are
 * skipped, and whose bytes are bounded for the whole body.
 *
 * The time that a body may take is a budget: waiting spends it, and each KiB
 * that arrives gives a second back, up to the limit. So a peer that stops, or
 * that drips bytes, does not hold a task for long, and a long upload may take
 * as long as it goes on.
 */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "core/task.h"
#include "core/timer.h"
#include "io/bufpool.h"
#include "proto/http1.h"

enum {
  MAX_SIZE_LINE = 1024,   /* a chunk's size and its extensions */
  MAX_EXTENSIONS = 16384, /* of all chunks of a body */
  BYTES_A_SECOND = 1024,  /* less is too slow */
  WORTH_READING = 65536,  /* a rest that is read rather than closing */
  SELF = 1,
};

static np_http_conn *conn_of(np_stream *s) {
  return (np_http_conn *)(uintptr_t)s->separator;
}

void np_body_begin(np_http_conn *c, const np_head *head) {
  lua_Number timeout = c->group->body_timeout;
  c->body = head->length == NP_BODY_CHUNKED ? NP_BODY_SIZE
            : head->length > 0              ? NP_BODY_COUNTED
                                            : NP_BODY_NONE;
  c->left = head->length > 0 ? (uint64_t)head->length : 0;
  c->expects = head->expects && c->body != NP_BODY_NONE;
  c->extra = 0;
  c->budget = timeout < 1e9 ? (int64_t)(timeout * 1e9) : INT64_MAX;
}

bool np_body_is_small(const np_http_conn *c) {
  return c->body == NP_BODY_NONE || (c->body == NP_BODY_COUNTED &&
                                     !c->expects && c->left <= WORTH_READING);
}

/* ---- failures ----------------------------------------------------------- */

/* [..] -> [.. nil err]: err.status is what to answer. */
static int fail(lua_State *L, np_http_conn *c, int status, const char *code,
                const char *text) {
  c->body = NP_BODY_FAILED;
  c->last = true;
  np_fail(L, code, "%s", text);
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
  return 2;
}

static int malformed(lua_State *L, np_http_conn *c, const char *text) {
  return fail(L, c, 400, "HTTP", text);
}

/* ---- lines of the chunked coding ---------------------------------------- */

static int hex_value(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* "1a; name=value" without its end; false if it is invalid. */
static bool parse_size(np_http_conn *c, np_span line) {
  uint64_t size = 0;
  size_t i = 0;
  for (; i < line.size &&
         (np_http_chars[(unsigned char)line.at[i]] & NP_CHAR_HEX);
       i++) {
    if (size > (UINT64_C(1) << 48)) return false;
    size = size * 16 + (uint64_t)hex_value(line.at[i]);
  }
  if (i == 0) return false;
  np_span rest = {line.at + i, line.size - i};
  if (!np_http_all(rest, NP_CHAR_VALUE)) return false;
  np_span extension = np_span_trim(rest);
  if (extension.size > 0 && extension.at[0] != ';') return false;
  if (extension.size == 0 && rest.size > 0) return false;
  c->extra += (uint32_t)rest.size;
  c->left = size;
  return c->extra <= MAX_EXTENSIONS;
}

static np_span line_in(np_stream *s, size_t n) {
  return (np_span){np_buf_data(&s->in), n};
}

/* The line of n bytes with the size of a chunk. */
static int take_size(lua_State *L, np_http_conn *c, np_stream *s, size_t n) {
  np_span rest = line_in(s, n), line;
  if (n > MAX_SIZE_LINE || !np_line_next(&rest, &line) ||
      !parse_size(c, line)) {
    return malformed(L, c, "the size of a chunk is invalid");
  }
  np_stream_consume(s, n);
  c->body = c->left > 0 ? NP_BODY_DATA : NP_BODY_TRAILER;
  return 0;
}

static int take_chunk_end(lua_State *L, np_http_conn *c, np_stream *s,
                          size_t n) {
  if (n != 2 || memcmp(np_buf_data(&s->in), "\r\n", 2) != 0)
    return malformed(L, c, "a chunk is longer than its size");
  np_stream_consume(s, n);
  c->body = NP_BODY_SIZE;
  return 0;
}

/* [..] -> [.. nil text]: all fields behind the last chunk, as they are. */
static int take_trailer(lua_State *L, np_http_conn *c, np_stream *s, size_t n) {
  np_span rest = line_in(s, n), line, name, value;
  int fields = 0;
  if (n > c->group->max_header_size)
    return fail(L, c, 431, "LIMIT", "the trailer is too large");
  for (;;) {
    if (!np_line_next(&rest, &line))
      return malformed(L, c, "a line of the trailer does not end with CRLF");
    if (line.size == 0) break;
    if (!np_field_parse(line, &name, &value))
      return malformed(L, c, "a field of the trailer is invalid");
    if (++fields > c->group->max_headers)
      return fail(L, c, 431, "LIMIT", "the trailer has too many fields");
  }
  lua_pushnil(L);
  lua_pushlstring(L, np_buf_data(&s->in), n);
  np_stream_consume(s, n);
  c->body = NP_BODY_NONE;
  return 2;
}

/* ---- the rules ---------------------------------------------------------- */

/* A line, or more than `max` bytes without one. */
static ptrdiff_t rule_line(np_stream *s, size_t max) {
  size_t size = np_buf_size(&s->in);
  if (size == 0) return NP_READ_MORE;
  const char *data = np_buf_data(&s->in);
  const char *lf = memchr(data + s->scanned, '\n', size - s->scanned);
  if (lf) return lf - data + 1;
  s->scanned = size;
  return size > max ? (ptrdiff_t)size : NP_READ_MORE;
}

/* Lines up to an empty one. An end that is no CRLF ends it too. */
static ptrdiff_t rule_trailer(np_stream *s, np_http_conn *c) {
  size_t size = np_buf_size(&s->in);
  size_t i = c->line;
  const char *data = size > 0 ? np_buf_data(&s->in) : "";
  const char *lf;
  while (i < size && (lf = memchr(data + i, '\n', size - i)) != NULL) {
    size_t end = (size_t)(lf - data) + 1;
    if (end < i + 2 || lf[-1] != '\r' || end == i + 2) return (ptrdiff_t)end;
    i = c->line = end;
  }
  return size > c->group->max_header_size ? (ptrdiff_t)size : NP_READ_MORE;
}

static ptrdiff_t rule_some(np_stream *s, uint64_t left) {
  size_t n = np_buf_size(&s->in);
  if (n == 0) return NP_READ_MORE;
  if (n > s->want) n = s->want;
  return (ptrdiff_t)(n < left ? n : left);
}

static ptrdiff_t rule_body(np_stream *s) {
  np_http_conn *c = conn_of(s);
  switch ((np_body_state)c->body) {
    case NP_BODY_SIZE: return rule_line(s, MAX_SIZE_LINE);
    case NP_BODY_END: return np_buf_size(&s->in) < 2 ? NP_READ_MORE : 2;
    case NP_BODY_TRAILER: return rule_trailer(s, c);
    default: return rule_some(s, c->left);
  }
}

/* ---- reading ------------------------------------------------------------ */

static void spend(np_http_conn *c, np_host *h) {
  c->budget -= (int64_t)(np_now(h) - c->started);
}

/* n bytes came: more time. */
static void earn(np_http_conn *c, size_t n) {
  lua_Number most = c->group->body_timeout;
  if (most >= 1e9) return;
  int64_t limit = (int64_t)(most * 1e9);
  int64_t gain =
      n > (1 << 30) ? limit : (int64_t)n * (int64_t)NP_SECOND / BYTES_A_SECOND;
  c->budget = gain > limit - c->budget ? limit : c->budget + gain;
}

static int read_step(lua_State *L, np_http_conn *c, np_stream *s,
                     const np_read_op *op, size_t want) {
  np_host *h = s->base.host;
  lua_Number timeout = c->group->body_timeout;
  if (timeout < HUGE_VAL) {
    timeout = c->budget > 0 ? (lua_Number)c->budget / 1e9 : 0;
  }
  s->timeout = timeout;
  c->started = np_now(h);
  c->line = 0;
  return np_stream_read(L, s, op, want, (const char *)c);
}

static int take_data(lua_State *L, np_http_conn *c, np_stream *s, size_t n) {
  np_stream_take(L, s, n);
  c->left -= n;
  if (c->left == 0)
    c->body = c->body == NP_BODY_DATA ? NP_BODY_END : NP_BODY_NONE;
  return 1;
}

static int take_body(lua_State *L, np_stream *s, size_t n);

static int at_end(lua_State *L, np_stream *s) {
  np_http_conn *c = conn_of(s);
  return fail(L, c, 400, "EOF", "the connection ended before the body");
}

/* What the stream returns; a timeout gets the status of one. */
static int body_finish(lua_State *L, np_wait *w) {
  np_http_conn *c = lua_touserdata(L, SELF);
  np_stream *s = c->stream->stream;
  spend(c, s->base.host);
  int n = np_stream_read_finish(L, w);
  if (c->group && s->timeout < HUGE_VAL) s->timeout = c->group->write_timeout;
  if (n == 2 && lua_istable(L, -1)) {
    const char *code = np_errcode(L, -1);
    c->last = true;
    if (code && strcmp(code, "TIMEOUT") == 0) {
      c->body = NP_BODY_FAILED;
      lua_pushinteger(L, 408);
      lua_setfield(L, -2, "status");
    }
  }
  return n;
}

static const np_wait_class body_class = {
    .name = "request body",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = body_finish,
};

static const np_read_op op_body = {rule_body, take_body, at_end, &body_class,
                                   .bounded = true};

/* The rule holds for the stage that the body is in: gives data, or goes on to
 * the next stage. */
static int take_body(lua_State *L, np_stream *s, size_t n) {
  np_http_conn *c = conn_of(s);
  size_t want = s->want;
  int results = 0;
  earn(c, n);
  switch ((np_body_state)c->body) {
    case NP_BODY_SIZE: results = take_size(L, c, s, n); break;
    case NP_BODY_END: results = take_chunk_end(L, c, s, n); break;
    case NP_BODY_TRAILER: return take_trailer(L, c, s, n);
    default: return take_data(L, c, s, n);
  }
  return results > 0 ? results : read_step(L, c, s, &op_body, want);
}

/* read_body([max]): some bytes of the body; nil at its end, with the trailer's
 * fields if it has any; nil and an error, whose `status` is what to answer. */
int np_conn_m_read_body(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  size_t want = SIZE_MAX;
  if (!lua_isnoneornil(L, 2))
    want = (size_t)np_checkinteger(L, 2, 1, LUA_MAXINTEGER);
  if (c->body == NP_BODY_NONE) {
    np_checkwait(L, s->base.host);
    lua_pushnil(L);
    return 1;
  }
  if (c->body == NP_BODY_FAILED) {
    np_checkwait(L, s->base.host);
    return malformed(L, c, "reading the body has failed before");
  }
  return read_step(L, c, s, &op_body, want);
}

/* body_left(): how many bytes are to come: 0, or -1 if that is not known. */
int np_conn_m_body_left(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  bool counted = c->body == NP_BODY_COUNTED || c->body == NP_BODY_NONE;
  lua_pushinteger(L, counted ? (lua_Integer)c->left : -1);
  return 1;
}
