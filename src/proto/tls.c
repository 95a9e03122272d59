/*
 * tls.c: the module behind lua/neap/tls.lua: the class TlsContext, putting TLS
 * over a Stream, and the waits for its handshake and for a client's hello.
 *
 * The handshake goes on in the callbacks of the wire, whether or not a task
 * waits for it. A wait is one of the stream's waiters, woken by on_ready, by a
 * failed write or by close; it looks at the state and may park again.
 */
#include "proto/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>

#include "base/err.h"
#include "core/task.h"
#include "io/bufpool.h"

int luaopen_neap_proto_tls(lua_State *L);

/* ---- contexts ---------------------------------------------------------- */

typedef struct context_box {
  np_tls_context *context; /* NULL only while it is made */
} context_box;

static int context__gc(lua_State *L) {
  context_box *box = np_checkself(L);
  if (box->context) np_tls_context_release(box->context);
  box->context = NULL;
  return 0;
}

static int context__tostring(lua_State *L) {
  lua_pushfstring(L, "TlsContext (%p)", np_checkself(L));
  return 1;
}

static const luaL_Reg context_methods[] = {{NULL, NULL}};

static const luaL_Reg context_metamethods[] = {
    {"__gc", context__gc},
    {"__tostring", context__tostring},
    {NULL, NULL},
};

static const np_class context_class = {"TlsContext", context_methods,
                                       context_metamethods};

static context_box *check_context(lua_State *L, int arg) {
  context_box *box = np_checkclass(L, arg, &context_class);
  if (!box->context) np_raise(L, "CLOSED", "context was collected");
  return box;
}

/* context(opts) -> TlsContext | nil, err */
static int proto_context(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checktable(L, 1);
  lua_settop(L, 1);
  context_box *box = lua_newuserdatauv(L, sizeof(*box), 0);
  box->context = NULL;
  np_class_set(L, &context_class);
  box->context = np_tls_context_new(h);
  if (!box->context) return luaL_error(L, "not enough memory");
  int n = np_tls_context_set(L, 1, box->context);
  if (n > 0) return n;
  lua_settop(L, 2);
  return 1;
}

/* exchange(a, b): the two change what they stand for. */
static int proto_exchange(lua_State *L) {
  context_box *a = check_context(L, 1), *b = check_context(L, 2);
  np_tls_context *c = a->context;
  a->context = b->context;
  b->context = c;
  return 0;
}

static int proto_is_context(lua_State *L) {
  lua_pushboolean(L, np_testclass(L, 1, &context_class) != NULL);
  return 1;
}

/* ---- over a stream ----------------------------------------------------- */

enum { STREAM = 1, CONTEXT, CLIENT, PEER, SESSION }; /* stack slots */

/* A client that was told to go ahead may have sent its hello already: a record
 * of a handshake is nothing that could be taken for plain bytes. */
static bool is_hello(const np_buf *in) {
  enum { HANDSHAKE = 22, MAJOR = 3 };
  const char *data = np_buf_data(in);
  size_t n = np_buf_size(in);
  return data[0] == HANDSHAKE && (n == 1 || data[1] == MAJOR);
}

/* Why TLS cannot begin now: 0, or [..] -> [.. nil err]  2. */
static int refuse(lua_State *L, np_stream *s, bool client) {
  if (np_wait_busy(&s->reader.wait)) {
    np_raise(L, "BUSY", "another task is reading this stream");
  }
  if (np_tls_of(s)) np_raise(L, "INVALID_STATE", "the stream has TLS already");
  if (s->shut) return np_stream_fail(L, s, UV_EPIPE, "start_tls");
  if (np_stream_unsent(s) > 0) {
    np_raise(L, "INVALID_STATE", "the stream has unsent bytes");
  }
  if (np_buf_size(&s->in) > 0 && (client || !is_hello(&s->in))) {
    return np_fail(L, "TLS",
                   "plain bytes came before the handshake: %I of them are "
                   "unread, which may be an attack",
                   (LUAI_UACINT)np_buf_size(&s->in));
  }
  if (s->end) {
    return np_stream_fail(L, s, s->end == UV_EOF ? UV_ECONNRESET : s->end,
                          "start_tls");
  }
  return 0;
}

/* The strings of the arguments; false when memory is out. */
static bool copy_names(lua_State *L, np_host *h, np_tls *t) {
  const char *peer = lua_tostring(L, PEER), *key = lua_tostring(L, SESSION);
  if (peer) t->peer = np_tls_copy(h, peer);
  if (key) t->session_key = np_tls_copy(h, key);
  return (!peer || t->peer) && (!key || t->session_key);
}

/* layer(stream, context, client, peer | nil, session | nil) -> true | nil, err
 * From now on the stream has TLS; the handshake begins. */
static int proto_layer(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, SESSION);
  np_stream *s = np_stream_check(L, STREAM);
  np_tls_context *c = check_context(L, CONTEXT)->context;
  np_stream_checkopen(L, s);
  bool client = lua_toboolean(L, CLIENT);
  int n = refuse(L, s, client);
  if (n > 0) return n;
  np_tls *t;
  if (s->reading) s->wire->cls->stop(s->wire);
  s->reading = false;
  if (np_tls_open(h, c, client, s->wire, &t) < 0) {
    return luaL_error(L, "not enough memory");
  }
  bool named = copy_names(L, h, t);
  np_stream_layer(s, &t->wire);
  np_buf early = s->in;
  s->in = (np_buf){0};
  np_tls_begin(t, &early);
  np_bufpool_release(h, &early);
  if (!named) {
    np_stream_close(s, true);
    return luaL_error(L, "not enough memory");
  }
  lua_pushboolean(L, true);
  return 1;
}

