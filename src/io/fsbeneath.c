/*
 * fsbeneath.c: opening what lies beneath a directory. The kernel does both
 * steps, finding and opening, as one where it has openat2, so nothing can be
 * exchanged between them. It refuses links with an absolute target, though,
 * also to what lies beneath; such a path, and every one where there is no
 * openat2, is resolved first and then opened part by part without following
 * any link: what was exchanged meanwhile is not found.
 */
#include "io/fsbeneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uv.h>

#include "io/fsops.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* since Linux 5.12 */
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

enum {
  READ = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
  PLACE = O_PATH | O_DIRECTORY | O_CLOEXEC,
  TRIES = 3, /* while names change, the kernel may want to be asked again */
};

static int openat2(int dir, const char *path, int flags, uint64_t resolve) {
  struct open_how how = {.flags = (uint64_t)flags, .resolve = resolve};
  return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static const char *or_dot(const char *path) { return *path ? path : "."; }

np_fsop_place np_fsop_place_of(int fd) {
  np_fsop_place place = {false, false};
  struct statfs st;
  if (fstatfs(fd, &st) < 0) return place;
  uint32_t type = (uint32_t)st.f_type;
  place.in_memory = type == TMPFS_MAGIC;
  place.local = place.in_memory || type == EXT4_SUPER_MAGIC ||
                type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC ||
                type == F2FS_SUPER_MAGIC;
  return place;
}

/* ---- part by part ------------------------------------------------------- */

/* Opens `path`, which has no links, in `dir`. A directory that may be entered
 * but not read is opened as a place. */
static int open_plain(int dir, const char *path, int flags) {
  int fd = openat(dir, path, flags | O_NOFOLLOW);
  if (fd < 0 && errno == EACCES) fd = openat(dir, path, PLACE | O_NOFOLLOW);
  return fd;
}

/* Opens `rest`, a real path, part by part below `dir`. */
static int walk(int dir, char *rest) {
  int at = dir;
  char *slash;
  while ((slash = strchr(rest, '/')) != NULL) {
    *slash = '\0';
    int next = openat(at, rest, PLACE | O_NOFOLLOW);
    int e = errno;
    if (at != dir) close(at);
    errno = e;
    if (next < 0) return -1;
    at = next;
    rest = slash + 1;
  }
  int fd = open_plain(at, or_dot(rest), READ);
  int e = errno;
  if (at != dir) close(at);
  errno = e;
  return fd;
}

/* The part of the path `real` that lies beneath the path `base`, or NULL. */
static char *beneath(const char *base, char *real) {
  size_t n = strcmp(base, "/") == 0 ? 0 : strlen(base);
  if (strncmp(base, real, n) != 0 || (real[n] != '/' && real[n] != '\0')) {
    return NULL;
  }
  return real[n] == '/' ? real + n + 1 : real + n;
}

static char *join(const char *root, const char *path) {
  size_t size = strlen(root) + strlen(path) + 2;
  char *full = malloc(size);
  if (full) snprintf(full, size, "%s/%s", root, path);
  return full;
}

static int open_resolved(int dir, const char *root, const char *path) {
  char *full = join(root, path);
  char *base = full ? realpath(root, NULL) : NULL;
  char *real = base ? realpath(full, NULL) : NULL;
  int fd = np_fsop_errno();
  if (real) {
    char *rest = beneath(base, real);
    fd = rest ? walk(dir, rest) : UV_EXDEV;
    if (rest && fd < 0) fd = errno == ELOOP ? UV_ENOENT : np_fsop_errno();
  }
  free(real);
  free(base);
  free(full);
  return fd;
}

/* ---- at once ------------------------------------------------------------ */

static int open_within(int dir, const char *path) {
  const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int i = 0; i < TRIES; i++) {
    fd = openat2(dir, or_dot(path), READ, resolve);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  if (fd < 0 && errno == EACCES) {
    fd = openat2(dir, or_dot(path), PLACE, resolve);
  }
  return fd;
}

int np_fsop_open_beneath(const char *root, const char *path,
                         np_fsop_place *place) {
  if (!root) {
    int any = open(path, READ);
    return any < 0 ? np_fsop_errno() : any;
  }
  int dir = open(root, PLACE);
  if (dir < 0) return np_fsop_errno();
  *place = np_fsop_place_of(dir);
  int fd = open_within(dir, path);
  if (fd < 0) {
    bool other =
        errno == EXDEV || errno == ENOSYS || errno == EPERM || errno == EAGAIN;
    fd = other ? open_resolved(dir, root, path) : np_fsop_errno();
  }
  close(dir);
  return fd;
}

int np_fsop_open_known(const char *root, const char *path) {
  int dir = openat2(AT_FDCWD, root, PLACE, RESOLVE_CACHED);
  if (dir < 0) return UV_EAGAIN;
  int fd = openat2(dir, or_dot(path), READ,
                   RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV |
                       RESOLVE_CACHED);
  int r = fd >= 0 ? fd : errno == ENOENT ? UV_ENOENT : UV_EAGAIN;
  close(dir);
  return r;
}

int np_fsop_hold_known(const char *path, int flags) {
  int fd = openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC | flags, RESOLVE_CACHED);
  return fd >= 0 ? fd : errno == ENOENT ? UV_ENOENT : UV_EAGAIN;
}
