/*
 * http1.c: the module neap.proto.http1, the server's end of HTTP/1.1.
 *
 *   group(limits) -> group       what the connections of a server share
 *   group:accept(stream [, rests]) -> conn
 *   group:drain()                no further requests; idle ones are closed
 *   group:draining() -> boolean
 *   conn:read_head() -> method, path, query, head, length, flags
 *                  | nil         the connection is over
 *                  | nil, status, text   what to answer before it ends
 *   conn:rest(fn) -> boolean     below
 *   conn:continue() conn:read_body([max]) conn:body_left()
 *   conn:respond(...) conn:begin(...) conn:write(data) conn:finish([fields])
 *   conn:last()                  this request is the last one
 *   conn:answered() -> boolean   an answer has begun
 *   conn:detach()                the stream as it was; conn is closed
 *   fields(head) -> names, keys, values
 *   field(head, name [, all]) -> its first value, or nil | a list of all
 *   decode(text) -> without percent-encoding; query(text) -> its fields
 *   date([seconds]) -> text, reason(status) -> text
 *
 * A connection is a userdata beside its Stream, which it keeps alive by a user
 * value. A head is read by one wait: the rule looks for its end, and for what
 * is no head, in bytes that have not been looked at.
 *
 * A connection that `rests` gives its Lua stack back while it is idle:
 * read_head then ends as if the connection was over, and rest(), called at the
 * base of the task, waits for the next request or the end. When one of them
 * comes, the task begins anew with fn(conn).
 */
#include "proto/http1.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/opts.h"
#include "core/task.h"
#include "io/bufpool.h"

enum { MAX_LEAD = 4 }; /* bytes of empty lines in front of a request */
#define REST_AFTER 0.1 /* seconds: who asks more often keeps the stack */

/* What read_head says besides: the bits of its last result. */
enum {
  FLAG_HTTP10 = 1,
  FLAG_UPGRADE = 2,
  FLAG_ENCODED = 4,
  FLAG_ABSOLUTE = 8,
  FLAG_EXPECTS = 16,
  FLAG_CONDITIONAL = 32,
};

/* ---- the class ---------------------------------------------------------- */

static const np_class conn_class;

np_http_conn *np_conn_self(lua_State *L) {
  np_http_conn *c = lua_touserdata(L, 1);
  if (!c || lua_rawlen(L, 1) != sizeof(*c) || c->tag != &conn_class)
    c = np_checkself(L);
  if (!c->group) np_raise(L, "CLOSED", "the connection is closed");
  return c;
}

np_stream *np_conn_stream(lua_State *L, np_http_conn *c) {
  if (!c->stream->stream) np_raise(L, "CLOSED", "stream was collected");
  return c->stream->stream;
}

static void leave(np_http_conn *c) {
  if (!c->group) return;
  np_out_flush(c);
  np_out_release(c);
  np_list_remove(&c->link);
  c->group = NULL;
}

static int conn_close(lua_State *L) {
  leave(np_checkself(L));
  return 0;
}

/* detach(): the stream is somebody else's from now on, without our timeout. */
static int conn_detach(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  s->timeout = HUGE_VAL;
  s->paced = false;
  leave(c);
  return 0;
}

static int conn_last(lua_State *L) {
  np_conn_self(L)->last = true;
  return 0;
}

/* stream(): what it stands on, also when it is closed. */
static int conn_stream(lua_State *L) {
  np_checkself(L);
  lua_getiuservalue(L, 1, 1);
  return 1;
}

static int conn_answered(lua_State *L) {
  lua_pushboolean(L, np_conn_self(L)->out != NP_OUT_IDLE);
  return 1;
}

/* ---- the rule of a head ------------------------------------------------- */

static np_http_conn *conn_of(np_stream *s) {
  return (np_http_conn *)(uintptr_t)s->separator;
}

/* Looks at each line once, but at the last one whenever it is asked. Whatever
 * cannot become a head ends it as well: the parser then says what is wrong. */
static ptrdiff_t rule_head(np_stream *s) {
  np_http_conn *c = conn_of(s);
  size_t size = np_buf_size(&s->in);
  if (size == 0) return NP_READ_MORE;
  const char *data = np_buf_data(&s->in);
  const char *lf;
  while ((lf = memchr(data + s->scanned, '\n', size - s->scanned)) != NULL) {
    size_t end = (size_t)(lf - data) + 1, line = c->line;
    bool empty = end == line + 2;
    if (end < line + 2 || lf[-1] != '\r') return (ptrdiff_t)end;
    if (empty && (line != c->lead || end > MAX_LEAD)) return (ptrdiff_t)end;
    if (empty) c->lead = end;
    s->scanned = c->line = end;
  }
  s->scanned = size;
  if (c->lead < size && data[c->lead] != '\r' &&
      !(np_http_chars[(unsigned char)data[c->lead]] & NP_CHAR_TOKEN)) {
    return (ptrdiff_t)size;
  }
  return size > s->want ? (ptrdiff_t)size : NP_READ_MORE;
}