/* ---- waits ------------------------------------------------------------- */

static int handshake_finish(lua_State *L, np_wait *wait);
static int hello_finish(lua_State *L, np_wait *wait);

static const np_wait_class handshake_class = {
    .name = "tls handshake",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = handshake_finish,
};

static const np_wait_class hello_class = {
    .name = "tls hello",
    .describe = np_stream_describe,
    .cancel = np_stream_cancel,
    .finish = hello_finish,
};

static int handshake_finish(lua_State *L, np_wait *wait) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  np_stream *s = w->stream;
  np_tls *t = np_tls_of(s);
  if (t && t->state == NP_TLS_FAILED) {
    return np_stream_fail(L, s, t->status, "handshake");
  }
  if (w->status) return np_stream_unfinished(L, w);
  if (!t) return np_raise(L, "CLOSED", "stream is closed");
  if (t->state != NP_TLS_DONE) return np_stream_park(L, w, &handshake_class);
  lua_pushboolean(L, true);
  return 1;
}

static int hello_finish(lua_State *L, np_wait *wait) {
  np_swait *w = np_container_of(wait, np_swait, wait);
  np_tls *t = np_tls_of(w->stream);
  if (!t || w->status || w->stream->closing) return 0;
  if (t->state == NP_TLS_SHAKING) return np_stream_park(L, w, &hello_class);
  if (t->state != NP_TLS_ASKING) return 0;
  lua_pushstring(L, t->hello_name);
  return 1;
}

static int wait_for(lua_State *L, const np_wait_class *cls) {
  np_host *h = np_gethost(L);
  np_stream *s = np_stream_check(L, 1);
  np_checkwait(L, h);
  np_stream_checkopen(L, s);
  np_tls *t = np_tls_of(s);
  if (!t) return np_raise(L, "INVALID_STATE", "the stream has no TLS");
  np_swait *w = np_stream_waiter(L, s, "handshake", 0);
  if (t->state == NP_TLS_SHAKING ||
      (t->state == NP_TLS_ASKING && cls == &handshake_class)) {
    return np_stream_park(L, w, cls);
  }
  return np_settle(L, h, &w->wait, cls);
}

/* handshake(stream) -> true | nil, err: waits until it is done. */
static int proto_handshake(lua_State *L) {
  return wait_for(L, &handshake_class);
}

/* hello(stream) -> name | nil: waits until a client says which name it wants,
 * "" for none; nil if it will not. Then answer(stream [, context]) must follow,
 * or answer(stream, false), which ends the handshake. */
static int proto_hello(lua_State *L) { return wait_for(L, &hello_class); }

static int proto_answer(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  np_tls_context *c = NULL;
  np_tls *t = np_tls_of(s);
  if (lua_isboolean(L, 2)) {
    if (t) np_tls_refuse(t);
    return 0;
  }
  if (!lua_isnoneornil(L, 2)) c = check_context(L, 2)->context;
  if (t) np_tls_answer(t, c);
  return 0;
}

/* ---- what Lua needs besides -------------------------------------------- */

enum { MAX_FILE = 1024 * 1024 };

static int fail_file(lua_State *L, const char *path, int uv) {
  np_fail_uv(L, uv, "%s", path);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "path");
  return 2;
}

/* read_file(path) -> text | nil, err. Blocks: certificates are small. */
static int proto_read_file(lua_State *L) {
  const char *path = np_checkstring(L, 1, NULL);
  char *text = lua_newuserdatauv(L, MAX_FILE, 0);  // before it is opened
  FILE *file = fopen(path, "rbe");
  if (!file) return fail_file(L, path, uv_translate_sys_error(errno));
  errno = 0;
  size_t n = fread(text, 1, MAX_FILE, file);
  int e = ferror(file) ? errno : n == MAX_FILE ? EFBIG : 0;
  fclose(file);
  if (e) return fail_file(L, path, uv_translate_sys_error(e));
  lua_pushlstring(L, text, n);
  return 1;
}

/* digest(text) -> 32 bytes, by SHA-256 */
static int proto_digest(lua_State *L) {
  size_t n;
  const char *text = np_checkstring(L, 1, &n);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text, n, out, &size, EVP_sha256(), NULL) != 1) {
    ERR_clear_error();
    return luaL_error(L, "not enough memory");
  }
  lua_pushlstring(L, (char *)out, size);
  return 1;
}

static const luaL_Reg functions[] = {
    {"context", proto_context},     {"exchange", proto_exchange},
    {"layer", proto_layer},         {"is_context", proto_is_context},
    {"handshake", proto_handshake}, {"hello", proto_hello},
    {"answer", proto_answer},       {"read_file", proto_read_file},
    {"digest", proto_digest},       {NULL, NULL},
};

/* Puts the methods of TLS into Stream. */
static void set_stream_methods(lua_State *L, np_host *h) {
  np_class_push(L, &np_stream_class);
  lua_getfield(L, -1, "__index");
  for (const luaL_Reg *f = np_tls_info; f->func; f++) {
    lua_pushlightuserdata(L, h);
    lua_pushvalue(L, -3);  // the class
    lua_pushstring(L, f->name);
    lua_pushcclosure(L, f->func, 3);
    lua_setfield(L, -2, f->name);
  }
  lua_pop(L, 2);
}

int luaopen_neap_proto_tls(lua_State *L) {
  np_host *h = lua_touserdata(L, lua_upvalueindex(1));
  np_class_register(L, h, &context_class);
  set_stream_methods(L, h);
  lua_newtable(L);
  np_setfuncs(L, h, functions);
  np_class_push(L, &context_class);
  lua_getfield(L, -1, "__index");
  lua_setfield(L, -3, "context_methods");
  lua_pop(L, 1);
  return 1;
}
