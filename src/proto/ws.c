/*
 * ws.c: WebSocket frames (RFC 6455) that come: neap.proto.ws. Which frame may
 * follow which, masking, reserved bits, sizes, UTF-8, the payload of a close
 * frame. (Frames to send are made by wslay, in ws_encode.c. It is not used to
 * take them apart: it unmasks byte by byte, in pieces of 4 KiB, which took a
 * third of the time of long messages.)
 *
 *   codec(client, max_message, max_frame, packed) -> Codec
 *   codec:next([bytes]) -> kind, payload, more, extra
 *   codec:frame(kind, payload [, packed]) -> bytes | nil: text, but not UTF-8
 *   codec:close()
 *
 * next takes the bytes that came and gives the first message or control frame;
 * while `more` is true it is to be called again without bytes. kind is "text"
 * or "binary" (the joined message; extra is true if it is compressed, and then
 * its text is unchecked), "ping", "pong", "close" (payload: the reason, extra:
 * the code), "error" (payload: what is wrong, extra: the code to close with)
 * or nil: the bytes are used up. After "close" and "error" nothing comes.
 *
 * A payload is unmasked while it is copied to where the message is joined; a
 * short one that came whole, to a place that all connections share; and one
 * that is not masked is not copied.
 */
#include "proto/ws.h"

#include <lauxlib.h>
#include <string.h>
#include <uv.h>

#include "base/class.h"
#include "base/err.h"

enum { SELF = 1, BYTES, NEXT_TOP = BYTES };
enum { MAX_CONTROL = 125, MAX_HEADER = 14 };

typedef struct codec {
  ws_shared *shared;
  bool client; /* our role */
  bool packed_allowed;
  uint64_t max_message, max_frame;
  const char *in; /* what is not read yet, in user value 1 */
  size_t n;

  /* the frame under way */
  unsigned char header[MAX_HEADER];
  unsigned nheader; /* how many bytes of it have come */
  bool in_frame;    /* the header is whole, its payload is not */
  bool fin;
  uint8_t opcode;
  uint64_t size; /* of its payload */
  uint64_t left; /* how much of it is to come */
  char control[MAX_CONTROL];
  size_t ncontrol;

  /* the message under way */
  uint8_t message_opcode; /* 0: none is */
  bool packed;
  np_utf8 utf8;
  np_buf message;

  bool over;
  int code; /* of an error, or of a close frame */
  const char *why;
} codec;

/* What next gives. The data is valid until the next call. */
typedef struct event {
  const char *kind;
  const char *data;
  size_t n;
} event;

/* ---- the rules of frames ----------------------------------------------- */

static bool fail(codec *c, int code, const char *why) {
  c->code = code;
  c->why = why;
  return false;
}

static bool is_control(int opcode) { return (opcode & 8) != 0; }

static bool is_masked(const codec *c) { return (c->header[1] & 0x80) != 0; }

static bool check_bits(codec *c) {
  int rsv = c->header[0] & 0x70;
  bool first = c->opcode == WS_TEXT || c->opcode == WS_BINARY;
  if (rsv & ~(c->packed_allowed && first ? WS_PACKED_BIT : 0))
    return fail(c, WS_PROTOCOL_ERROR, "a reserved bit is set");
  if (is_masked(c) && c->client)
    return fail(c, WS_PROTOCOL_ERROR, "a server's frame is masked");
  if (!is_masked(c) && !c->client)
    return fail(c, WS_PROTOCOL_ERROR, "a client's frame is not masked");
  return true;
}

/* A compressed message may be a little longer than what it holds. */
static uint64_t longest(uint64_t max, bool packed) {
  return packed && max < UINT64_MAX / 2 ? max + max / 256 + 64 : max;
}

static bool check_size(codec *c) {
  uint64_t size = np_buf_size(&c->message) + c->size;
  if (c->size > longest(c->max_frame, c->packed))
    return fail(c, WS_TOO_BIG, "the frame is too long");
  if (size > longest(c->max_message, c->packed))
    return fail(c, WS_TOO_BIG, "the message is too long");
  return true;
}

