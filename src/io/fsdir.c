/*
 * fsdir.c: scandir. The np_dir is C memory with a hold for its userdata and
 * one for the request that reads from it; entries come in batches, which lie
 * in the np_dir as type letter, name and zero byte, one after the other.
 */
#include "io/fsdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/file.h"
#include "io/fs.h"
#include "io/fsbeneath.h"

enum { BATCH = 16 * 1024, ENTRY_MAX = 2 + 256 };

typedef struct np_dir {
  np_work work; /* first */
  np_wait wait;
  DIR *dir; /* NULL: not open yet, or at its end */
  bool nofollow, opened, ended, closed, running;
  size_t at, size;  /* in batch */
  size_t path_size; /* of path and what is behind it */
  const char *root; /* behind path: the directory it is beneath; or NULL */
  char batch[BATCH];
  char path[];
} np_dir;

/* ---- on a thread ------------------------------------------------------- */

static char letter_of(const struct dirent *e, int fd) {
  switch (e->d_type) {
    case DT_REG: return 'f';
    case DT_DIR: return 'd';
    case DT_LNK: return 'l';
    case DT_FIFO: return 'p';
    case DT_SOCK: return 's';
    case DT_CHR: return 'c';
    case DT_BLK: return 'b';
    default: break;
  }
  struct stat st;  // this file system does not say
  if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) return '?';
  return S_ISREG(st.st_mode)    ? 'f'
         : S_ISDIR(st.st_mode)  ? 'd'
         : S_ISLNK(st.st_mode)  ? 'l'
         : S_ISFIFO(st.st_mode) ? 'p'
         : S_ISSOCK(st.st_mode) ? 's'
         : S_ISCHR(st.st_mode)  ? 'c'
                                : 'b';
}

static int read_batch(np_dir *d) {
  d->at = d->size = 0;
  while (d->size + ENTRY_MAX <= BATCH) {
    errno = 0;
    struct dirent *e = readdir(d->dir);
    if (!e) {
      d->ended = true;
      return errno ? np_fsop_errno() : 0;
    }
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    size_t n = strlen(e->d_name) + 1;
    d->batch[d->size] = letter_of(e, dirfd(d->dir));
    memcpy(d->batch + d->size + 1, e->d_name, n);
    d->size += 1 + n;
  }
  return 0;
}

static int open_beneath(np_dir *d, void **dir) {
  np_fsop_place place;
  int fd = np_fsop_open_beneath(d->root, d->path, &place);
  if (fd < 0) return fd;
  *dir = fdopendir(fd);
  if (*dir) return 0;
  int r = errno == EBADF ? UV_EACCES : np_fsop_errno();  // it was a place only
  close(fd);
  return r;
}

static int on_run(np_work *w) {
  np_dir *d = (np_dir *)w;
  if (!d->opened) {
    void *dir;
    int r = d->root ? open_beneath(d, &dir)
                    : np_fsop_opendir(d->path, d->nofollow, &dir);
    if (r < 0) return r;
    d->dir = dir;
    d->opened = true;
  }
  return read_batch(d);
}

/* ---- life -------------------------------------------------------------- */

static void close_dir(np_dir *d) {
  if (d->dir) closedir(d->dir);
  d->dir = NULL;
}

static bool on_done(np_work *w) {
  np_dir *d = (np_dir *)w;
  d->running = false;
  if (d->closed || d->ended || w->status < 0) close_dir(d);
  np_wake(&d->wait);
  return false;
}

static void on_destroy(np_work *w) {
  np_dir *d = (np_dir *)w;
  close_dir(d);
  np_free(w->base.host, d, sizeof(*d) + d->path_size);
}

static void dir_close(np_dir *d) {
  if (d->closed) return;
  d->closed = true;
  if (!d->running) close_dir(d);
  np_wake(&d->wait);
}

/* ---- the wait ---------------------------------------------------------- */

static const char *type_of(char letter) {
  switch (letter) {
    case 'f': return "file";
    case 'd': return "directory";
    case 'l': return "link";
    case 'p': return "fifo";
    case 's': return "socket";
    case 'c': return "char";
    case 'b': return "block";
    default: return "unknown";
  }
}

static bool dir_cancel(np_wait *w) {
  (void)w;  // the batch stays for the next call
  return true;
}

static void dir_describe(np_wait *w, char *buf, size_t size) {
  np_dir *d = np_container_of(w, np_dir, wait);
  snprintf(buf, size, "scandir \"%s\"", d->path);
}

