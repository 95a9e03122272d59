/*
 * http1_file.c: files as the bodies of answers. Bytes of a file go out in one
 * of two ways: from the kernel's own memory (`send_file`), or from a buffer,
 * into which they were read at once or by a thread (`write_file`). The first
 * way never waits: it ends where the connection takes no more, or where bytes
 * are not in memory. Then a piece goes the other way, which waits for both.
 */
#include <assert.h>

#include "core/task.h"
#include "io/fetch.h"
#include "proto/http1.h"

enum {
  SPAN = 256 * 1024,           /* looked for at once, and then sent. The end of
                                  each is a packet of its own: with 64 KiB all
                                  that is gained is lost on the loopback */
  MAX_SENT = 16 * 1024 * 1024, /* by one call: the caller lets others run */
};

bool np_out_piece(lua_State *L, int arg, int first, np_span *piece) {
  np_fetch *file = np_fetch_check(L, arg);
  lua_Integer at = np_checkinteger(L, first, 0, LUA_MAXINTEGER - NP_FETCH_LOAD);
  piece->size = (size_t)np_checkinteger(L, first + 1, 0, NP_FETCH_PIECE);
  char *data;
  if (np_fetch_piece(file, at, piece->size, &data) < 0) return false;
  piece->at = data;
  return true;
}

enum { FILE_ARG = 2, FIRST, COUNT };

/* write_file(file, offset, n): a piece of the body, bytes of a file that are in
 * memory: true, or nil and an error; false if they are not. **waits** */
int np_conn_m_write_file(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  np_span data;
  np_checkwait(L, s->base.host);
  lua_pushboolean(L, false);
  if (!np_out_piece(L, FILE_ARG, FIRST, &data)) return 1;
  int r = np_out_write(L, c, s, data);
  np_fetch_passed(np_fetch_check(L, FILE_ARG),
                  lua_tointeger(L, FIRST) + (int64_t)data.size);
  return np_stream_pushed_file(L, s, r);
}

/* Sends up to n bytes at an offset; how many. */
static size_t send_incore(np_stream *s, np_fetch *f, int64_t at, size_t n) {
  size_t sent = 0;
  while (sent < n && np_stream_takes_file(s)) {
    size_t span = n - sent < SPAN ? n - sent : SPAN;
    int fd = np_fetch_incore(f, at + (int64_t)sent, span);
    if (fd < 0) break;
    size_t some = np_stream_send_file(s, fd, at + (int64_t)sent, span);
    sent += some;
    if (some < span) break;
  }
  return sent;
}

/* send_file(file, offset, n): the same as far as the kernel has the bytes in
 * its memory and sends them from there, without waiting; how many. 0: that is
 * no way for them, or for this connection, or it takes no more. **waits** (in a
 * cancelled scope) */
int np_conn_m_send_file(lua_State *L) {
  np_http_conn *c = np_conn_self(L);
  np_stream *s = np_conn_stream(L, c);
  np_checkwait(L, s->base.host);
  np_fetch *f = np_fetch_check(L, FILE_ARG);
  lua_Integer at = np_checkinteger(L, FIRST, 0, LUA_MAXINTEGER - NP_FETCH_LOAD);
  lua_Integer n = np_checkinteger(L, COUNT, 0, MAX_SENT);
  size_t sent = 0;
  if (c->out == NP_OUT_COUNTED && (uint64_t)n <= c->out_left) {
    assert(np_buf_size(&c->corked) == 0);  // the head took it along
    sent = send_incore(s, f, at, (size_t)n);
    c->out_left -= sent;
  }
  lua_pushinteger(L, (lua_Integer)sent);
  return 1;
}
