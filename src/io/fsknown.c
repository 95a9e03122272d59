/*
 * fsknown.c: requests about paths that the kernel answers from its memory, on
 * the loop: a thread takes ten times as long. It is asked with RESOLVE_CACHED,
 * which finds a path without a disk or not at all, and for file systems of this
 * machine alone, whose open and stat wait for nothing once that is found. The
 * file is held as a path first, since opening a device may do something.
 */
#include "io/fsknown.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "io/fsbeneath.h"
#include "io/incore.h"

/* The path held, and its stat; UV_EAGAIN; or UV_ENOENT. */
static int hold(np_fsreq *r, int flags) {
  int fd = np_fsop_hold_known(r->path, flags);
  if (fd < 0) return fd;
  if (np_fsop_place_of(fd).local && fstat(fd, &r->st) == 0) return fd;
  close(fd);
  return UV_EAGAIN;
}

static int look(np_fsreq *r, int flags) {
  int fd = hold(r, flags);
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

int np_fsknown_stat(np_fsreq *r) { return look(r, 0); }

int np_fsknown_lstat(np_fsreq *r) { return look(r, O_NOFOLLOW); }

int np_fsknown_exists(np_fsreq *r) {
  int e = look(r, 0);
  r->flag = e == 0;
  return e == UV_ENOENT ? 0 : e;
}

static int reopen(int fd) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* All of the file, if that is `size` bytes. */
static int read_all(np_fsreq *r, int fd, size_t size) {
  char more;
  if (np_incore_read(fd, r->data, size, 0) != (ssize_t)size) return UV_EAGAIN;
  if (np_incore_read(fd, &more, 1, (int64_t)size) != 0) return UV_EAGAIN;
  r->size = size;
  return 0;
}

/* Files without a size, such as those of /proc, are left to a thread. */
int np_fsknown_read(np_fsreq *r) {
  int held = hold(r, 0), fd = -1, status = UV_EAGAIN;
  if (held < 0) return held;
  size_t size = (size_t)r->st.st_size;
  bool suits = S_ISREG(r->st.st_mode) && size > 0 && size <= r->capacity;
  if (suits) fd = reopen(held);
  if (fd >= 0) {
    status = read_all(r, fd, size);
    close(fd);
  }
  close(held);
  return status;
}