static bool begin_data(codec *c) {
  if (c->opcode == WS_CONTINUATION) {
    if (!c->message_opcode)
      return fail(c, WS_PROTOCOL_ERROR, "nothing to continue");
  } else if (c->opcode > WS_BINARY) {
    return fail(c, WS_PROTOCOL_ERROR, "the opcode is reserved");
  } else if (c->message_opcode) {
    return fail(c, WS_PROTOCOL_ERROR, "the last message has not ended");
  } else {
    c->message_opcode = c->opcode;
    c->packed = (c->header[0] & 0x70) != 0;
    c->utf8 = (np_utf8){0};
  }
  return check_size(c);
}

static bool begin_control(codec *c) {
  if (c->opcode > WS_PONG)
    return fail(c, WS_PROTOCOL_ERROR, "the opcode is reserved");
  if (!c->fin)
    return fail(c, WS_PROTOCOL_ERROR, "a control frame comes in parts");
  if (c->size > MAX_CONTROL)
    return fail(c, WS_PROTOCOL_ERROR, "a control frame is too long");
  c->ncontrol = 0;
  return true;
}

/* ---- headers ------------------------------------------------------------ */

/* How many bytes write the length, beside the 7 bits in front of them. */
static unsigned length_size(const codec *c) {
  unsigned short_length = c->header[1] & 0x7f;
  return short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
}

/* How long the header is, as far as can be told. */
static unsigned header_size(const codec *c) {
  if (c->nheader < 2) return 2;
  return 2 + length_size(c) + (is_masked(c) ? 4 : 0);
}

/* The length, in as few bytes as it needs. */
static bool read_length(codec *c) {
  unsigned n = length_size(c);
  uint64_t size = c->header[1] & 0x7f;
  if (n > 0) size = 0;
  for (unsigned i = 0; i < n; i++) size = size << 8 | c->header[2 + i];
  c->size = c->left = size;
  if ((n == 2 && size <= MAX_CONTROL) || (n == 8 && size <= UINT16_MAX) ||
      size > INT64_MAX)
    return fail(c, WS_PROTOCOL_ERROR, "a malformed length");
  return true;
}

/* Takes what there is of a header; whether it is whole, and right. */
static bool read_header(codec *c) {
  while (c->nheader < header_size(c)) {
    if (c->n == 0) return false;
    c->header[c->nheader++] = (unsigned char)*c->in++;
    c->n--;
  }
  c->nheader = 0;
  c->in_frame = true;
  c->fin = (c->header[0] & 0x80) != 0;
  c->opcode = c->header[0] & 0x0f;
  if (!check_bits(c) || !read_length(c)) return false;
  return is_control(c->opcode) ? begin_control(c) : begin_data(c);
}

/* ---- payloads ----------------------------------------------------------- */

/* Copies the next n bytes of the payload, unmasked: 8 at a time. */
static void copy_payload(const codec *c, char *to, size_t n) {
  if (!is_masked(c)) {
    memcpy(to, c->in, n);
    return;
  }
  const unsigned char *mask = c->header + 2 + length_size(c);
  unsigned char key[8];
  size_t offset = (size_t)((c->size - c->left) & 3), i = 0;
  for (size_t k = 0; k < sizeof(key); k++) key[k] = mask[(offset + k) & 3];
  uint64_t word, keys;
  memcpy(&keys, key, sizeof(keys));
  for (; i + sizeof(word) <= n; i += sizeof(word)) {
    memcpy(&word, c->in + i, sizeof(word));
    word ^= keys;
    memcpy(to + i, &word, sizeof(word));
  }
  for (; i < n; i++) to[i] = (char)(c->in[i] ^ key[i & 7]);
}

/* The next n bytes unmasked, where they are used at once; NULL where there is
 * no place for so many. */
static const char *whole_payload(codec *c, size_t n) {
  if (!is_masked(c)) return c->in;
  if (n > sizeof(c->shared->scratch)) return NULL;
  copy_payload(c, c->shared->scratch, n);
  return c->shared->scratch;
}

/* The next n bytes behind what is kept of the message. */
static const char *keep_payload(lua_State *L, codec *c, size_t n) {
  np_host *h = c->shared->host;
  char *at = np_buf_reserve(&c->message, n, h->alloc, h->alloc_ud);
  if (!at) {
    c->over = true;  // c->in may not outlive this call
    c->n = 0;
    luaL_error(L, "not enough memory");
  }
  copy_payload(c, at, n);
  np_buf_commit(&c->message, n);
  return at;
}

