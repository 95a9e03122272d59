/*
 * fsops.c: the steps of file requests that are more than one system call.
 */
#include "io/fsops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "io/work.h"

enum {
  LOOK_MS = 20,         /* how often a wait looks whether it is cancelled */
  TURN_MS = 5,          /* how long it lasts while the thread is wanted */
  WRITE_STEP = 8 << 20, /* bytes between two looks */
  NAME_TRIES = 100,
};

int np_fsop_errno(void) { return uv_translate_sys_error(errno); }

/* ---- open, read, write ------------------------------------------------- */

static bool is_wanted(const atomic_bool *wanted) { return wanted && *wanted; }

int np_fsop_poll(int fd, bool write, const atomic_bool *cancelled,
                 const atomic_bool *wanted) {
  struct pollfd p = {.fd = fd, .events = write ? POLLOUT : POLLIN};
  while (!*cancelled) {
    int n = poll(&p, 1, is_wanted(wanted) ? TURN_MS : LOOK_MS);
    if (n > 0) return 0;
    if (n < 0 && errno != EINTR) return np_fsop_errno();
    if (is_wanted(wanted)) return NP_WORK_LATER;
  }
  return UV_ECANCELED;
}

/* A fifo that is opened to be written has to wait for its reader. */
static int open_patiently(const char *path, int flags, mode_t mode,
                          const atomic_bool *cancelled,
                          const atomic_bool *wanted) {
  while (!*cancelled) {
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, mode);
    if (fd >= 0) return fd;
    if (errno == EINTR) continue;
    struct stat st;
    if (errno != ENXIO || stat(path, &st) < 0 || !S_ISFIFO(st.st_mode)) {
      return errno == EINTR ? UV_EINTR : np_fsop_errno();
    }
    poll(NULL, 0, is_wanted(wanted) ? TURN_MS : LOOK_MS);
    if (is_wanted(wanted)) return NP_WORK_LATER;
  }
  return UV_ECANCELED;
}

/* Makes fd blocking again. */
static int settle_open(int fd, struct stat *st) {
  if (fstat(fd, st) < 0) return np_fsop_errno();
  if (S_ISDIR(st->st_mode)) return UV_EISDIR;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
    return np_fsop_errno();
  }
  return 0;
}

int np_fsop_open(const char *path, int flags, mode_t mode, struct stat *st,
                 const atomic_bool *cancelled, const atomic_bool *wanted) {
  int fd = open_patiently(path, flags, mode, cancelled, wanted);
  if (fd < 0) return fd;
  int r = settle_open(fd, st);
  if (r == 0) return fd;
  close(fd);
  return r;
}

ssize_t np_fsop_read(int fd, char *data, size_t n, int64_t offset) {
  ssize_t got;
  do {
    got = offset < 0 ? read(fd, data, n) : pread(fd, data, n, offset);
  } while (got < 0 && errno == EINTR);
  return got < 0 ? np_fsop_errno() : got;
}

int np_fsop_write(int fd, const char *data, size_t n, int64_t offset,
                  const atomic_bool *cancelled) {
  while (n > 0) {
    if (cancelled && *cancelled) return UV_ECANCELED;
    size_t step = n < WRITE_STEP ? n : WRITE_STEP;
    ssize_t sent =
        offset < 0 ? write(fd, data, step) : pwrite(fd, data, step, offset);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return np_fsop_errno();
    data += sent;
    n -= (size_t)sent;
    if (offset >= 0) offset += sent;
  }
  return 0;
}

