/*
 * http1_out.c: what a server sends: heads, bodies, chunks.
 *
 * A head is built in a buffer of the group and goes out with the body in one
 * write. If the next request lies in the receive buffer already, the answer is
 * corked: kept until the next one is ready, until too much lies there, or
 * until the loop has turned, so that pipelined requests cost one write. All
 * sending goes through `send_pieces`, which keeps the order.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "core/task.h"
#include "core/timer.h"
#include "proto/http1.h"

enum {
  MAX_CORKED = 65536,
  MAX_CORKED_BODY = 16384, /* larger ones are not copied */
  MAX_SORTED = 16,         /* fields */
};

/* ---- sending ------------------------------------------------------------ */

static int append(np_http_conn *c, np_buf *b, const char *data, size_t n) {
  np_host *h = c->group->host;
  return n > 0 ? np_buf_append(b, data, n, h->alloc, h->alloc_ud) : 0;
}

void np_out_release(np_http_conn *c) {
  np_host *h = c->group->host;
  np_timer_stop(h, &c->cork_timer);
  np_buf_release(&c->corked, h->alloc, h->alloc_ud);
}

int np_out_flush(np_http_conn *c) {
  np_stream *s = c->stream->stream;
  if (np_buf_size(&c->corked) == 0) return 0;
  uv_buf_t piece = {.base = np_buf_data(&c->corked),
                    .len = np_buf_size(&c->corked)};
  int r = s ? np_stream_push(s, &piece, 1) : 0;
  np_out_release(c);
  return r;
}

/* The loop has turned, and the next answer is not ready. */
static void on_cork_timer(np_timer *t) {
  np_out_flush(np_container_of(t, np_http_conn, cork_timer));
}

/* Keeps the pieces for later; 0 or an error. */
static int cork(np_http_conn *c, const uv_buf_t *pieces, unsigned n) {
  np_host *h = c->group->host;
  for (unsigned i = 0; i < n; i++) {
    int r = append(c, &c->corked, pieces[i].base, pieces[i].len);
    if (r < 0) return r;
  }
  if (np_timer_running(&c->cork_timer)) return 0;
  c->cork_timer = (np_timer){.fire = on_cork_timer};
  return np_timer_start(h, &c->cork_timer, np_now(h));
}

/* Sends the pieces behind what is corked. */
static int send_pieces(np_http_conn *c, np_stream *s, const uv_buf_t *pieces,
                       unsigned n) {
  uv_buf_t all[4];
  unsigned count = 0;
  if (np_buf_size(&c->corked) > 0) {
    all[count++] = (uv_buf_t){.base = np_buf_data(&c->corked),
                              .len = np_buf_size(&c->corked)};
  }
  for (unsigned i = 0; i < n; i++) {
    if (pieces[i].len > 0) all[count++] = pieces[i];
  }
  int r = count > 0 ? np_stream_push(s, all, count) : 0;
  if (c->corked.base) np_out_release(c);
  return r;
}

/* ---- heads -------------------------------------------------------------- */

static np_buf *scratch_of(np_http_conn *c) {
  np_buf *b = &c->group->scratch;
  b->head = b->tail = 0;
  return b;
}

/* Appends, or **raises** for want of memory. */
static void put(lua_State *L, np_http_conn *c, const char *data, size_t n) {
  np_host *h = c->group->host;
  np_buf *b = &c->group->scratch;
  if (b->capacity - b->tail < n &&
      !np_buf_reserve(b, n, h->alloc, h->alloc_ud)) {
    luaL_error(L, "not enough memory");
  }
  memcpy(b->base + b->tail, data, n);
  b->tail += n;
}

#define PUT(L, c, literal) put(L, c, literal, sizeof(literal) - 1)