/* A first byte is enough. */
static ptrdiff_t rule_first(np_stream *s) {
  return np_buf_size(&s->in) > 0 ? 0 : NP_READ_MORE;
}

/* ---- what a head gives -------------------------------------------------- */

static void push_span(lua_State *L, np_span text) {
  lua_pushlstring(L, text.at ? text.at : "", text.size);
}

static int push_refusal(lua_State *L, np_http_conn *c, int status,
                        const char *text) {
  c->last = true;
  c->out = NP_OUT_IDLE;
  c->body = NP_BODY_FAILED;
  lua_pushnil(L);
  lua_pushinteger(L, status);
  lua_pushstring(L, text);
  return 3;
}

static void begin_request(np_http_conn *c, np_stream *s, const np_head *head) {
  np_body_begin(c, head);
  c->used = true;
  c->out = NP_OUT_IDLE;
  c->http10 = head->http10;
  c->is_head = strcmp(head->method, "HEAD") == 0;
  if (!head->keep) c->last = true;
  s->timeout = c->group->write_timeout;
}

static int push_head(lua_State *L, np_http_conn *c, const np_head *head,
                     np_span all) {
  int flags =
      (head->http10 ? FLAG_HTTP10 : 0) | (head->upgrades ? FLAG_UPGRADE : 0) |
      (head->encoded ? FLAG_ENCODED : 0) |
      (head->conditional ? FLAG_CONDITIONAL : 0) |
      (head->absolute ? FLAG_ABSOLUTE : 0) | (c->expects ? FLAG_EXPECTS : 0);
  lua_pushstring(L, head->method);
  push_span(L, head->path);
  push_span(L, head->query);
  push_span(L, all);
  lua_pushinteger(L, (lua_Integer)head->length);
  lua_pushinteger(L, flags);
  return 6;
}

/* More bytes than a head may have. */
static int refuse_large(lua_State *L, np_http_conn *c, const char *data) {
  bool in_line = !memchr(data, '\n', c->group->max_header_size);
  return in_line ? push_refusal(L, c, 414, "the request line is too long")
                 : push_refusal(L, c, 431, "the header is too large");
}

static int take_head(lua_State *L, np_stream *s, size_t n) {
  np_http_conn *c = conn_of(s);
  np_http_group *g = c->group;
  np_span all = {np_buf_data(&s->in) + c->lead, n - c->lead};
  np_head head;
  if (all.size > g->max_header_size) {
    return refuse_large(L, c, all.at);
  } else if (np_head_parse(&head, all.at, all.size, g->max_headers)) {
    return push_refusal(L, c, head.status, head.problem);
  }
  begin_request(c, s, &head);
  int results = push_head(L, c, &head, all);
  np_stream_consume(s, n);
  return results;
}

static int end_head(lua_State *L, np_stream *s) {
  np_http_conn *c = conn_of(s);
  if (np_buf_size(&s->in) > c->lead)
    return push_refusal(L, c, 400, "the request ends early");
  lua_pushnil(L);
  return 1;
}

static int take_first(lua_State *L, np_stream *s, size_t n);

/* Seconds that it may be idle. */
static lua_Number patience(const np_http_conn *c) {
  return c->used ? c->group->idle_timeout : c->group->header_timeout;
}

/* A closed stream, a timeout, a reset: nil; 408 where a request has begun. */
static int head_finish(lua_State *L, np_wait *wait) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  np_stream *s = w->stream;
  np_http_conn *c = lua_touserdata(L, 1);
  bool was_idle = c->idle;
  c->idle = false;
  if (w->status == UV_ECANCELED) {
    np_bufpool_release(s->base.host, &s->in);
    lua_pushnil(L);
    return 1;
  }
  if (w->status == UV_ETIMEDOUT && s->op->rule(s) == NP_READ_MORE) {
    c->resting = was_idle && c->naps;
    if (!was_idle && np_buf_size(&s->in) > 0)
      return push_refusal(L, c, 408, "the request takes too long");
    lua_pushnil(L);
    return 1;
  }
  int n = np_stream_read_finish(L, wait);
  if (n == 2) lua_pop(L, 1); /* why the stream failed helps nobody */
  return n == 2 ? 1 : n;
}

