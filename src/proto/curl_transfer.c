/*
 * curl_transfer.c: the class Transfer: one request and its answer, for Lua.
 *
 *   transfer(pool)            -> Transfer
 *   t:start(options, server, plan, seconds, no_cookies)
 *                                begins, or waits for its turn
 *   begin(pool, plan, server, seconds) -> Transfer that has begun, if a handle
 *                                is there that is set for this plan
 *   t:head()                  -> status, whether its body is encoded | fail
 *   t:lines()                 -> reason, version, fields of that head
 *   t:read(most)              -> some bytes | nil at the end | fail
 *   t:settle()                   waits until it has ended, or holds all it may
 *   t:all(most)               -> the rest of the body | fail; over it: LIMIT
 *   t:write(bytes) t:finish()    of a streamed request: true | false once the
 *                                transfer has ended
 *   t:close()                    gives it up, if it runs
 *   t:info()                  -> addresses, times, counts
 *   t:state()                 -> whether its end has come, whether it went well
 *
 * fail is: nil, code, stage, text. A task that is cancelled while it waits for
 * a transfer gives it up at once.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "core/task.h"
#include "core/timer.h"
#include "proto/curl.h"

enum { SELF = 1, ARG, KEY, PLAN, SECONDS, NO_COOKIES };
enum {
  HIGH = 256 * 1024,     /* of the answer's body; more would leave the cache */
  OUT_HIGH = 256 * 1024, /* of the request's */
};

/* ---- the end ------------------------------------------------------------- */

static void note_errno(np_curl *t) {
  long code = 0;
  curl_easy_getinfo(t->easy->curl, CURLINFO_OS_ERRNO, &code);
  if (code > 0) t->os_errno = (int)code;
  curl_easy_getinfo(t->easy->curl, CURLINFO_HTTP_CONNECTCODE, &t->tunnel);
}

/* What libcurl said of a failure, as long as there is memory for it. */
static void note_text(np_curl *t) {
  size_t n = strlen(t->easy->text);
  if (n == 0 || (t->text = np_alloc(t->host, n + 1)) == NULL) return;
  memcpy(t->text, t->easy->text, n + 1);
}

/* A connection that was made and no request: its TLS is not done. */
static void note_stage(np_curl *t) {
  curl_off_t connected = 0;
  if (t->stage != NP_CURL_CONNECT) return;
  curl_easy_getinfo(t->easy->curl, CURLINFO_CONNECT_TIME_T, &connected);
  if (connected > 0) t->stage = NP_CURL_TLS;
}

/* Of a request that has ended nothing is sent any more. The collector does not
 * see how much it holds, so it may be long in coming. */
static void drop_out(np_curl *t) {
  np_buf_release(&t->out, t->host->alloc, t->host->alloc_ud);
  t->sent = 0;
}

void np_curl_finish(np_curl *t, np_curl_reason reason, CURLcode result) {
  if (t->done || !t->started) return;
  t->done = true;
  t->result = result;
  if (!t->reason) t->reason = reason;
  note_stage(t);
  if (result != CURLE_OK) {
    note_errno(t);
    note_text(t);
  }
  np_timer_stop(t->host, &t->timer);
  np_curl_end(t);
  drop_out(t);
  np_curl_wake_reader(t);
  np_curl_wake_writer(t);
}

static bool went_well(const np_curl *t) {
  return t->done && t->reason == NP_CURL_NONE && t->result == CURLE_OK;
}

/* ---- times --------------------------------------------------------------- */

static uint64_t later(uint64_t from, uint64_t ns) {
  return ns == NP_FOREVER ? NP_FOREVER : from + ns;
}

static uint64_t head_end(const np_curl *t) {
  return t->running && !t->head_done ? later(t->begun, t->easy->patience)
                                     : NP_FOREVER;
}

static uint64_t idle_end(const np_curl *t) {
  bool counts = t->running && !t->recv_paused && !t->send_paused;
  return counts ? later(t->active, t->easy->idle) : NP_FOREVER;
}

static np_curl_reason overdue(const np_curl *t, uint64_t now) {
  if (now >= t->deadline) return NP_CURL_LATE;
  if (now >= head_end(t)) return NP_CURL_NO_HEAD;
  if (now >= idle_end(t)) return NP_CURL_IDLE;
  return NP_CURL_NONE;
}