/* Which codes may stand in a close frame: RFC 6455, 7.4, and the registry. */
static bool is_code(int code) {
  if (code >= 1000 && code <= 1014) return code < 1004 || code > 1006;
  return code >= 3000 && code <= 4999;
}

static bool check_close(codec *c, event *e) {
  const unsigned char *p = (const unsigned char *)c->control;
  c->code = WS_NO_CODE;
  if (c->ncontrol == 0) return true;
  if (c->ncontrol == 1) return fail(c, WS_PROTOCOL_ERROR, "half a close code");
  c->code = p[0] << 8 | p[1];
  e->data += 2;
  e->n -= 2;
  if (!is_code(c->code))
    return fail(c, WS_PROTOCOL_ERROR, "an invalid close code");
  if (!np_utf8_valid(e->data, e->n))
    return fail(c, WS_BAD_TEXT, "the reason is not UTF-8");
  return true;
}

/* ---- frames to messages ------------------------------------------------ */

static bool end_control(codec *c, event *e) {
  *e = (event){"ping", c->control, c->ncontrol};
  if (c->opcode == WS_PONG) e->kind = "pong";
  if (c->opcode != WS_CLOSE) return true;
  e->kind = "close";
  return check_close(c, e);
}

/* The next n bytes of a message: checked, and kept unless it is all of it. */
static bool take_data(lua_State *L, codec *c, size_t n, event *e) {
  bool done = c->left == n && c->fin, text = c->message_opcode == WS_TEXT;
  const char *data = NULL;
  if (done && np_buf_size(&c->message) == 0) data = whole_payload(c, n);
  bool kept = !data;
  if (n > 0 && kept) data = keep_payload(L, c, n);
  if (text && !c->packed) {
    if ((n > 0 && !np_utf8_feed(&c->utf8, data, n)) ||
        (done && !np_utf8_complete(&c->utf8)))
      return fail(c, WS_BAD_TEXT, "the text is not UTF-8");
  }
  if (!done) return true;
  c->message_opcode = 0;
  *e = (event){text ? "text" : "binary", data, n};
  if (!kept) return true;
  e->data = np_buf_data(&c->message);
  e->n = np_buf_size(&c->message);
  return true;
}

/* Part of a frame. False on an error; e->kind is set when something is whole. */
static bool take_payload(lua_State *L, codec *c, event *e) {
  size_t n = c->left < c->n ? (size_t)c->left : c->n;
  bool control = is_control(c->opcode), ok = true;
  if (control) {
    copy_payload(c, c->control + c->ncontrol, n);
    c->ncontrol += n;
  } else {
    ok = take_data(L, c, n, e);
  }
  c->in += n;
  c->n -= n;
  c->left -= n;
  c->in_frame = c->left > 0;
  return control && !c->in_frame ? end_control(c, e) : ok;
}

/* Reads until something is whole (true), or all is read (e->kind is NULL). */
static bool read_frames(lua_State *L, codec *c, event *e) {
  while (!e->kind) {
    if (!c->in_frame && !read_header(c)) return c->why == NULL;
    if (c->left > 0 && c->n == 0) return true;
    if (!take_payload(L, c, e)) return false;
  }
  return true;
}

/* ---- for Lua ----------------------------------------------------------- */

/* [.. ] -> [.. kind payload more extra] */
static int push_event(lua_State *L, codec *c, const event *e) {
  bool more = !c->over && c->n > 0;
  lua_pushstring(L, e->kind);
  lua_pushlstring(L, e->data, e->n);
  lua_pushboolean(L, more);
  if (c->over) {
    lua_pushinteger(L, c->code);
  } else {
    lua_pushboolean(L, c->packed);
  }
  return 4;
}

static void release_message(codec *c) {
  np_host *h = c->shared->host;
  np_buf_release(&c->message, h->alloc, h->alloc_ud);
}

/* Keeps the string that c->in points into while it is not used up. */
static void anchor(lua_State *L, codec *c, bool had_input) {
  bool has_input = c->n > 0;
  if (has_input == had_input) return;
  if (has_input) {
    lua_pushvalue(L, BYTES);
  } else {
    lua_pushnil(L);
  }
  lua_setiuservalue(L, SELF, 1);
}