static bool head_cancel(np_wait *wait) { return np_stream_cancel(wait); }

static const np_wait_class head_class = {
    .name = "request",
    .describe = np_stream_describe,
    .cancel = head_cancel,
    .finish = head_finish,
};

/* What an idle connection waits for. */
static const char idle_what[] = "next request";

static const np_read_op op_head = {rule_head, take_head, end_head, &head_class,
                                   .bounded = true};
static const np_read_op op_first = {rule_first,        take_first,
                                    end_head,          &head_class,
                                    .what = idle_what, .bounded = true};

static int read_whole(lua_State *L, np_http_conn *c, np_stream *s) {
  s->timeout = c->group->header_timeout;
  c->idle = false;
  c->lead = c->line = 0;
  return np_stream_read(L, s, &op_head, c->group->max_header_size + MAX_LEAD,
                        (const char *)c);
}

static int take_first(lua_State *L, np_stream *s, size_t n) {
  (void)n;
  return read_whole(L, conn_of(s), s);
}

static int rest_finish(lua_State *L, np_wait *wait) {
  (void)wait;
  lua_pushboolean(L, true);
  return 1;
}

static const np_wait_class rest_class = {
    .name = idle_what,
    .describe = np_stream_describe,
    .cancel = head_cancel,
    .finish = rest_finish,
};

static const np_read_op op_rest = {
    .rule = rule_first, .cls = &rest_class, .what = idle_what, .rests = true};

/* rest(fn): see above. Without a wait: true where there is something to read,
 * false where the connection does not rest. **waits** */
static int conn_rest(lua_State *L) {
  np_http_conn *c = np_checkself(L);
  np_checkfunction(L, 2);
  np_stream *s = c->stream->stream;
  bool over = !c->group || !c->resting || !s || s->closing;
  if (over || (c->group->draining && np_buf_size(&s->in) == 0)) {
    lua_pushboolean(L, false);
    return 1;
  }
  np_checkwait(L, c->group->host);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  np_task_rest(L, c->group->host);
  c->idle = true;
  s->timeout = patience(c) - REST_AFTER;
  return np_stream_read(L, s, &op_rest, 1, (const char *)c);
}

/* read_head(): see above. **waits** */
static int conn_read_head(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  np_http_group *g = c->group;
  bool over = c->resting && s->reader.status == UV_ETIMEDOUT &&
              np_buf_size(&s->in) == 0;
  c->resting = false;
  if (c->last || s->closing || (g->draining && c->used) || over) {
    np_checkwait(L, g->host);
    lua_pushnil(L);
    return 1;
  }
  if (np_buf_size(&s->in) > 0) return read_whole(L, c, s);
  if (g->draining) c->last = true;
  np_out_flush(c);
  c->naps = c->rests && patience(c) > REST_AFTER && np_task_canrest(L, g->host);
  s->timeout = c->naps ? REST_AFTER : patience(c);
  c->lead = c->line = 0;
  c->idle = true;
  return np_stream_read(L, s, &op_first, 1, (const char *)c);
}

static const luaL_Reg conn_methods[] = {
    {"read_head", conn_read_head},
    {"rest", conn_rest},
    {"read_body", np_conn_m_read_body},
    {"body_left", np_conn_m_body_left},
    {"respond", np_conn_m_respond},
    {"begin", np_conn_m_begin},
    {"write", np_conn_m_write},
    {"write_file", np_conn_m_write_file},
    {"send_file", np_conn_m_send_file},
    {"finish", np_conn_m_finish},
    {"continue", np_conn_m_interim},
    {"last", conn_last},
    {"answered", conn_answered},
    {"stream", conn_stream},
    {"detach", conn_detach},
    {"close", conn_close},
    {NULL, NULL},
};

/* Left by an error in the middle of an answer: the client must not take what
 * it got for all of it. */
static int conn__close(lua_State *L) {
  np_http_conn *c = np_checkself(L);
  bool begun = c->out != NP_OUT_IDLE && c->out != NP_OUT_DONE;
  if (c->group && c->resting) return 0;
  if (c->group && begun && !lua_isnoneornil(L, 2) && c->stream->stream)
    np_stream_close(c->stream->stream, true);
  leave(c);
  return 0;
}

static const luaL_Reg conn_meta[] = {
    {"__gc", conn_close}, {"__close", conn__close}, {NULL, NULL}};