/* When to look again: at the next end, or when there may be a new one. */
static uint64_t next_look(const np_curl *t, uint64_t now) {
  uint64_t ends[] = {t->deadline, head_end(t), idle_end(t),
                     later(now, t->easy->idle),
                     t->running ? NP_FOREVER : later(now, t->easy->patience)};
  uint64_t when = NP_FOREVER;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (ends[i] < when) when = ends[i];
  return when;
}

/* Ends it; what is used once is closed with it. */
static void give_up(np_curl *t, np_curl_reason reason) {
  np_curl_pool *p = t->pool;
  if (!t->started || t->done) return;
  np_curl_finish(t, reason, CURLE_OK);
  np_curl_settle(p);
}

static void on_time(np_timer *timer) {
  np_curl *t = np_container_of(timer, np_curl, timer);
  uint64_t now = np_now(t->host);
  np_curl_reason reason = overdue(t, now);
  if (reason) {
    give_up(t, reason);
    return;
  }
  uint64_t when = next_look(t, now);
  if (when != NP_FOREVER) np_timer_start(t->host, timer, when);
}

/* ---- waiting ------------------------------------------------------------- */

static void hold(np_curl *t, bool *held) {
  *held = true;
  np_forever(t->host);
}

static void let_go(np_curl *t, bool *held) {
  if (!*held) return;
  *held = false;
  np_unforever(t->host);
}

static void describe(np_wait *w, char *buf, size_t size) {
  np_curl *t = np_container_of(w, np_curl, reader);
  snprintf(buf, size, "http %s",
           t->rule == NP_CURL_HEAD ? "answer" : "answer's body");
}

static bool reader_cancel(np_wait *w) {
  np_curl *t = np_container_of(w, np_curl, reader);
  let_go(t, &t->reader_held);
  give_up(t, NP_CURL_CLOSED);
  return true;
}

static bool writer_cancel(np_wait *w) {
  np_curl *t = np_container_of(w, np_curl, writer);
  let_go(t, &t->writer_held);
  return true;
}

static int push_head(lua_State *L, np_curl *t) {
  lua_pushinteger(L, t->status);
  lua_pushboolean(L, t->encoded);
  return 2;
}

/* Gives up to n bytes of the body, and lets more come. */
static int push_body(lua_State *L, np_curl *t, size_t n) {
  np_curl_held_push(L, t, n);
  if (t->recv_paused && np_curl_held(t) < t->high / 2) {
    t->recv_paused = false;
    np_curl_flow(t);
  }
  return 1;
}

static int finish_all(lua_State *L, np_curl *t) {
  size_t size = np_curl_held(t);
  if (size > t->most) {
    lua_pushnil(L);
    lua_pushliteral(L, "LIMIT");
    lua_pushliteral(L, "body");
    lua_pushfstring(L, "the body has more than %I bytes", (LUAI_UACINT)t->most);
    return 4;
  }
  if (!went_well(t)) return np_curl_fail(L, t);
  return push_body(L, t, size);
}

static int finish(lua_State *L, np_wait *w) {
  np_curl *t = np_container_of(w, np_curl, reader);
  if (t->rule == NP_CURL_HEAD)
    return t->head_done ? push_head(L, t) : np_curl_fail(L, t);
  if (t->rule == NP_CURL_END) return 0;
  if (t->rule == NP_CURL_ALL) return finish_all(L, t);
  if (np_curl_held(t) > 0) return push_body(L, t, t->most);
  if (!went_well(t)) return np_curl_fail(L, t);
  lua_pushnil(L);
  return 1;
}

static const np_wait_class read_class = {"http answer", describe, reader_cancel,
                                         finish, NULL};

static int wait_for(lua_State *L, np_curl *t, np_curl_rule rule, size_t most) {
  np_host *h = t->host;
  np_checkwait(L, h);
  if (!t->started)
    return np_raise(L, "INVALID_STATE", "the request has not begun");
  if (np_wait_busy(&t->reader))
    return np_raise(L, "BUSY", "another task waits for this answer");
  t->rule = rule;
  t->most = most;
  if (np_curl_ready(t)) return np_settle(L, h, &t->reader, &read_class);
  hold(t, &t->reader_held);
  return np_park(L, h, &t->reader, &read_class);
}

/* ---- the request's body -------------------------------------------------- */

static int write_finish(lua_State *L, np_wait *w) {
  np_curl *t = np_container_of(w, np_curl, writer);
  lua_pushboolean(L, !t->done);
  return 1;
}

