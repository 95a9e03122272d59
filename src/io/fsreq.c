/*
 * fsreq.c: the life of requests about paths, their wait, their errors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/file.h"
#include "io/fs.h"

/* ---- life -------------------------------------------------------------- */

static void drop_results(np_fsreq *r) {
  if (r->fd >= 0) close(r->fd);
  r->fd = -1;
  free(r->text);
  r->text = NULL;
  if (r->data) np_free(r->work.base.host, r->data, r->capacity);
  r->data = NULL;
}

static void on_destroy(np_work *w) {
  np_fsreq *r = (np_fsreq *)w;
  drop_results(r);
  if (r->object) np_release(r->object);
  np_free(w->base.host, r, r->block);
}

static int on_run(np_work *w) {
  np_fsreq *r = (np_fsreq *)w;
  return r->op->run(r);
}

static bool on_done(np_work *w) {
  np_fsreq *r = (np_fsreq *)w;
  if (!np_waiter(&r->wait)) {
    drop_results(r);  // nobody waits for it any more
    return false;
  }
  if (w->status >= 0 && r->op->again && r->op->again(r)) return true;
  np_wake(&r->wait);
  return false;
}

static int request__gc(lua_State *L) {
  np_fsreq **box = np_checkself(L);
  if (*box) np_release(&(*box)->work.base);
  *box = NULL;
  return 0;
}

static const luaL_Reg metamethods[] = {{"__gc", request__gc}, {NULL, NULL}};
static const np_class request_class = {"Request", NULL, metamethods};

static const char *copy(char **to, const char *text) {
  if (!text) return NULL;
  size_t n = strlen(text) + 1;
  char *at = memcpy(*to, text, n);
  *to += n;
  return at;
}

static void copy_data(lua_State *L, np_fsreq *r, const char *data, size_t n) {
  if (!data || n == 0) return;
  r->data = np_alloc(r->work.base.host, n);
  if (!r->data) luaL_error(L, "not enough memory");
  memcpy(r->data, data, n);
  r->size = r->capacity = n;
}

np_fsreq *np_fsreq_new(lua_State *L, const np_fsop *op, const char *path,
                       const char *path2, const char *data, size_t size) {
  np_host *h = np_gethost(L);
  np_checkwait(L, h);
  np_fsreq **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &request_class);
  size_t block = sizeof(np_fsreq) + strlen(path) + 1;
  if (path2) block += strlen(path2) + 1;
  np_fsreq *r = np_alloc(h, block);
  if (!r) luaL_error(L, "not enough memory");
  memset(r, 0, sizeof(*r));
  char *tail = (char *)(r + 1);
  r->work.run = on_run;
  r->work.done = on_done;
  r->work.destroy = on_destroy;
  r->op = op;
  r->fd = -1;
  r->block = block;
  r->path = copy(&tail, path);
  r->path2 = copy(&tail, path2);
  np_work_init(L, h, &r->work);
  *box = r;
  copy_data(L, r, data, size);
  return r;
}

/* ---- the wait ---------------------------------------------------------- */

static int fs_finish(lua_State *L, np_wait *w) {
  np_fsreq *r = np_container_of(w, np_fsreq, wait);
  np_fsreq **box = lua_touserdata(L, -1);
  int n = 1;
  if (r->work.status < 0) {
    n = np_fs_fail(L, r->work.status, r->op->name, r->path, r->path2);
  } else if (r->op->push) {
    n = r->op->push(L, r);
  } else {
    lua_pushboolean(L, true);
  }
  *box = NULL;
  np_release(&r->work.base);  // now, not when it is collected
  return n;
}

static bool fs_cancel(np_wait *w) {
  np_fsreq *r = np_container_of(w, np_fsreq, wait);
  if (np_work_cancel(&r->work)) drop_results(r);  // opened in a turn before
  return true;
}

static void fs_describe(np_wait *w, char *buf, size_t size) {
  np_fsreq *r = np_container_of(w, np_fsreq, wait);
  snprintf(buf, size, "%s \"%s\"", r->op->name, r->path);
}

static const np_wait_class fs_class = {"fs", fs_describe, fs_cancel, fs_finish,
                                       NULL};

int np_fsreq_start(lua_State *L, np_fsreq *r) {
  np_host *h = r->work.base.host;
  np_files_flush(np_work_dirty(&r->work));
  int known = r->op->known ? r->op->known(r) : UV_EAGAIN;
  if (known != UV_EAGAIN) {
    r->work.status = known;
    return np_settle(L, h, &r->wait, &fs_class);
  }
  np_work_submit(&r->work);
  return np_park(L, h, &r->wait, &fs_class);
}

/* ---- arguments and results --------------------------------------------- */

const char *np_checkpath(lua_State *L, int arg) {
  size_t n;
  const char *path = np_checkstring(L, arg, &n);
  if (strlen(path) != n) np_argerror(L, arg, "path contains a zero byte");
  return path;
}

int np_fs_fail(lua_State *L, int uv, const char *op, const char *path,
               const char *path2) {
  if (path2) {
    np_fail_uv(L, uv, "%s \"%s\" to \"%s\"", op, path, path2);
  } else {
    np_fail_uv(L, uv, "%s \"%s\"", op, path);
  }
  lua_pushstring(L, op);
  lua_setfield(L, -2, "op");
  lua_pushstring(L, path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, path2);
  lua_setfield(L, -2, "to");
  return 2;
}

static const char *type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "link";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    default: return "unknown";
  }
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_time(lua_State *L, const char *name, struct timespec t) {
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec / 1e9);
  lua_setfield(L, -2, name);
}

void np_fs_pushstat(lua_State *L, const struct stat *st) {
  lua_createtable(L, 0, 12);
  lua_pushstring(L, type_name(st->st_mode));
  lua_setfield(L, -2, "type");
  set_integer(L, "size", st->st_size);
  set_integer(L, "mode", st->st_mode & 07777);
  set_integer(L, "uid", st->st_uid);
  set_integer(L, "gid", st->st_gid);
  set_integer(L, "ino", (lua_Integer)st->st_ino);
  set_integer(L, "nlink", (lua_Integer)st->st_nlink);
  set_integer(L, "dev", (lua_Integer)st->st_dev);
  set_time(L, "mtime", st->st_mtim);
  set_time(L, "atime", st->st_atim);
  set_time(L, "ctime", st->st_ctim);
}

void np_fsreq_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &request_class);
}
