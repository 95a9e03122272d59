/*
 * pipe.c: connecting to a Unix socket, and listening on one. The system
 * answers a connect at once; EAGAIN is its answer when the backlog of the
 * listener is full, and the caller tries again later.
 */
#include "io/pipe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/listener.h"
#include "io/sockfile.h"
#include "io/stream.h"
#include "io/uvwire.h"

/* [..] -> [.. nil err]; the path is at stack index `path`. */
static int failed(lua_State *L, int uv, const char *op, int path) {
  np_fail_uv(L, uv, "unix %s %s", op, lua_tostring(L, path));
  lua_pushstring(L, op);
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, path);
  lua_setfield(L, -2, "path");
  return 2;
}

static int open_socket(int *out) {
  *out = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return *out < 0 ? uv_translate_sys_error(errno) : 0;
}

/* The path, which a zero byte would cut short. */
static const char *check_path(lua_State *L, int arg, size_t *n) {
  const char *path = np_checkstring(L, arg, n);
  if (strlen(path) != *n) np_argerror(L, arg, "path contains a zero byte");
  return path;
}

/* ---- connecting -------------------------------------------------------- */

enum { PATH = 1, LIMIT, STREAM }; /* stack slots */

static int connect_finish(lua_State *L, np_wait *w) {
  (void)w;
  lua_settop(L, STREAM);
  return 1;
}

static bool connect_cancel(np_wait *w) {
  (void)w;
  return false;  // it is connected
}

static const np_wait_class connect_class = {
    .name = "unix connect",
    .cancel = connect_cancel,
    .finish = connect_finish,
};

/* A connected wire in *out; 0 or an error. */
static int connect_wire(np_host *h, const char *path, size_t n, np_wire **out) {
  struct sockaddr_un addr;
  socklen_t len;
  int fd = -1;
  int r = np_sockfile_address(path, n, &addr, &len);
  if (r == 0) r = open_socket(&fd);
  if (r < 0) return r;
  do {
    r = connect(fd, (struct sockaddr *)&addr, len);
  } while (r < 0 && errno == EINTR);
  r = r < 0 ? uv_translate_sys_error(errno)
            : np_uvwire_socket(h, fd, AF_UNIX, out);
  if (r < 0) close(fd);
  return r;
}

/* unix_connect(path, limit | nil) -> Stream | nil, err */
static int core_unix_connect(lua_State *L) {
  np_host *h = np_gethost(L);
  size_t n;
  lua_settop(L, LIMIT);
  const char *path = check_path(L, PATH, &n);
  np_checkwait(L, h);
  np_checkreal(L, h, "a real socket");
  np_stream *s = np_stream_new(L, h);
  s->limit = (size_t)luaL_optinteger(L, LIMIT, NP_STREAM_LIMIT);
  np_wire *wire;
  int r = connect_wire(h, path, n, &wire);
  if (r < 0) return failed(L, r, "connect", PATH);
  np_stream_attach(s, wire);
  return np_settle(L, h, &s->reader.wait, &connect_class);
}

/* ---- listening --------------------------------------------------------- */

enum { L_LISTENER = 1, L_PATH, L_BACKLOG };

/* listener_unix(listener, path, backlog) -> true | nil, err */
static int core_listener_unix(lua_State *L) {
  np_host *h = np_gethost(L);
  np_listener *l = np_listener_check(L, L_LISTENER);
  size_t n;
  const char *path = check_path(L, L_PATH, &n);
  int backlog = (int)np_checkinteger(L, L_BACKLOG, 0, 65535);
  np_checkreal(L, h, "a real socket");
  np_sockfile *file = NULL;
  int fd = -1;
  int r = open_socket(&fd);
  if (r == 0) r = np_sockfile_bind(h, fd, path, n, &file);
  if (r == 0 && listen(fd, backlog) < 0) r = uv_translate_sys_error(errno);
  if (r == 0) r = np_listener_add(l, fd, file);
  if (r < 0) {
    np_sockfile_remove(h, file);
    if (fd >= 0) close(fd);
    return failed(L, r, "listen", L_PATH);
  }
  lua_pushboolean(L, true);
  return 1;
}

void np_pipe_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"unix_connect", core_unix_connect},
      {"listener_unix", core_listener_unix},
      {NULL, NULL},
  };
  np_setfuncs(L, h, functions);
}