int np_fsop_send(int fd, const char *data, size_t n, size_t *sent,
                 const atomic_bool *cancelled, const atomic_bool *wanted) {
  while (*sent < n) {
    int r = np_fsop_poll(fd, true, cancelled, wanted);
    if (r < 0) return r;
    // what can be written, can take this much without waiting
    size_t left = n - *sent;
    ssize_t some = write(fd, data + *sent, left < PIPE_BUF ? left : PIPE_BUF);
    if (some < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (some < 0) return np_fsop_errno();
    *sent += (size_t)some;
  }
  return 0;
}

/* ---- whole files ------------------------------------------------------- */

/* `r` is the result of writing: sets the mode, closes; the first error. */
static int finish_file(int fd, const np_fsop_text *t, bool sync, int r) {
  if (r == 0 && t->mode >= 0 && fchmod(fd, (mode_t)t->mode) < 0) {
    r = np_fsop_errno();
  }
  if (r == 0 && sync && fsync(fd) < 0) r = np_fsop_errno();
  if (close(fd) < 0 && r == 0 && errno != EINTR) r = np_fsop_errno();
  return r;
}

/* Once a fifo has a reader, it goes to the end. */
static int write_in_place(const char *path, const np_fsop_text *t,
                          const atomic_bool *cancelled,
                          const atomic_bool *wanted) {
  int flags = O_WRONLY | O_CREAT | (t->append ? O_APPEND : O_TRUNC);
  mode_t mode = t->mode >= 0 ? (mode_t)t->mode : 0666;
  struct stat st;
  int fd = np_fsop_open(path, flags, mode, &st, cancelled, wanted);
  if (fd < 0) return fd;
  size_t sent = 0;
  int r = S_ISREG(st.st_mode)
              ? np_fsop_write(fd, t->data, t->size, -1, NULL)
              : np_fsop_send(fd, t->data, t->size, &sent, cancelled, NULL);
  return finish_file(fd, t, false, r);
}

int np_fsop_open_beside(const char *path, mode_t mode, char **name) {
  const char *slash = strrchr(path, '/');
  int dir = slash ? (int)(slash - path + 1) : 0;
  size_t size = (size_t)dir + 40;
  *name = malloc(size);
  if (!*name) return UV_ENOMEM;
  for (int i = 0; i < NAME_TRIES; i++) {
    uint64_t random;
    if (uv_random(NULL, NULL, &random, sizeof(random), 0, NULL) < 0) break;
    snprintf(*name, size, "%.*s.neap-%016llx", dir, path,
             (unsigned long long)random);
    int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0) return fd;
    if (errno != EEXIST) break;
  }
  int r = errno ? np_fsop_errno() : UV_EEXIST;
  free(*name);
  return r;
}

/* The directory's own entry reaches the disk; where that cannot be asked for,
 * nothing is lost but the certainty. */
static void sync_directory(const char *path) {
  char *copy = strdup(path);
  if (!copy) return;
  char *slash = strrchr(copy, '/');
  if (slash) slash[slash == copy ? 1 : 0] = '\0';
  int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(copy);
}

/* `path` is no link. */
static int replace(const char *path, const np_fsop_text *text,
                   const atomic_bool *cancelled) {
  np_fsop_text t = *text;
  struct stat st;
  mode_t mode = t.mode >= 0 ? (mode_t)t.mode : 0666;
  if (stat(path, &st) == 0) {
    if (S_ISDIR(st.st_mode)) return UV_EISDIR;
    if (t.mode < 0) t.mode = st.st_mode & 07777;  // as it was
  }
  char *temp;
  int fd = np_fsop_open_beside(path, mode, &temp);
  if (fd < 0) return fd;
  int r = np_fsop_write(fd, t.data, t.size, -1, cancelled);
  r = finish_file(fd, &t, true, r);
  if (r == 0 && *cancelled) r = UV_ECANCELED;
  if (r == 0 && rename(temp, path) < 0) r = np_fsop_errno();
  if (r < 0) {
    unlink(temp);
  } else {
    sync_directory(path);
  }
  free(temp);
  return r;
}

int np_fsop_write_file(const char *path, const np_fsop_text *text,
                       const atomic_bool *cancelled,
                       const atomic_bool *wanted) {
  if (!text->atomic) return write_in_place(path, text, cancelled, wanted);
  struct stat st;
  char *target = NULL;
  if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
    target = realpath(path, NULL);  // the link stays
  }
  int r = replace(target ? target : path, text, cancelled);
  free(target);
  return r;
}

/* ---- directories ------------------------------------------------------- */

static int make_one(const char *path, mode_t mode) {
  if (mkdir(path, mode) == 0) return 0;
  int e = errno;
  struct stat st;
  if (e == ENOENT || stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
    return uv_translate_sys_error(e);
  }
  return 0;
}

int np_fsop_mkdirs(const char *path, mode_t mode) {
  int r = make_one(path, mode);
  if (r != UV_ENOENT) return r;
  char *copy = strdup(path);
  if (!copy) return UV_ENOMEM;
  for (char *p = copy + 1; *p; p++) {
    if (*p != '/' || p[-1] == '/') continue;
    *p = '\0';
    r = make_one(copy, 0777);
    *p = '/';
    if (r < 0) break;
  }
  if (r == 0 || r == UV_ENOENT) r = make_one(path, mode);
  free(copy);
  return r;
}