static const np_wait_class write_class = {.name = "http request's body",
                                          .cancel = writer_cancel,
                                          .finish = write_finish};

static int transfer_write(lua_State *L) {
  np_curl *t = np_checkself(L);
  size_t n;
  const char *bytes = np_checkstring(L, ARG, &n);
  np_host *h = t->host;
  np_checkwait(L, h);
  if (np_wait_busy(&t->writer))
    return np_raise(L, "BUSY", "another task writes this body");
  if (t->done) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (np_buf_append(&t->out, bytes, n, h->alloc, h->alloc_ud) < 0)
    return luaL_error(L, "not enough memory");
  if (t->send_paused && n > 0) {
    t->send_paused = false;
    np_curl_flow(t);
  }
  if (t->done || np_buf_size(&t->out) - t->sent < OUT_HIGH)
    return np_settle(L, h, &t->writer, &write_class);
  hold(t, &t->writer_held);
  return np_park(L, h, &t->writer, &write_class);
}

/* finish(): the body is complete */
static int transfer_finish(lua_State *L) {
  np_curl *t = np_checkself(L);
  t->out_ended = true;
  if (t->send_paused) {
    t->send_paused = false;
    np_curl_flow(t);
  }
  return 0;
}

/* ---- methods ------------------------------------------------------------- */

static bool has_times(const np_curl *t) {
  return t->deadline != NP_FOREVER || t->easy->patience != NP_FOREVER ||
         t->easy->idle != NP_FOREVER;
}

/* FNV-1a; two servers of one hash would share a limit, no more. */
static uint64_t hash_of(lua_State *L, int arg) {
  size_t n;
  const char *text = np_checkstring(L, arg, &n);
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < n; i++)
    hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
  return hash;
}

/* Begins with the handle that it has. */
static int start(lua_State *L, np_curl *t, uint64_t key) {
  np_curl_easy_take(t->pool, t);
  int r = np_curl_enter(t->pool, t, key);
  if (r == 0 && !t->done && has_times(t))
    r = np_timer_start(t->host, &t->timer, next_look(t, np_now(t->host)));
  if (r == 0) return 0;
  t->done = true;
  np_curl_end(t);
  return np_timer_refused(L, r);
}

static np_curl_pool *check_open(lua_State *L, np_host *h, np_curl_pool **box) {
  if (!*box || !(*box)->multi) np_raise(L, "CLOSED", "the session is closed");
  np_checkreal(L, h, "an HTTP request");
  return *box;
}

static void set_deadline(lua_State *L, np_curl *t, int arg) {
  if (!lua_isnil(L, arg))
    t->deadline = np_deadline(t->host, np_checknumber(L, arg));
}

/* start(options, server, plan, seconds, no_cookies) */
static int transfer_start(lua_State *L) {
  np_curl *t = np_checkself(L);
  lua_settop(L, NO_COOKIES);
  np_checktable(L, ARG);
  uint64_t key = hash_of(L, KEY);
  if (t->started) return np_raise(L, "INVALID_STATE", "it has begun");
  lua_getiuservalue(L, SELF, 1);
  np_curl_pool *p = check_open(L, t->host, lua_touserdata(L, -1));
  set_deadline(L, t, SECONDS);
  t->easy = np_curl_easy_any(p, lua_toboolean(L, NO_COOKIES));
  if (!t->easy) return luaL_error(L, "not enough memory");
  t->pool = p;
  np_curl_setup(L, t, ARG, (uint64_t)lua_tointeger(L, PLAN));
  return start(L, t, key);
}

/* [..] -> [.. transfer]  The pool is argument 1. */
static np_curl *new_transfer(lua_State *L, np_host *h) {
  np_curl *t = lua_newuserdatauv(L, sizeof *t, 1);
  memset(t, 0, sizeof *t);
  t->host = h;
  np_list_init(&t->link);
  t->high = HIGH;
  t->deadline = NP_FOREVER;
  t->timer.fire = on_time;
  t->timer.weak = 1;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  np_class_set(L, &np_curl_class);
  return t;
}

/* begin(pool, plan, server, seconds) */
int np_curl_begin(lua_State *L) {
  enum { POOL = 1, PLAN_OF, SERVER, TIME, TRANSFER };
  np_host *h = np_gethost(L);
  lua_settop(L, TIME);
  np_curl_pool *p =
      check_open(L, h, np_checkclass(L, POOL, &np_curl_pool_class));
  uint64_t key = hash_of(L, SERVER);
  np_curl *t = new_transfer(L, h);
  set_deadline(L, t, TIME);
  t->easy = np_curl_easy_like(p, (uint64_t)lua_tointeger(L, PLAN_OF));
  if (!t->easy) return 0;
  t->pool = p;
  start(L, t, key);
  lua_settop(L, TRANSFER);
  return 1;
}

