/*
 * ws_encode.c: frames to send. wslay writes the header and masks what a client
 * sends; its writing context is between two frames after each call, so all
 * servers of a host use the same, and all clients (one that has masked a frame
 * masks all others). It writes into the buffer of the string that is being
 * made, whose size is known before.
 */
#include <assert.h>
#include <lauxlib.h>
#include <string.h>
#include <uv.h>

#include "base/class.h"
#include "base/err.h"
#include "proto/ws.h"

enum { SELF = 1, KIND, PAYLOAD, PACKED };
enum { MAX_HEADER = 14, MAX_CONTROL = 125 };

static ssize_t on_send(const uint8_t *data, size_t n, int flags, void *arg) {
  (void)flags;
  ws_shared *shared = arg;
  assert(n <= shared->room);
  memcpy(shared->out, data, n);
  shared->out += n;
  shared->room -= n;
  return (ssize_t)n;
}

static int on_genmask(uint8_t *key, size_t n, void *arg) {
  ws_shared *shared = arg;
  shared->nrandom -= (unsigned)n;
  memcpy(key, shared->random + shared->nrandom, n);
  return 0;
}

int ws_writers_init(ws_shared *shared) {
  struct wslay_frame_callbacks callbacks = {.send_callback = on_send,
                                            .genmask_callback = on_genmask};
  for (int i = 0; i < 2; i++)
    if (wslay_frame_context_init(&shared->writers[i], &callbacks, shared) != 0)
      return UV_ENOMEM;
  return 0;
}

/* Makes sure that there is a masking key. */
static void refill(lua_State *L, ws_shared *shared) {
  if (shared->nrandom >= 4) return;
  int status =
      uv_random(NULL, NULL, shared->random, sizeof shared->random, 0, NULL);
  if (status < 0) np_raise(L, "ENOSYS", "no random bytes");
  shared->nrandom = sizeof shared->random;
}

static int check_opcode(lua_State *L) {
  static const struct {
    const char *name;
    int opcode;
  } kinds[] = {{"text", WSLAY_TEXT_FRAME},
               {"binary", WSLAY_BINARY_FRAME},
               {"ping", WSLAY_PING},
               {"pong", WSLAY_PONG},
               {"close", WSLAY_CONNECTION_CLOSE}};
  const char *name = np_checkstring(L, KIND, NULL);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(name, kinds[i].name) == 0) return kinds[i].opcode;
  return np_argerror(L, KIND, "invalid kind '%s'", name);
}

int ws_frame(lua_State *L, ws_shared *shared, bool client) {
  int opcode = check_opcode(L);
  size_t n;
  const char *payload = np_checkstring(L, PAYLOAD, &n);
  bool packed = lua_toboolean(L, PACKED);
  if (wslay_is_ctrl_frame(opcode) && n > MAX_CONTROL)
    return np_argerror(L, PAYLOAD, "longer than 125 bytes");
  if (opcode == WSLAY_TEXT_FRAME && !packed && !np_utf8_valid(payload, n)) {
    lua_pushnil(L);
    return 1;
  }
  if (client) refill(L, shared);
  struct wslay_frame_iocb frame = {.fin = 1,
                                   .rsv = packed ? WSLAY_RSV1_BIT : 0,
                                   .opcode = (uint8_t)opcode,
                                   .mask = client,
                                   .payload_length = n,
                                   .data = (const uint8_t *)payload,
                                   .data_length = n};
  luaL_Buffer b;
  char *start = luaL_buffinitsize(L, &b, n + MAX_HEADER);
  shared->out = start;
  shared->room = n + MAX_HEADER;
  ssize_t sent = wslay_frame_send(shared->writers[client], &frame);
  assert(sent == (ssize_t)n);
  (void)sent;
  luaL_pushresultsize(&b, (size_t)(shared->out - start));
  return 1;
}
