/*
 * fscopy.c: copying a file, on a thread. The kernel does it where it can: by
 * sharing blocks, else by itself. A file that is there is replaced as a whole
 * when the copy is complete; so nobody sees half of one, also if the copy
 * fails, is cancelled or the program is killed.
 */
#include "io/fscopy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "io/fsops.h"

enum { KERNEL_STEP = 16 << 20, STEP = 256 * 1024 };

typedef struct copying {
  int in, out;
  struct stat st; /* of in */
  const atomic_bool *cancelled;
} copying;

/* ---- bytes ------------------------------------------------------------- */

/* Another way may do what this one cannot. */
static bool is_refusal(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS ||
         error == EOPNOTSUPP || error == EPERM || error == EBADF ||
         error == ETXTBSY;
}

/* 1: done; 0: not this way, nothing is copied; or an error. */
static int copy_in_kernel(copying *c) {
  if (!S_ISREG(c->st.st_mode) || c->st.st_size == 0) return 0;
  if (ioctl(c->out, FICLONE, c->in) == 0) return 1;
  for (bool any = false; !*c->cancelled;) {
    ssize_t n = copy_file_range(c->in, NULL, c->out, NULL, KERNEL_STEP, 0);
    if (n == 0) return any;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return !any && is_refusal(errno) ? 0 : np_fsop_errno();
    any = true;
  }
  return UV_ECANCELED;
}

static int copy_by_hand(copying *c) {
  char *buf = malloc(STEP);
  if (!buf) return UV_ENOMEM;
  bool regular = S_ISREG(c->st.st_mode);
  ssize_t n;
  do {
    n = regular ? 0 : np_fsop_poll(c->in, false, c->cancelled, NULL);
    if (n == 0) n = np_fsop_read(c->in, buf, STEP, -1);
    if (n > 0) {
      int r = np_fsop_write(c->out, buf, (size_t)n, -1, c->cancelled);
      if (r < 0) n = r;
    }
    if (n > 0 && *c->cancelled) n = UV_ECANCELED;
  } while (n > 0);
  free(buf);
  return (int)n;
}

/* Fills c->out and closes it; the first error. */
static int fill(copying *c) {
  int r = copy_in_kernel(c);
  if (r == 0) r = copy_by_hand(c);
  struct stat out;
  if (r >= 0 && fstat(c->out, &out) == 0 && S_ISREG(out.st_mode) &&
      fchmod(c->out, c->st.st_mode & 07777) < 0) {
    r = np_fsop_errno();
  }
  if (close(c->out) < 0 && r >= 0 && errno != EINTR) r = np_fsop_errno();
  return r < 0 ? r : 0;
}

/* ---- places ------------------------------------------------------------ */

/* A device, or a file in a directory that may not be written. */
static int copy_in_place(copying *c, const char *to) {
  struct stat st;
  c->out = np_fsop_open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666, &st,
                        c->cancelled, NULL);
  return c->out < 0 ? c->out : fill(c);
}

/* In the place of the regular file `to`. */
static int copy_over(copying *c, const char *to) {
  char *temp;
  c->out = np_fsop_open_beside(to, 0600, &temp);
  if (c->out == UV_EACCES || c->out == UV_EPERM) return copy_in_place(c, to);
  if (c->out < 0) return c->out;
  int r = fill(c);
  if (r == 0 && *c->cancelled) r = UV_ECANCELED;
  if (r == 0 && rename(temp, to) < 0) r = np_fsop_errno();
  if (r < 0) unlink(temp);
  free(temp);
  return r;
}

/* There is something at `to`. */
static int copy_to_old(copying *c, const char *to) {
  struct stat old;
  if (stat(to, &old) < 0) return copy_in_place(c, to);  // a link to nothing
  if (S_ISDIR(old.st_mode)) return UV_EISDIR;
  if (old.st_dev == c->st.st_dev && old.st_ino == c->st.st_ino) return 0;
  if (!S_ISREG(old.st_mode)) return copy_in_place(c, to);
  char *target = realpath(to, NULL);  // a link stays
  if (!target) return np_fsop_errno();
  int r = copy_over(c, target);
  free(target);
  return r;
}

int np_fsop_copy(const char *from, const char *to, bool exclusive,
                 const atomic_bool *cancelled) {
  copying c = {.cancelled = cancelled};
  c.in = np_fsop_open(from, O_RDONLY, 0, &c.st, cancelled, NULL);
  if (c.in < 0) return c.in;
  int r;
  c.out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (c.out >= 0) {
    r = fill(&c);
    if (r < 0) unlink(to);
  } else if (errno == EEXIST && !exclusive) {
    r = copy_to_old(&c, to);
  } else {
    r = np_fsop_errno();
  }
  close(c.in);
  return r;
}
