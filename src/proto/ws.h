/*
 * ws.h: what the files of neap.proto.ws share.
 */
#ifndef NP_WS_H
#define NP_WS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "core/host.h"
#include "proto/ws_utf8.h"

enum {
  WS_OK = 1000,
  WS_PROTOCOL_ERROR = 1002,
  WS_NO_CODE = 1005,
  WS_BAD_TEXT = 1007,
  WS_TOO_BIG = 1009,
};

/* A frame context of wslay and what it is to read. It is needed only while a
 * frame is under way, and has 4 KB: one that is done goes to the next. */
typedef struct ws_reader {
  wslay_frame_context_ptr frames;
  const char *in; /* the bytes it has not taken yet */
  size_t n;
  struct ws_reader *next; /* in the list of those that are free */
} ws_reader;

/* What all connections of a host share; a userdata in its registry. */
typedef struct ws_shared {
  np_host *host;
  ws_reader *free;
  unsigned nfree;
  wslay_frame_context_ptr writers[2]; /* of servers, and of clients */
  char *out;                          /* where they write to */
  size_t room;                        /* how much may still be written there */
  unsigned char random[256];          /* masking keys to come */
  unsigned nrandom;                   /* how many bytes of them are left */
} ws_shared;

/* The shared part of the running state. */
ws_shared *ws_get_shared(lua_State *L);

/* ws_encode.c: codec:frame(kind, payload [, packed]) -> bytes | nil */
int ws_frame(lua_State *L, ws_shared *shared, bool client);
int ws_writers_init(ws_shared *shared); /* 0 or a UV_ code */

/* ws_key.c: the handshake's key and the answer to it, base64 */
int ws_new_key(lua_State *L);
int ws_accept_key(lua_State *L);
int ws_base64(lua_State *L);

#endif
