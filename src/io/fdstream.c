/*
 * fdstream.c: Streams made of descriptors that exist already.
 */
#include "io/fdstream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "io/stream.h"
#include "io/uvwire.h"

/* stream_fd(fd) -> Stream | nil, err. The Stream owns the descriptor from
 * then on. */
static int core_stream_fd(lua_State *L) {
  np_host *h = np_gethost(L);
  int fd = (int)np_checkinteger(L, 1, 0, INT32_MAX);
  np_stream *s = np_stream_new(L, h);
  np_wire *wire;
  int r = fcntl(fd, F_GETFD) < 0 ? uv_translate_sys_error(errno)
                                 : np_uvwire_open(h, fd, &wire);
  if (r < 0) return np_fail_uv(L, r, "stream of descriptor %d", fd);
  np_stream_attach(s, wire);
  return 1;
}

/* [.. Stream] attaches fd to it, or closes fd; 0 or an error */
static int attach_socket(np_stream *s, int fd) {
  np_wire *wire;
  int r = np_uvwire_socket(s->base.host, fd, AF_UNIX, &wire);
  if (r < 0) {
    close(fd);
  } else {
    np_stream_attach(s, wire);
  }
  return r;
}

/* pair() -> two connected Streams | nil, err */
static int core_pair(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checkreal(L, h, "a real socket");
  np_stream *a = np_stream_new(L, h);
  np_stream *b = np_stream_new(L, h);
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) <
      0) {
    return np_fail_uv(L, uv_translate_sys_error(errno), "pair");
  }
  int r = attach_socket(a, fds[0]);
  int r2 = attach_socket(b, fds[1]);
  if (r == 0) r = r2;
  if (r < 0) {
    np_stream_close(a, false);
    np_stream_close(b, false);
    return np_fail_uv(L, r, "pair");
  }
  return 2;
}

/* stream_limit(s, n): how long a line may be. */
static int core_stream_limit(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  s->limit = (size_t)np_checkinteger(L, 2, 1, LUA_MAXINTEGER);
  return 0;
}

/* stream_host(s, name): remembers the name it was connected to.
 * stream_host(s) -> name | nil */
static int core_stream_host(lua_State *L) {
  np_stream *s = np_stream_check(L, 1);
  if (lua_isnoneornil(L, 2)) {
    lua_pushstring(L, s->host);
    return 1;
  }
  const char *name = np_checkstring(L, 2, NULL);
  size_t size = strlen(name) + 1;
  char *copy = np_alloc(s->base.host, size);
  if (!copy) return luaL_error(L, "not enough memory");
  if (s->host) np_free(s->base.host, s->host, strlen(s->host) + 1);
  s->host = memcpy(copy, name, size);
  return 0;
}

/* is_stream(x) -> boolean */
static int core_is_stream(lua_State *L) {
  lua_pushboolean(L, np_testclass(L, 1, &np_stream_class) != NULL);
  return 1;
}

/* Writes at most `max` of the process's descriptors to `out` (but not the one
 * that it uses itself); their number, or -1 where the system has no list. */
static int list_descriptors(int *out, int max) {
  DIR *dir = opendir("/dev/fd");  // a link to /proc/self/fd on Linux
  if (!dir) return -1;
  int n = 0;
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(dir)) continue;
    if (n < max) out[n] = fd;
    n++;
  }
  closedir(dir);
  return n;
}

/* [..] -> [.. text]  What a descriptor is: a path, "socket:[123]", or "". */
static void push_target(lua_State *L, int fd) {
  char path[64], target[256];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, target, sizeof(target));
  lua_pushlstring(L, target, n > 0 ? (size_t)n : 0);
}

/* descriptors() -> { [fd] = what it is } of this process, or nil */
static int core_descriptors(lua_State *L) {
  int n = list_descriptors(NULL, 0);
  if (n < 0) return 0;
  int *fds = lua_newuserdatauv(L, (size_t)n * sizeof(*fds), 0);
  int now = list_descriptors(fds, n);
  lua_newtable(L);
  for (int i = 0; i < n && i < now; i++) {
    push_target(L, fds[i]);
    lua_rawseti(L, -2, fds[i]);
  }
  return 1;
}

void np_fdstream_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"stream_fd", core_stream_fd},
      {"pair", core_pair},
      {"stream_limit", core_stream_limit},
      {"is_stream", core_is_stream},
      {"stream_host", core_stream_host},
      {"descriptors", core_descriptors},
      {NULL, NULL},
  };
  np_setfuncs(L, h, functions);
}