static void put_decimal(lua_State *L, np_http_conn *c, uint64_t n) {
  char digits[24];
  char *p = digits + sizeof(digits);
  do {
    *--p = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  put(L, c, p, (size_t)(digits + sizeof(digits) - p));
}

static void put_status(lua_State *L, np_http_conn *c, int status) {
  if (status == 200) {
    PUT(L, c, "HTTP/1.1 200 OK\r\n");
    return;
  }
  const char *reason = np_http_reason(status);
  PUT(L, c, "HTTP/1.1 ");
  put_decimal(L, c, (uint64_t)status);
  PUT(L, c, " ");
  put(L, c, reason, strlen(reason));
  PUT(L, c, "\r\n");
}

static void put_date(lua_State *L, np_http_conn *c) {
  np_http_group *g = c->group;
  time_t now = time(NULL);
  if (now != g->second) {
    g->second = now;
    np_http_date(now, g->date);
  }
  PUT(L, c, "Date: ");
  put(L, c, g->date, NP_DATE_SIZE);
  PUT(L, c, "\r\n");
}

/* Raises what is no field: it could end this answer and begin another. */
static void check_field(lua_State *L, np_span name, np_span value) {
  if (name.size == 0 || !np_http_all(name, NP_CHAR_TOKEN))
    luaL_error(L, "the name of a header field is no token: '%s'", name.at);
  if (!np_http_all(value, NP_CHAR_VALUE)) {
    luaL_error(L, "the value of the header field '%s' has control characters",
               name.at);
  }
}

/* True if it is Date. */
static bool put_field(lua_State *L, np_http_conn *c, np_span name,
                      np_span value) {
  check_field(L, name, value);
  put(L, c, name.at, name.size);
  PUT(L, c, ": ");
  put(L, c, value.at, value.size);
  PUT(L, c, "\r\n");
  return np_span_is(name, "date");
}

/* The list at `arg`: name, value, name, value. True if Date is among them. */
static bool put_list(lua_State *L, np_http_conn *c, int arg) {
  bool date = false;
  lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
  for (lua_Integer i = 1; i + 1 <= n; i += 2) {
    np_span name, value;
    lua_rawgeti(L, arg, i);
    lua_rawgeti(L, arg, i + 1);
    name.at = np_checkstring(L, -2, &name.size);
    value.at = np_checkstring(L, -1, &value.size);
    date |= put_field(L, c, name, value);
    lua_pop(L, 2);
  }
  return date;
}

/* ---- fields by name ----------------------------------------------------- */

typedef struct field {
  np_span name, value; /* of strings in the table */
} field;

static bool is_before(np_span a, np_span b) {
  int order = memcmp(a.at, b.at, a.size < b.size ? a.size : b.size);
  return order != 0 ? order < 0 : a.size < b.size;
}

/* Whether it says something of the connection or the body. */
static bool has_meaning(np_span name) {
  char first = name.size > 0 ? name.at[0] | 32 : 0;
  if (first != 'c' && first != 't') return false;
  return np_span_is(name, "connection") || np_span_is(name, "content-type") ||
         np_span_is(name, "content-length") ||
         np_span_is(name, "transfer-encoding");
}

/* The fields of the table at `arg` in the order of their names; -1 if it has
 * more or other things in it than names and texts to be sent as they are. */
static int sort_fields(lua_State *L, int arg, field fields[MAX_SORTED]) {
  int n = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    field one = {0};
    bool plain =
        lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
    if (plain) {
      one.name.at = lua_tolstring(L, -2, &one.name.size);
      one.value.at = lua_tolstring(L, -1, &one.value.size);
    }
    lua_pop(L, 1);
    if (!plain || n == MAX_SORTED || has_meaning(one.name)) {
      lua_pop(L, 1);
      return -1;
    }
    int at = n++;
    for (; at > 0 && is_before(one.name, fields[at - 1].name); at--)
      fields[at] = fields[at - 1];
    fields[at] = one;
  }
  return n;
}

static bool put_sorted(lua_State *L, np_http_conn *c, const field *fields,
                       int n) {
  bool date = false;
  for (int i = 0; i < n; i++)
    date |= put_field(L, c, fields[i].name, fields[i].value);
  return date;
}

/* Whether an answer with this status ends with its head. */
static bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