static int codec_next(lua_State *L) {
  codec *c = np_checkself(L);
  lua_settop(L, NEXT_TOP);
  bool had_input = c->n > 0;
  if (c->over) return 0;
  if (!lua_isnil(L, BYTES)) {
    const char *in = np_checkstring(L, BYTES, NULL);
    if (had_input) return np_raise(L, "INVALID_STATE", "there is more to read");
    c->in = in;
    c->n = lua_rawlen(L, BYTES);
  }
  event e = {0};
  if (!read_frames(L, c, &e)) {
    c->over = true;
    c->n = 0;
    e = (event){"error", c->why, strlen(c->why)};
  } else if (e.kind && strcmp(e.kind, "close") == 0) {
    c->over = true;
    c->n = 0;
  }
  anchor(L, c, had_input);
  int results = e.kind ? push_event(L, c, &e) : 0;
  if (results > 0 && !c->message_opcode) release_message(c);
  return results;
}

static int codec_frame(lua_State *L) {
  codec *c = np_checkself(L);
  return ws_frame(L, c->shared, c->client);
}

static int codec_close(lua_State *L) {
  codec *c = np_checkself(L);
  c->over = true;
  c->n = 0;
  release_message(c);
  return 0;
}

static const luaL_Reg methods[] = {{"next", codec_next},
                                   {"frame", codec_frame},
                                   {"close", codec_close},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", codec_close}, {NULL, NULL}};
static const np_class codec_class = {"Codec", methods, metamethods};

/* codec(client, max_message, max_frame, packed) */
static int ws_codec(lua_State *L) {
  enum { CLIENT = 1, MAX_MESSAGE, MAX_FRAME, PACKED };
  bool client = lua_toboolean(L, CLIENT);
  bool packed = lua_toboolean(L, PACKED);
  lua_Integer message = np_checkinteger(L, MAX_MESSAGE, 0, LUA_MAXINTEGER);
  lua_Integer frame = np_checkinteger(L, MAX_FRAME, 0, LUA_MAXINTEGER);
  codec *c = lua_newuserdatauv(L, sizeof(*c), 1);
  memset(c, 0, sizeof(*c));
  c->shared = ws_get_shared(L);
  c->client = client;
  c->packed_allowed = packed;
  c->max_message = (uint64_t)message;
  c->max_frame = (uint64_t)frame;
  np_class_set(L, &codec_class);
  return 1;
}

/* is_utf8(text) -> boolean */
static int ws_is_utf8(lua_State *L) {
  size_t n;
  const char *s = np_checkstring(L, 1, &n);
  lua_pushboolean(L, np_utf8_valid(s, n));
  return 1;
}

/* ---- opening ----------------------------------------------------------- */

static const char shared_key = 0;

ws_shared *ws_get_shared(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &shared_key);
  ws_shared *shared = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return shared;
}

static int shared__gc(lua_State *L) {
  ws_shared *shared = np_checkself(L);
  for (int i = 0; i < 2; i++) {
    if (shared->writers[i]) wslay_frame_context_free(shared->writers[i]);
    shared->writers[i] = NULL;
  }
  return 0;
}

static const luaL_Reg shared_meta[] = {{"__gc", shared__gc}, {NULL, NULL}};
static const np_class shared_class = {"WebSockets", NULL, shared_meta};

static void make_shared(lua_State *L, np_host *h) {
  if (ws_get_shared(L)) return;
  ws_shared *shared = lua_newuserdatauv(L, sizeof(*shared), 0);
  memset(shared, 0, sizeof(*shared));
  shared->host = h;
  np_class_set(L, &shared_class);
  if (ws_writers_init(shared) < 0) luaL_error(L, "not enough memory");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &shared_key);
}

int luaopen_neap_proto_ws(lua_State *L);
int luaopen_neap_proto_ws(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"codec", ws_codec},     {"is_utf8", ws_is_utf8},
      {"new_key", ws_new_key}, {"accept_key", ws_accept_key},
      {"base64", ws_base64},   {NULL, NULL}};
  np_host *h = lua_touserdata(L, NP_UPHOST);
  np_class_register(L, h, &shared_class);
  np_class_register(L, h, &codec_class);
  make_shared(L, h);
  lua_newtable(L);
  np_setfuncs(L, h, functions);
  return 1;
}
