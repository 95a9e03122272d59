/*
 * ws.c: WebSocket frames (RFC 6455): neap.proto.ws. wslay takes the frames
 * apart; what it leaves to the caller is here: which frame may follow which,
 * masking, reserved bits, sizes, UTF-8, the payload of a close frame.
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
 * A codec borrows a ws_reader while a frame is under way. It counts what it
 * gave to it and what came out, to see when the reader holds nothing: between
 * two frames it can serve another connection then.
 */
#include "proto/ws.h"

#include <lauxlib.h>
#include <string.h>
#include <uv.h>

#include "base/class.h"
#include "base/err.h"

enum { SELF = 1, BYTES, NEXT_TOP = BYTES };
enum { MAX_CONTROL = 125, MAX_HEADER = 14, MAX_FREE = 16 };

typedef struct codec {
  ws_shared *shared;
  bool client; /* our role */
  bool packed_allowed;
  uint64_t max_message, max_frame;
  const char *in; /* what is not read yet, in user value 1 */
  size_t n;
  ws_reader *reader; /* NULL between two frames */
  uint64_t given, used;
  uint8_t tail[MAX_HEADER]; /* the last bytes that came */

  /* the frame under way */
  bool in_frame;
  bool fin;
  uint8_t opcode;
  uint64_t left; /* of its payload */
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

/* What next gives. The data is valid until wslay is called again. */
typedef struct event {
  const char *kind;
  const char *data;
  size_t n;
} event;

/* ---- readers ----------------------------------------------------------- */

static ssize_t on_recv(uint8_t *buf, size_t n, int flags, void *arg) {
  (void)flags;
  ws_reader *r = arg;
  if (n > r->n) n = r->n;
  memcpy(buf, r->in, n);
  r->in += n;
  r->n -= n;
  return n > 0 ? (ssize_t)n : -1;
}

static void reader_free(ws_shared *shared, ws_reader *r) {
  wslay_frame_context_free(r->frames);
  np_free(shared->host, r, sizeof(*r));
}

static bool borrow(codec *c) {
  ws_shared *shared = c->shared;
  ws_reader *r = shared->free;
  if (r) {
    shared->free = r->next;
    shared->nfree--;
  } else {
    struct wslay_frame_callbacks callbacks = {.recv_callback = on_recv};
    r = np_alloc(shared->host, sizeof(*r));
    if (!r) return false;
    if (wslay_frame_context_init(&r->frames, &callbacks, r) != 0) {
      np_free(shared->host, r, sizeof(*r));
      return false;
    }
  }
  c->reader = r;
  c->given = c->used = 0;
  return true;
}

static bool between_frames(const codec *c) {
  return c->given == c->used && !c->in_frame;
}

/* A reader in the middle of a frame is of no use to others. */
static void give_back(codec *c) {
  ws_reader *r = c->reader;
  if (!r) return;
  c->reader = NULL;
  if (!between_frames(c) || c->over || c->shared->nfree >= MAX_FREE) {
    reader_free(c->shared, r);
    return;
  }
  r->next = c->shared->free;
  c->shared->free = r;
  c->shared->nfree++;
}

/* ---- the rules of frames ----------------------------------------------- */

static bool fail(codec *c, int code, const char *why) {
  c->code = code;
  c->why = why;
  return false;
}

static bool check_bits(codec *c, const struct wslay_frame_iocb *f) {
  bool first = f->opcode == WSLAY_TEXT_FRAME || f->opcode == WSLAY_BINARY_FRAME;
  uint8_t allowed = c->packed_allowed && first ? WSLAY_RSV1_BIT : 0;
  if (f->rsv & ~allowed)
    return fail(c, WS_PROTOCOL_ERROR, "a reserved bit is set");
  if (f->mask && c->client)
    return fail(c, WS_PROTOCOL_ERROR, "a server's frame is masked");
  if (!f->mask && !c->client)
    return fail(c, WS_PROTOCOL_ERROR, "a client's frame is not masked");
  return true;
}

/* A compressed message may be a little longer than what it holds. */
static uint64_t longest(uint64_t max, bool packed) {
  return packed && max < UINT64_MAX / 2 ? max + max / 256 + 64 : max;
}

static bool check_size(codec *c, const struct wslay_frame_iocb *f) {
  uint64_t size = np_buf_size(&c->message) + f->payload_length;
  if (f->payload_length > longest(c->max_frame, c->packed))
    return fail(c, WS_TOO_BIG, "the frame is too long");
  if (size > longest(c->max_message, c->packed))
    return fail(c, WS_TOO_BIG, "the message is too long");
  return true;
}

static bool begin_data(codec *c, const struct wslay_frame_iocb *f) {
  if (f->opcode == WSLAY_CONTINUATION_FRAME) {
    if (!c->message_opcode)
      return fail(c, WS_PROTOCOL_ERROR, "nothing to continue");
  } else if (f->opcode > WSLAY_BINARY_FRAME) {
    return fail(c, WS_PROTOCOL_ERROR, "the opcode is reserved");
  } else if (c->message_opcode) {
    return fail(c, WS_PROTOCOL_ERROR, "the last message has not ended");
  } else {
    c->message_opcode = f->opcode;
    c->packed = f->rsv != 0;
    c->utf8 = (np_utf8){0};
  }
  return check_size(c, f);
}

static size_t header_size(const struct wslay_frame_iocb *f) {
  size_t n = f->payload_length > UINT16_MAX    ? 10
             : f->payload_length > MAX_CONTROL ? 4
                                               : 2;
  return n + (f->mask ? 4 : 0);
}

static bool begin_frame(codec *c, const struct wslay_frame_iocb *f) {
  c->used += header_size(f);
  c->in_frame = true;
  c->left = f->payload_length;
  c->opcode = f->opcode;
  c->fin = f->fin;
  c->ncontrol = 0;
  if (!check_bits(c, f)) return false;
  if (!wslay_is_ctrl_frame(f->opcode)) return begin_data(c, f);
  if (f->opcode > WSLAY_PONG)
    return fail(c, WS_PROTOCOL_ERROR, "the opcode is reserved");
  return true;
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
  if (c->opcode == WSLAY_PONG) e->kind = "pong";
  if (c->opcode != WSLAY_CONNECTION_CLOSE) return true;
  e->kind = "close";
  return check_close(c, e);
}

/* A chunk of a message: checked, and kept unless it is all of it. */
static bool take_data(lua_State *L, codec *c, const struct wslay_frame_iocb *f,
                      event *e) {
  const char *data = (const char *)f->data;
  bool done = c->left == 0 && c->fin;
  bool text = c->message_opcode == WSLAY_TEXT_FRAME;
  if (text && !c->packed) {
    if (!np_utf8_feed(&c->utf8, data, f->data_length) ||
        (done && !np_utf8_complete(&c->utf8)))
      return fail(c, WS_BAD_TEXT, "the text is not UTF-8");
  }
  np_host *h = c->shared->host;
  if (!done || np_buf_size(&c->message) > 0) {
    int r =
        np_buf_append(&c->message, data, f->data_length, h->alloc, h->alloc_ud);
    if (r < 0) luaL_error(L, "not enough memory");
    data = np_buf_data(&c->message);
  }
  if (!done) return true;
  size_t kept = np_buf_size(&c->message);
  c->message_opcode = 0;
  *e = (event){text ? "text" : "binary", data, kept ? kept : f->data_length};
  return true;
}

/* Part of a frame. False on an error; e->kind is set when something is
 * whole. */
static bool take_chunk(lua_State *L, codec *c, const struct wslay_frame_iocb *f,
                       event *e) {
  if (!c->in_frame && !begin_frame(c, f)) return false;
  c->used += f->data_length;
  c->left -= f->data_length;
  c->in_frame = c->left > 0;
  if (!wslay_is_ctrl_frame(c->opcode)) return take_data(L, c, f, e);
  memcpy(c->control + c->ncontrol, f->data, f->data_length);
  c->ncontrol += f->data_length;
  return c->in_frame || end_control(c, e);
}

/* Keeps the end of the input, where a header may be. */
static void keep_tail(codec *c) {
  size_t n = c->n < MAX_HEADER ? c->n : MAX_HEADER;
  memmove(c->tail, c->tail + n, MAX_HEADER - n);
  memcpy(c->tail + MAX_HEADER - n, c->in + c->n - n, n);
}

/* What a header says that all input so far ends with; false if none does. wslay
 * tells of a frame once some of its payload is there; what is wrong with it is
 * to be told before. */
static bool ends_in_header(const codec *c, struct wslay_frame_iocb *f) {
  uint64_t n = c->given - c->used;
  if (c->in_frame || n < 2 || n > MAX_HEADER) return false;
  const uint8_t *p = c->tail + MAX_HEADER - n;
  *f = (struct wslay_frame_iocb){.fin = p[0] >> 7,
                                 .rsv = (p[0] >> 4) & 7,
                                 .opcode = p[0] & 15,
                                 .mask = p[1] >> 7,
                                 .payload_length = p[1] & 127};
  size_t more = f->payload_length < 126 ? 0 : f->payload_length == 126 ? 2 : 8;
  if (n < 2 + more) return false;
  if (more > 0) f->payload_length = 0;
  for (size_t i = 0; i < more; i++)
    f->payload_length = f->payload_length << 8 | p[2 + i];
  return n == header_size(f);
}

/* Reads until something is whole (true), or all is read (e->kind is NULL). */
static bool read_frames(lua_State *L, codec *c, event *e) {
  while (!e->kind) {
    if (!c->reader && c->n == 0) return true;
    if (!c->reader && !borrow(c)) luaL_error(L, "not enough memory");
    ws_reader *r = c->reader;
    r->in = c->in;
    r->n = c->n;
    struct wslay_frame_iocb frame;
    ssize_t got = wslay_frame_recv(r->frames, &frame);
    c->given += c->n - r->n;
    c->in = r->in;
    c->n = r->n;
    if (got == WSLAY_ERR_WANT_READ && c->n == 0)
      return !ends_in_header(c, &frame) || begin_frame(c, &frame);
    if (got == WSLAY_ERR_WANT_READ) continue;
    if (got < 0) return fail(c, WS_PROTOCOL_ERROR, "a malformed header");
    if (!take_chunk(L, c, &frame, e)) return false;
  }
  return true;
}

/* ---- for Lua ----------------------------------------------------------- */

/* [.. ] -> [.. kind payload more extra] */
static int push_event(lua_State *L, codec *c, const event *e) {
  bool more = !c->over && (c->n > 0 || c->given != c->used);
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
    keep_tail(c);
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
  if (between_frames(c) || c->over) give_back(c);
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
  give_back(c);
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
  while (shared->free) {
    ws_reader *r = shared->free;
    shared->free = r->next;
    reader_free(shared, r);
  }
  for (int i = 0; i < 2; i++) {
    if (shared->writers[i]) wslay_frame_context_free(shared->writers[i]);
    shared->writers[i] = NULL;
  }
  shared->nfree = MAX_FREE;  // a codec that is collected later frees its own
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