static const np_class conn_class = {"HttpConnection", conn_methods, conn_meta};

/* ---- groups ------------------------------------------------------------- */

static const np_class group_class;

/* accept(stream [, rests]): a connection of the group. */
static int group_accept(lua_State *L) {
  np_http_group *g = np_checkself(L);
  np_stream_check(L, 2);
  bool rests = lua_toboolean(L, 3);
  np_http_conn *c = lua_newuserdatauv(L, sizeof(*c), 2);
  memset(c, 0, sizeof(*c));
  np_class_set(L, &conn_class);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 2);
  c->tag = &conn_class;
  c->group = g;
  c->stream = lua_touserdata(L, 2);
  c->rests = rests;
  if (c->stream->stream) c->stream->stream->paced = true;
  c->out = NP_OUT_IDLE;
  np_list_init(&c->link);
  np_list_append(&g->conns, &c->link);
  return 1;
}

/* drain(): the connections that wait for a request are closed, the others
 * after the answer that they are at. */
static int group_drain(lua_State *L) {
  np_http_group *g = np_checkself(L);
  g->draining = true;
  np_link *link = g->conns.next;
  while (link != &g->conns) {
    np_http_conn *c = np_container_of(link, np_http_conn, link);
    np_stream *s = c->stream->stream;
    link = link->next;
    if (c->idle && s && np_buf_size(&s->in) == 0) np_stream_close(s, false);
  }
  return 0;
}

static int group_draining(lua_State *L) {
  np_http_group *g = np_checkself(L);
  lua_pushboolean(L, g->draining);
  return 1;
}

static int group__gc(lua_State *L) {
  np_http_group *g = np_checkself(L);
  np_buf_release(&g->scratch, g->host->alloc, g->host->alloc_ud);
  np_link *link;
  while (g->conns.next && (link = np_list_first(&g->conns)) != NULL) {
    leave(np_container_of(link, np_http_conn, link));
  }
  return 0;
}

static const luaL_Reg group_methods[] = {{"accept", group_accept},
                                         {"drain", group_drain},
                                         {"draining", group_draining},
                                         {NULL, NULL}};
static const luaL_Reg group_meta[] = {{"__gc", group__gc}, {NULL, NULL}};
static const np_class group_class = {"HttpGroup", group_methods, group_meta};

typedef struct limits {
  lua_Integer size, headers;
  lua_Number header, body, idle, write;
} limits;

/* group({ max_header_size =, ... }) */
static int new_group(lua_State *L) {
  static const np_opt options[] = {
      {"max_header_size", NP_OPT_INTEGER, offsetof(limits, size), 64, 65536},
      {"max_headers", NP_OPT_INTEGER, offsetof(limits, headers), 1, 10000},
      {"header_timeout", NP_OPT_SECONDS, offsetof(limits, header), 0, 0},
      {"body_timeout", NP_OPT_SECONDS, offsetof(limits, body), 0, 0},
      {"idle_timeout", NP_OPT_SECONDS, offsetof(limits, idle), 0, 0},
      {"write_timeout", NP_OPT_SECONDS, offsetof(limits, write), 0, 0},
      {0},
  };
  limits l = {16384, 100, 15, 30, 60, 60};
  np_opts_read(L, 1, options, &l);
  np_host *h = np_gethost(L);
  np_http_group *g = lua_newuserdatauv(L, sizeof(*g), 0);
  memset(g, 0, sizeof(*g));
  g->host = h;
  g->max_header_size = (size_t)l.size;
  g->max_headers = (int)l.headers;
  g->header_timeout = l.header;
  g->body_timeout = l.body;
  g->idle_timeout = l.idle;
  g->write_timeout = l.write;
  np_list_init(&g->conns);
  np_class_set(L, &group_class);
  return 1;
}

static const luaL_Reg funcs[] = {{"group", new_group},
                                 {"fields", np_http_fields},
                                 {"field", np_http_field},
                                 {"decode", np_http_decode},
                                 {"query", np_http_query},
                                 {"date", np_http_date_of},
                                 {"reason", np_http_reason_of},
                                 {"json_suits", np_http_json_suits},
                                 {"json_restore", np_http_json_restore},
                                 {NULL, NULL}};

int luaopen_neap_proto_http1(lua_State *L);

int luaopen_neap_proto_http1(lua_State *L) {
  np_host *h = np_gethost(L);
  np_class_register(L, h, &group_class);
  np_class_register(L, h, &conn_class);
  lua_createtable(L, 0, 9);
  np_setfuncs(L, h, funcs);
  return 1;
}