/* -> name, type; nil at the end */
static int next_finish(lua_State *L, np_wait *w) {
  np_dir *d = np_container_of(w, np_dir, wait);
  if (d->closed) np_raise(L, "CLOSED", "directory was closed during scandir");
  if (d->at < d->size) {
    const char *entry = d->batch + d->at;
    lua_pushstring(L, entry + 1);
    lua_pushstring(L, type_of(*entry));
    d->at += strlen(entry) + 1;
    return 2;
  }
  if (d->work.status < 0) {
    np_fs_fail(L, d->work.status, "scandir", d->path, NULL);
    return lua_error(L);
  }
  lua_pushnil(L);
  return 1;
}

static const np_wait_class next_class = {"scandir", dir_describe, dir_cancel,
                                         next_finish, NULL};

static int dir__call(lua_State *L) {
  np_dir **box = np_checkself(L);
  np_dir *d = *box;
  np_checkwait(L, np_gethost(L));
  if (!d || d->closed) {
    lua_pushnil(L);
    return 1;
  }
  if (np_wait_busy(&d->wait)) {
    np_raise(L, "BUSY", "another task is reading this directory");
  }
  if (!d->running && (d->at < d->size || !d->dir)) {
    return np_settle(L, d->work.base.host, &d->wait, &next_class);
  }
  if (!d->running) {
    d->running = true;
    np_work_submit(&d->work);
  }
  return np_park(L, d->work.base.host, &d->wait, &next_class);
}

static int dir_m_close(lua_State *L) {
  np_dir **box = np_checkself(L);
  if (*box) dir_close(*box);
  return 0;
}

static int dir__gc(lua_State *L) {
  np_dir **box = np_checkself(L);
  np_dir *d = *box;
  *box = NULL;
  if (d) {
    dir_close(d);
    np_release(&d->work.base);
  }
  return 0;
}

static const luaL_Reg methods[] = {{"close", dir_m_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__call", dir__call}, {"__gc", dir__gc}, {NULL, NULL}};
static const np_class dir_class = {"Directory", methods, metamethods};

/* ---- scandir ----------------------------------------------------------- */

/* The first batch is there: the iterator, or nil, err. */
static int open_finish(lua_State *L, np_wait *w) {
  np_dir *d = np_container_of(w, np_dir, wait);
  int status = d->work.status;
  if (status >= 0) return 1;
  dir_close(d);
  return np_fs_fail(L, status, "scandir", d->path, NULL);
}

static bool open_cancel(np_wait *w) {
  np_dir *d = np_container_of(w, np_dir, wait);
  d->closed = true;  // nobody will have it
  np_work_cancel(&d->work);
  return true;
}

static const np_wait_class open_class = {"scandir", dir_describe, open_cancel,
                                         open_finish, NULL};

/* scandir(path, nofollow [, root]) -> iterator of name, type | nil, err. With a
 * root, path is relative to it, and no link leads out of it. */
static int fs_scandir(lua_State *L) {
  np_host *h = np_gethost(L);
  const char *path = np_checkpath(L, 1);
  bool nofollow = lua_toboolean(L, 2);
  const char *root = lua_isnoneornil(L, 3) ? NULL : np_checkpath(L, 3);
  np_checkwait(L, h);
  np_dir **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &dir_class);
  size_t n = strlen(path) + 1, root_size = root ? strlen(root) + 1 : 0;
  np_dir *d = np_alloc(h, sizeof(*d) + n + root_size);
  if (!d) return luaL_error(L, "not enough memory");
  memset(d, 0, offsetof(np_dir, batch));
  memcpy(d->path, path, n);
  if (root) d->root = memcpy(d->path + n, root, root_size);
  d->path_size = n + root_size;
  d->nofollow = nofollow;
  d->work.run = on_run;
  d->work.done = on_done;
  d->work.destroy = on_destroy;
  np_work_init(L, h, &d->work);
  *box = d;
  np_files_flush(np_work_dirty(&d->work));
  d->running = true;
  np_work_submit(&d->work);
  return np_park(L, h, &d->wait, &open_class);
}

/* [.. core] -> [.. core] */
void np_fsdir_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {{"scandir", fs_scandir}, {NULL, NULL}};
  np_class_register(L, h, &dir_class);
  lua_getfield(L, -1, "fs");
  np_setfuncs(L, h, functions);
  lua_pop(L, 1);
}
