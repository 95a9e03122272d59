/*
 * sockfile.c: the file of a listening Unix socket.
 *
 * A socket file outlives the process that made it, and bind refuses a path
 * that exists. So the path is tried: where nobody accepts, the file is stale,
 * and is removed if it is still the one that was tried. What is not a socket
 * is never touched. A file is known by its device and inode: at close, only
 * our own one is removed.
 */
#include "io/sockfile.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct np_sockfile {
  dev_t device;
  ino_t inode;
  size_t size;  // of the whole struct
  char path[];  // absolute where it could be found out
};

static int last_error(void) { return uv_translate_sys_error(errno); }

int np_sockfile_address(const char *path, size_t n, struct sockaddr_un *out,
                        socklen_t *len) {
  memset(out, 0, sizeof(*out));
  out->sun_family = AF_UNIX;
#ifdef __linux__
  bool abstract = n > 0 && path[0] == '@';
#else
  bool abstract = false;
#endif
  if (n == 0 || (abstract && n == 1)) return UV_EINVAL;
  // a path ends with a zero byte, an abstract name begins with one
  if (n + !abstract > sizeof(out->sun_path)) return UV_ENAMETOOLONG;
  memcpy(out->sun_path, path, n);
  if (abstract) out->sun_path[0] = '\0';
  *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !abstract);
  return 0;
}

/* 0 if somebody accepts at the address, or else why not. */
static int try_address(const struct sockaddr_un *addr, socklen_t len) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return last_error();
  int r =
      connect(fd, (const struct sockaddr *)addr, len) < 0 ? last_error() : 0;
  close(fd);
  return r;
}

/* Removes the file of a socket nobody listens on: 0, or an error if it is not
 * one or cannot be removed. */
static int remove_stale(const struct sockaddr_un *addr, socklen_t len) {
  struct stat before, now;
  if (lstat(addr->sun_path, &before) < 0) {
    return errno == ENOENT ? 0 : last_error();
  }
  if (!S_ISSOCK(before.st_mode)) return UV_EADDRINUSE;
  if (try_address(addr, len) != UV_ECONNREFUSED) return UV_EADDRINUSE;
  if (lstat(addr->sun_path, &now) < 0) {
    return errno == ENOENT ? 0 : last_error();
  }
  if (now.st_ino != before.st_ino || now.st_dev != before.st_dev) {
    return UV_EADDRINUSE;  // somebody was quicker
  }
  return unlink(addr->sun_path) < 0 && errno != ENOENT ? last_error() : 0;
}

/* What is known of the file that was just made. */
static int describe(np_host *h, const char *path, np_sockfile **out) {
  struct stat st;
  if (lstat(path, &st) < 0) return last_error();
  char base[PATH_MAX];
  if (path[0] == '/' || !getcwd(base, sizeof(base))) base[0] = '\0';
  size_t m = strlen(base), n = strlen(path);
  size_t size = sizeof(np_sockfile) + m + 1 + n + 1;
  np_sockfile *f = np_alloc(h, size);
  if (!f) return UV_ENOMEM;
  f->device = st.st_dev;
  f->inode = st.st_ino;
  f->size = size;
  memcpy(f->path, base, m);
  if (m > 0) f->path[m++] = '/';
  memcpy(f->path + m, path, n + 1);
  *out = f;
  return 0;
}

int np_sockfile_bind(np_host *h, int fd, const char *path, size_t n,
                     np_sockfile **out) {
  struct sockaddr_un addr;
  socklen_t len;
  *out = NULL;
  int r = np_sockfile_address(path, n, &addr, &len);
  if (r < 0) return r;
  bool is_file = addr.sun_path[0] != '\0';
  r = bind(fd, (struct sockaddr *)&addr, len) < 0 ? last_error() : 0;
  if (r == UV_EADDRINUSE && is_file) {
    r = remove_stale(&addr, len);
    if (r < 0) return r;
    r = bind(fd, (struct sockaddr *)&addr, len) < 0 ? last_error() : 0;
  }
  if (r < 0 || !is_file) return r;
  r = describe(h, addr.sun_path, out);
  if (r < 0) unlink(addr.sun_path);
  return r;
}

void np_sockfile_remove(np_host *h, np_sockfile *f) {
  struct stat st;
  if (!f) return;
  if (lstat(f->path, &st) == 0 && st.st_ino == f->inode &&
      st.st_dev == f->device) {
    unlink(f->path);
  }
  np_free(h, f, f->size);
}