/* Opens the part of a path that is too long for one call, piece by piece. */
static int open_long(int at, const char *path, int flags) {
  char piece[PATH_MAX];
  int fd = at;
  for (;;) {
    size_t n = strlen(path);
    bool last = n < sizeof(piece);
    if (!last) {
      n = sizeof(piece) - 1;
      while (n > 0 && path[n] != '/') n--;
      if (n == 0) break;
    }
    memcpy(piece, path, n);
    piece[n] = '\0';
    int next =
        openat(fd, piece, last ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = next < 0 ? np_fsop_errno() : next;
    if (fd != at) close(fd);
    if (last || next < 0) return r;
    fd = next;
    path += n;
    while (*path == '/') path++;
  }
  if (fd != at) close(fd);
  return UV_ENAMETOOLONG;
}

int np_fsop_opendir(const char *path, bool nofollow, void **dir) {
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0);
  int fd = open_long(AT_FDCWD, path, flags);
  if (fd < 0) return fd;
  *dir = fdopendir(fd);
  if (*dir) return 0;
  int r = np_fsop_errno();
  close(fd);
  return r;
}

/* ---- removing a tree --------------------------------------------------- */

/* The way down: for each directory that was entered, its parent's identity
 * (to see on the way up that nobody has moved it) and its name there. */
typedef struct level {
  struct level *up;
  dev_t dev;
  ino_t ino;
  char name[];
} level;

typedef struct tree {
  int fd; /* the directory that is being emptied */
  level *top;
} tree;

/* Enters the directory `name` of t->fd. */
static int enter(tree *t, const char *name) {
  struct stat st;
  if (fstat(t->fd, &st) < 0) return np_fsop_errno();
  int fd = openat(t->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return np_fsop_errno();
  size_t size = strlen(name) + 1;
  level *l = malloc(sizeof(*l) + size);
  if (!l) {
    close(fd);
    return UV_ENOMEM;
  }
  *l = (level){.up = t->top, .dev = st.st_dev, .ino = st.st_ino};
  memcpy(l->name, name, size);
  close(t->fd);
  t->fd = fd;
  t->top = l;
  return 0;
}

/* Leaves the directory, which is empty, and removes it from its parent. */
static int leave(tree *t) {
  level *l = t->top;
  struct stat st;
  int fd = openat(t->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return np_fsop_errno();
  close(t->fd);
  t->fd = fd;
  if (fstat(fd, &st) < 0) return np_fsop_errno();
  if (st.st_dev != l->dev || st.st_ino != l->ino) return UV_ENOENT;
  if (unlinkat(fd, l->name, AT_REMOVEDIR) < 0) return np_fsop_errno();
  t->top = l->up;
  free(l);
  return 0;
}

static bool is_dots(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes what is in t->fd up to the first directory, and enters that: 1; 0
 * when it is empty. */
static int empty_one(tree *t, const atomic_bool *cancelled) {
  int copy = openat(t->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = copy < 0 ? NULL : fdopendir(copy);
  if (!dir) {
    int r = np_fsop_errno();
    if (copy >= 0) close(copy);
    return r;
  }
  int r = 0;
  struct dirent *e;
  while (r == 0 && (errno = 0, e = readdir(dir)) != NULL) {
    if (is_dots(e->d_name)) continue;
    if (*cancelled) {
      r = UV_ECANCELED;
    } else if (e->d_type != DT_DIR && unlinkat(t->fd, e->d_name, 0) == 0) {
      continue;
    } else if (e->d_type == DT_DIR || errno == EISDIR || errno == EPERM) {
      r = enter(t, e->d_name);
      if (r == 0) r = 1;
    } else if (errno != ENOENT) {
      r = np_fsop_errno();
    }
  }
  if (r == 0 && errno) r = np_fsop_errno();
  closedir(dir);
  return r;
}

int np_fsop_rmtree(const char *path, const atomic_bool *cancelled) {
  tree t = {.top = NULL};
  t.fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (t.fd < 0) return np_fsop_errno();
  int r;
  do {
    r = empty_one(&t, cancelled);
    if (r == 0 && !t.top) break;
    if (r == 0 && (r = leave(&t)) == 0) r = 1;
  } while (r > 0);
  close(t.fd);
  while (t.top) {
    level *up = t.top->up;
    free(t.top);
    t.top = up;
  }
  if (r == 0 && rmdir(path) < 0) r = np_fsop_errno();
  return r;
}