/* lines() -> reason, version, fields */
static int transfer_lines(lua_State *L) {
  np_curl *t = np_checkself(L);
  const char *text = np_buf_data(&t->head);
  size_t n = np_buf_size(&t->head);
  const char *end = memchr(text, '\n', n);
  size_t line = end ? (size_t)(end - text) + 1 : n;
  size_t last = line;
  while (last > 0 && (text[last - 1] == '\n' || text[last - 1] == '\r')) last--;
  const char *space = memchr(text, ' ', last);
  size_t at = space ? (size_t)(space - text) + 1 : last;
  size_t reason = at + 4 <= last ? at + 4 : last;
  lua_pushlstring(L, text + reason, last - reason);
  lua_pushlstring(L, text + 5, space ? (size_t)(space - text) - 5 : 0);
  lua_pushlstring(L, text + line, n - line);
  return 3;
}

static int transfer_head(lua_State *L) {
  return wait_for(L, np_checkself(L), NP_CURL_HEAD, 0);
}

static int transfer_read(lua_State *L) {
  np_curl *t = np_checkself(L);
  lua_Integer most = np_checkinteger(L, ARG, 1, LUA_MAXINTEGER);
  return wait_for(L, t, NP_CURL_SOME, (size_t)most);
}

/* Up to so much is buffered: the transfer is not paused meanwhile. */
static int transfer_all(lua_State *L) {
  np_curl *t = np_checkself(L);
  size_t most = (size_t)np_checkinteger(L, ARG, 0, LUA_MAXINTEGER - 1);
  t->high = most + 1;
  if (!np_curl_hold_whole(t)) return luaL_error(L, "not enough memory");
  if (t->recv_paused) {
    t->recv_paused = false;
    np_curl_flow(t);
  }
  return wait_for(L, t, NP_CURL_ALL, most);
}

static int transfer_settle(lua_State *L) {
  return wait_for(L, np_checkself(L), NP_CURL_END, 0);
}

static int transfer_close(lua_State *L) {
  np_curl *t = np_checkself(L);
  give_up(t, NP_CURL_CLOSED);
  np_curl_held_free(t);
  drop_out(t);
  return 0;
}

static int transfer__gc(lua_State *L) {
  np_curl *t = np_checkself(L);
  np_timer_stop(t->host, &t->timer);
  transfer_close(L);
  np_buf_release(&t->head, t->host->alloc, t->host->alloc_ud);
  if (t->text) np_free(t->host, t->text, strlen(t->text) + 1);
  t->text = NULL;
  return 0;
}

/* state() -> done, well, paused */
static int transfer_state(lua_State *L) {
  np_curl *t = np_checkself(L);
  lua_pushboolean(L, t->done);
  lua_pushboolean(L, went_well(t));
  lua_pushboolean(L, t->recv_paused);
  return 3;
}

/* failure() -> nil, code, stage, text of one that failed; nothing otherwise */
static int transfer_failure(lua_State *L) {
  np_curl *t = np_checkself(L);
  return t->done && !went_well(t) ? np_curl_fail(L, t) : 0;
}

/* counts() -> bytes of body that came, that went */
static int transfer_counts(lua_State *L) {
  np_curl *t = np_checkself(L);
  lua_pushinteger(L, (lua_Integer)t->in_bytes);
  lua_pushinteger(L, (lua_Integer)t->out_bytes);
  return 2;
}

static const luaL_Reg methods[] = {{"start", transfer_start},
                                   {"head", transfer_head},
                                   {"read", transfer_read},
                                   {"all", transfer_all},
                                   {"write", transfer_write},
                                   {"finish", transfer_finish},
                                   {"close", transfer_close},
                                   {"state", transfer_state},
                                   {"failure", transfer_failure},
                                   {"counts", transfer_counts},
                                   {"settle", transfer_settle},
                                   {"lines", transfer_lines},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", transfer__gc}, {NULL, NULL}};
const np_class np_curl_class = {"Transfer", methods, metamethods};

int np_curl_new(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checkclass(L, 1, &np_curl_pool_class);
  new_transfer(L, h);
  return 1;
}
