/*
 * stream_info.c: what a Stream knows about itself, and its options.
 */
#include "io/stream.h"

#include <math.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"

/* timeout(seconds | nil): how long reads and writes may wait. */
int np_stream_m_timeout(lua_State *L) {
  np_stream *s = np_stream_self(L);
  if (lua_isnoneornil(L, 2)) {
    s->timeout = HUGE_VAL;
    return 0;
  }
  lua_Number seconds = np_checknumber(L, 2);
  s->timeout = seconds > 0 ? seconds : 0;
  return 0;
}

/* [..] -> [.. true] or [.. nil err] */
static int set_option(lua_State *L, np_stream *s, np_wire_option option,
                      int value, const char *what) {
  np_stream_checkopen(L, s);
  int r = s->wire->cls->option(s->wire, option, value);
  if (r < 0) return np_stream_fail(L, s, r, what);
  lua_pushboolean(L, true);
  return 1;
}

int np_stream_m_nodelay(lua_State *L) {
  np_stream *s = np_stream_self(L);
  bool on = lua_isnone(L, 2) || lua_toboolean(L, 2);
  return set_option(L, s, NP_WIRE_NODELAY, on, "nodelay");
}

/* keepalive(seconds | false): after how long without traffic to probe. */
int np_stream_m_keepalive(lua_State *L) {
  np_stream *s = np_stream_self(L);
  int seconds = 0;
  if (!lua_isboolean(L, 2) || lua_toboolean(L, 2)) {
    lua_Number n = np_checknumber(L, 2);
    if (n <= 0 || n > 32767) np_argerror(L, 2, "out of range (1 to 32767)");
    seconds = n < 1 ? 1 : (int)n;
  }
  return set_option(L, s, NP_WIRE_KEEPALIVE, seconds, "keepalive");
}

/* [..] -> [.. table] or [.. nil err] */
static int push_name(lua_State *L, bool peer, const char *what) {
  np_stream *s = np_stream_self(L);
  np_stream_checkopen(L, s);
  struct sockaddr_storage addr;
  int len = sizeof(addr);
  int r = s->wire->cls->name(s->wire, peer, &addr, &len);
  if (r < 0) return np_stream_fail(L, s, r, what);
  np_addr_push(L, (struct sockaddr *)&addr, (socklen_t)len);
  return 1;
}

int np_stream_m_peername(lua_State *L) {
  return push_name(L, true, "peername");
}

int np_stream_m_sockname(lua_State *L) {
  return push_name(L, false, "sockname");
}

int np_stream_m_fileno(lua_State *L) {
  np_stream *s = np_stream_self(L);
  np_stream_checkopen(L, s);
  int fd;
  int r = s->wire->cls->fileno(s->wire, &fd);
  if (r < 0) return np_stream_fail(L, s, r, "fileno");
  lua_pushinteger(L, fd);
  return 1;
}

static void format_name(np_stream *s, bool peer, char *buf, size_t size) {
  struct sockaddr_storage addr;
  int len = sizeof(addr);
  *buf = '\0';
  if (s->wire->cls->name(s->wire, peer, &addr, &len) < 0) return;
  np_addr_format((struct sockaddr *)&addr, (socklen_t)len, buf, size);
}

/* "Stream (tcp 127.0.0.1:5000 to 127.0.0.1:80)", "Stream (closed)" */
int np_stream_m_tostring(lua_State *L) {
  np_stream_box *box = np_checkself(L);
  np_stream *s = box->stream;
  if (!s || s->closing) {
    lua_pushfstring(L, "Stream (%s)", s && s->wire ? "closing" : "closed");
    return 1;
  }
  char own[128], peer[128];
  format_name(s, false, own, sizeof(own));
  format_name(s, true, peer, sizeof(peer));
  lua_pushfstring(L, "Stream (%s", s->wire->kind);
  if (*own)
    lua_pushfstring(L, " %s", own);
  else
    lua_pushliteral(L, "");
  if (*peer)
    lua_pushfstring(L, " to %s", peer);
  else
    lua_pushliteral(L, "");
  lua_pushliteral(L, ")");
  lua_concat(L, 4);
  return 1;
}

/* ---- TLS --------------------------------------------------------------- */

static int return_all(lua_State *L, int status, lua_KContext kept) {
  (void)status;
  return lua_gettop(L) - (int)kept;
}

/* start_tls(opts): in neap.tls, which is loaded here at the latest. */
int np_stream_m_start_tls(lua_State *L) {
  np_stream_checkopen(L, np_stream_self(L));
  lua_settop(L, 2);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  if (lua_getfield(L, -1, "neap.tls") == LUA_TNIL) {
    luaL_error(L, "this neap was built without 'tls' (see neap.features)");
  }
  lua_pushliteral(L, "neap.tls");
  lua_call(L, 1, 1);  // loaded once: its loader is neap's own
  lua_getfield(L, -1, "start");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  int kept = lua_gettop(L) - 3;
  lua_callk(L, 2, LUA_MULTRET, kept, return_all);
  return return_all(L, LUA_OK, kept);
}

/* alpn() and the like of a stream without TLS: nil. The module for TLS puts
 * its own functions in the place of these. */
int np_stream_m_not_secure(lua_State *L) {
  np_stream_checkopen(L, np_stream_self(L));
  lua_pushnil(L);
  return 1;
}