/* Whether the connection may be used for another request after this one. */
static bool stays(np_http_conn *c) {
  if (c->group->draining || !np_body_is_small(c)) c->last = true;
  return !c->last;
}

enum { SELF = 1, STATUS, TYPE, BODY, FIELDS, FIRST, COUNT, LENGTH = BODY };

/* The head up to its last line; what frames the body is the caller's. Fields
 * are those that are sorted, or a list. */
static int put_head(lua_State *L, np_http_conn *c, const field *sorted,
                    int nsorted) {
  int status = (int)np_checkinteger(L, STATUS, 200, 999);
  bool date = false;
  scratch_of(c);
  put_status(L, c, status);
  if (!lua_isnoneornil(L, TYPE)) {
    np_span type;
    type.at = np_checkstring(L, TYPE, &type.size);
    check_field(L, (np_span){"Content-Type", 12}, type);
    PUT(L, c, "Content-Type: ");
    put(L, c, type.at, type.size);
    PUT(L, c, "\r\n");
  }
  if (nsorted > 0)
    date = put_sorted(L, c, sorted, nsorted);
  else if (lua_istable(L, FIELDS))
    date = put_list(L, c, FIELDS);
  if (!date) put_date(L, c);
  return status;
}

static void put_connection(lua_State *L, np_http_conn *c) {
  if (!stays(c)) {
    PUT(L, c, "Connection: close\r\n");
  } else if (c->http10) {
    PUT(L, c, "Connection: keep-alive\r\n");
  }
}

static uv_buf_t head_piece(np_http_conn *c) {
  np_buf *b = &c->group->scratch;
  return (uv_buf_t){.base = np_buf_data(b), .len = np_buf_size(b)};
}

static void check_idle(lua_State *L, np_http_conn *c) {
  if (c->out != NP_OUT_IDLE)
    np_raise(L, "INVALID_STATE", "the request has been answered already");
}

/* respond(status, type | nil, body | nil [, fields]): a whole answer. true, or
 * nil and an error. With a file as body, an offset and a number of bytes
 * follow. False, and nothing is sent, if they are not in memory, or if fields
 * by name are not just texts to be sent as they are. **waits** */
int np_conn_m_respond(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  np_span body = {0};
  field sorted[MAX_SORTED];
  int nsorted = 0;
  check_idle(L, c);
  np_checkwait(L, s->base.host);
  if (lua_isuserdata(L, BODY)) {
    lua_pushboolean(L, false);
    if (!np_out_piece(L, BODY, FIRST, &body)) return 1;
  } else if (!lua_isnoneornil(L, BODY)) {
    body.at = np_checkstring(L, BODY, &body.size);
  }
  if (lua_istable(L, FIELDS) && lua_rawlen(L, FIELDS) == 0)
    nsorted = sort_fields(L, FIELDS, sorted);
  if (nsorted < 0) {
    lua_pushboolean(L, false);
    return 1;
  }
  int status = put_head(L, c, sorted, nsorted);
  if (!is_bodiless(status)) {
    PUT(L, c, "Content-Length: ");
    put_decimal(L, c, body.size);
    PUT(L, c, "\r\n");
  }
  put_connection(L, c);
  PUT(L, c, "\r\n");
  if (is_bodiless(status) || c->is_head) body.size = 0;
  uv_buf_t pieces[2] = {head_piece(c),
                        {.base = (char *)body.at, .len = body.size}};
  c->out = NP_OUT_DONE;
  bool more = !c->last && np_buf_size(&s->in) > 0 && c->body == NP_BODY_NONE &&
              body.size <= MAX_CORKED_BODY &&
              np_buf_size(&c->corked) <= MAX_CORKED;
  int r = more ? cork(c, pieces, 2) : send_pieces(c, s, pieces, 2);
  return np_stream_pushed(L, s, r);
}

/* ---- in parts ----------------------------------------------------------- */

/* begin(status, type | nil, length | nil [, fields]): the head of an answer
 * whose body is written piece by piece. True if the body is to be written,
 * false if there is none; or nil and an error. **waits** */
int np_conn_m_begin(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  lua_Integer length = -1;
  check_idle(L, c);
  np_checkwait(L, s->base.host);
  if (!lua_isnoneornil(L, LENGTH))
    length = np_checkinteger(L, LENGTH, 0, LUA_MAXINTEGER);
  int status = put_head(L, c, NULL, 0);
  np_out_mode mode = NP_OUT_NONE;
  if (!is_bodiless(status)) {
    if (length >= 0) {
      PUT(L, c, "Content-Length: ");
      put_decimal(L, c, (uint64_t)length);
      PUT(L, c, "\r\n");
      mode = NP_OUT_COUNTED;
    } else if (c->http10) {
      c->last = true;
      mode = NP_OUT_CLOSE;
    } else {
      PUT(L, c, "Transfer-Encoding: chunked\r\n");
      mode = NP_OUT_CHUNKED;
    }
  }
  put_connection(L, c);
  PUT(L, c, "\r\n");
  c->out = c->is_head ? NP_OUT_NONE : (uint8_t)mode;
  c->out_left = length > 0 ? (uint64_t)length : 0;
  uv_buf_t piece = head_piece(c);
  int r = send_pieces(c, s, &piece, 1);
  if (r < 0) return np_stream_pushed(L, s, r);
  lua_pushboolean(L, c->out != NP_OUT_NONE);
  return 1;
}

int np_out_write(lua_State *L, np_http_conn *c, np_stream *s, np_span data) {
  char line[24];
  uv_buf_t pieces[3] = {{.base = line, .len = 0},
                        {.base = (char *)data.at, .len = data.size},
                        {.base = (char *)"\r\n", .len = 0}};
  switch ((np_out_mode)c->out) {
    case NP_OUT_IDLE:
    case NP_OUT_DONE:
      return np_raise(L, "INVALID_STATE", "no answer is being written");
    case NP_OUT_COUNTED:
      if (data.size > c->out_left) {
        return np_raise(L, "INVALID_STATE",
                        "more was written than Content-Length says");
      }
      c->out_left -= data.size;
      break;
    case NP_OUT_CHUNKED:
      if (data.size == 0) break;  // it would be the end
      pieces[0].len =
          (size_t)snprintf(line, sizeof(line), "%zx\r\n", data.size);
      pieces[2].len = 2;
      break;
    case NP_OUT_CLOSE: break;
    case NP_OUT_NONE: pieces[1].len = 0; break;
  }
  return send_pieces(c, s, pieces, 3);
}

/* write(data): a piece of the body. true, or nil and an error. **waits** */
int np_conn_m_write(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  np_span data;
  data.at = np_checkstring(L, 2, &data.size);
  np_checkwait(L, s->base.host);
  return np_stream_pushed(L, s, np_out_write(L, c, s, data));
}

/* finish([fields]): the end of the body, with a trailer if it is chunked.
 * true, or nil and an error. **waits** */
int np_conn_m_finish(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  np_checkwait(L, s->base.host);
  int r = 0;
  if (c->out == NP_OUT_CHUNKED) {
    scratch_of(c);
    PUT(L, c, "0\r\n");
    if (lua_istable(L, 2)) put_list(L, c, 2);
    PUT(L, c, "\r\n");
    uv_buf_t piece = head_piece(c);
    r = send_pieces(c, s, &piece, 1);
  } else if (c->out == NP_OUT_COUNTED && c->out_left > 0) {
    np_raise(L, "INVALID_STATE", "less was written than Content-Length says");
  }
  c->out = NP_OUT_DONE;
  return np_stream_pushed(L, s, r);
}

/* continue(): sends 100 Continue if the client waits for it and has not got
 * it. **waits** */
int np_conn_m_interim(lua_State *L) {
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  int r = 0;
  np_checkwait(L, s->base.host);
  if (c->expects && c->out == NP_OUT_IDLE) {
    uv_buf_t piece = {.base = (char *)text, .len = sizeof(text) - 1};
    r = send_pieces(c, s, &piece, 1);
  }
  c->expects = false;
  return np_stream_pushed(L, s, r);
}
