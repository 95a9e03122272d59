/*
 * fetch.c: reading files to send them. A np_fetch is C memory with a hold for
 * its userdata and one for the request that runs on a thread, of which there
 * is one at a time. It owns the descriptor and what a thread has read.
 *
 * It is opened by the function fetch of neap.core's file functions. Only one
 * task uses it, so a second one that reads at the same time is refused.
 */
#include "io/fetch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "core/task.h"
#include "io/fs.h"
#include "io/fsbeneath.h"
#include "io/incore.h"

struct np_fetch {
  np_work work; /* first: the request that runs */
  np_wait wait;
  int fd;       /* -1: not open */
  bool counted; /* among the host's files */
  bool busy;    /* a request runs */
  bool closing;
  np_fsop_place place;
  bool wants_text;
  struct stat st;
  int64_t limit; /* files of 1 to so many bytes are read */
  int64_t at;    /* of what is in `data` */
  size_t want;   /* how much a thread is to read there */
  size_t size, capacity;
  char *data; /* of the host */
  size_t block;
  const char *root; /* or NULL; copies, behind the struct */
  const char *path;
};

/* ---- life --------------------------------------------------------------- */

static void close_fd(np_fetch *f) {
  if (f->fd >= 0) close(f->fd);
  if (f->counted) f->work.base.host->nfiles--;
  f->counted = false;
  f->fd = -1;
}

static void drop_data(np_fetch *f) {
  if (f->data) np_free(f->work.base.host, f->data, f->capacity);
  f->data = NULL;
  f->size = f->capacity = 0;
}

/* A request that runs keeps both until it is done. */
static void close_fetch(np_fetch *f) {
  f->closing = true;
  if (f->busy) {
    if (!np_work_cancel(&f->work)) return;
    f->busy = false;
  }
  close_fd(f);
  drop_data(f);
}

static void on_destroy(np_work *w) {
  np_fetch *f = (np_fetch *)w;
  close_fd(f);
  drop_data(f);
  np_free(w->base.host, f, f->block);
}

static bool on_done(np_work *w) {
  np_fetch *f = (np_fetch *)w;
  f->busy = false;
  if (f->closing) close_fetch(f);
  np_wake(&f->wait);
  return false;
}

static bool make_room(np_fetch *f, size_t n) {
  if (f->capacity >= n) return true;
  drop_data(f);
  f->data = np_alloc(f->work.base.host, n);
  if (f->data) f->capacity = n;
  return f->data != NULL;
}

/* ---- reading ------------------------------------------------------------ */

/* All of f->want bytes, or those that are still there. */
static int read_all(np_fetch *f) {
  while (f->size < f->want) {
    if (f->work.cancelled) return UV_ECANCELED;
    ssize_t n = np_fsop_read(f->fd, f->data + f->size, f->want - f->size,
                             f->at + (int64_t)f->size);
    if (n < 0) return (int)n;
    if (n == 0) break;
    f->size += (size_t)n;
  }
  return 0;
}

static int look(np_fetch *f) {
  if (fstat(f->fd, &f->st) < 0) return np_fsop_errno();
  f->wants_text =
      S_ISREG(f->st.st_mode) && f->st.st_size > 0 && f->st.st_size <= f->limit;
  if (f->wants_text) f->want = (size_t)f->st.st_size;
  return 0;
}

/* Finds and opens the file. What is to be read has room once it is known how
 * much that is: a thread cannot take memory of the host, so there is room for
 * `limit` bytes before it begins. */
static int run_open(np_fetch *f) {
  f->fd = np_fsop_open_beneath(f->root, f->path, &f->place);
  return f->fd < 0 ? f->fd : look(f);
}

static int on_run(np_work *w) {
  np_fetch *f = (np_fetch *)w;
  int r = f->fd < 0 ? run_open(f) : 0;
  return r < 0 ? r : read_all(f);
}

/* Everything, without blocking; UV_EAGAIN: a thread has to go on. */
static int run_known(np_fetch *f) {
  int fd = np_fsop_open_known(f->root, f->path);
  if (fd < 0) return fd;
  f->fd = fd;
  int r = look(f);
  if (r < 0 || !f->wants_text || f->want == 0) return r;
  if (!make_room(f, f->want)) return UV_ENOMEM;
  ssize_t n = np_incore_read(f->fd, f->data, f->want, 0);
  if (n < 0) return (int)n;
  f->size = (size_t)n;
  return f->size < f->want ? UV_EAGAIN : 0;
}

/* Bytes of `data` at an offset of the file, or NULL. */
static char *find_data(const np_fetch *f, int64_t offset, size_t n) {
  int64_t skip = offset - f->at, size = (int64_t)f->size;
  return skip >= 0 && skip <= size && (int64_t)n <= size - skip ? f->data + skip
                                                                : NULL;
}

ssize_t np_fetch_piece(np_fetch *f, int64_t offset, size_t n, char **data) {
  if (f->busy) return UV_EAGAIN;
  *data = find_data(f, offset, n);
  if (*data || n == 0) return (ssize_t)n;
  if (f->fd < 0) return UV_EAGAIN;
  if (!make_room(f, n)) return UV_EAGAIN;
  f->size = 0;
  f->at = offset;
  ssize_t got = np_incore_read(f->fd, f->data, n, offset);
  if (got != (ssize_t)n) return UV_EAGAIN;
  f->size = n;
  *data = f->data;
  return got;
}

int np_fetch_incore(np_fetch *f, int64_t offset, size_t n) {
  if (f->busy || f->fd < 0 || find_data(f, offset, 1)) return UV_EAGAIN;
  return np_incore_has(f->fd, offset, n) ? f->fd : UV_EAGAIN;
}

void np_fetch_passed(np_fetch *f, int64_t end) {
  if (!f->busy && end >= f->at + (int64_t)f->size) drop_data(f);
}

/* ---- waits -------------------------------------------------------------- */

static bool fetch_cancel(np_wait *w) {
  np_fetch *f = np_container_of(w, np_fetch, wait);
  close_fetch(f);
  return true;
}

static void fetch_describe(np_wait *w, char *buf, size_t size) {
  np_fetch *f = np_container_of(w, np_fetch, wait);
  snprintf(buf, size, "reading \"%s\"", f->path);
}

static int fail(lua_State *L, np_fetch *f, const char *what) {
  return np_fs_fail(L, f->work.status, what, f->path, NULL);
}

static int push_stat(lua_State *L, np_fetch *f) {
  if (f->work.status < 0) return fail(L, f, "open");
  if (!S_ISREG(f->st.st_mode)) {
    lua_pushboolean(L, false);
    lua_pushstring(L, S_ISDIR(f->st.st_mode) ? "directory" : "other");
    return 2;
  }
  lua_pushinteger(L, f->wants_text ? (lua_Integer)f->size : f->st.st_size);
  lua_pushinteger(L, (lua_Integer)f->st.st_mtim.tv_sec * 1000000000 +
                         f->st.st_mtim.tv_nsec);
  lua_pushboolean(L, f->place.local);
  return 3;
}

/* [.. userdata] -> [.. userdata, results] or [.. results] */
static int open_finish(lua_State *L, np_wait *w) {
  np_fetch *f = np_container_of(w, np_fetch, wait);
  int self = lua_gettop(L), n = push_stat(L, f);
  if (n < 3) {
    *(np_fetch **)lua_touserdata(L, self) = NULL;
    np_release(&f->work.base);
    return n;
  }
  if (f->wants_text) {
    close_fd(f);  // it is all here
  } else {
    f->counted = true;
    f->work.base.host->nfiles++;
  }
  return n + 1;
}

static const np_wait_class open_class = {"fetch", fetch_describe, fetch_cancel,
                                         open_finish, NULL};

static int read_finish(lua_State *L, np_wait *w) {
  np_fetch *f = np_container_of(w, np_fetch, wait);
  if (f->work.status < 0) return fail(L, f, "read");
  lua_pushlstring(L, f->size > 0 ? f->data : "", f->size);
  return 1;
}

static const np_wait_class read_class = {"fetch read", fetch_describe,
                                         fetch_cancel, read_finish, NULL};

static int load_finish(lua_State *L, np_wait *w) {
  np_fetch *f = np_container_of(w, np_fetch, wait);
  if (f->work.status < 0) return fail(L, f, "read");
  lua_pushboolean(L, f->size == f->want);
  return 1;
}

static const np_wait_class load_class = {"fetch load", fetch_describe,
                                         fetch_cancel, load_finish, NULL};

static int submit(lua_State *L, np_fetch *f, const np_wait_class *cls) {
  f->busy = true;
  np_work_submit(&f->work);
  return np_park(L, f->work.base.host, &f->wait, cls);
}

/* ---- for Lua ------------------------------------------------------------ */

static const char *copy(char **to, const char *text) {
  if (!text) return NULL;
  size_t n = strlen(text) + 1;
  char *at = memcpy(*to, text, n);
  *to += n;
  return at;
}

static np_fetch *new_fetch(lua_State *L, const char *root, const char *path) {
  np_host *h = np_gethost(L);
  np_fetch **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &np_fetch_class);
  size_t block = sizeof(np_fetch) + strlen(path) + 1;
  if (root) block += strlen(root) + 1;
  np_fetch *f = np_alloc(h, block);
  if (!f) luaL_error(L, "not enough memory");
  memset(f, 0, sizeof(*f));
  char *tail = (char *)(f + 1);
  f->path = copy(&tail, path);
  f->root = copy(&tail, root);
  f->work.run = on_run;
  f->work.done = on_done;
  f->work.destroy = on_destroy;
  f->fd = -1;
  f->block = block;
  np_work_init(L, h, &f->work);
  *box = f;
  return f;
}

enum { ROOT = 1, PATH, LIMIT, QUICK };

/* fetch(root | nil, path, limit, quick): the file at a path beneath a
 * directory, or at any path, which is to be closed; its size, when it was
 * changed in ns, and whether others of the directory may be fetched quickly.
 * One of 1 to `limit` bytes has been read, of one without a size it is not
 * known whether there is something in it. For what is no file false and
 * "directory" or "other"; or nil and an error. **waits** */
static int fs_fetch(lua_State *L) {
  const char *root = lua_isnil(L, ROOT) ? NULL : np_checkpath(L, ROOT);
  const char *path = np_checkpath(L, PATH);
  lua_Integer limit = np_checkinteger(L, LIMIT, -1, NP_FETCH_LOAD);
  bool quick = root && lua_toboolean(L, QUICK);
  np_host *h = np_gethost(L);
  np_checkwait(L, h);
  int room = np_handle_room(h);
  if (room < 0) return np_fail_uv(L, room, "open \"%s\"", path);
  np_fetch *f = new_fetch(L, root, path);
  f->limit = limit;
  f->place.local = quick;
  f->work.status = quick ? run_known(f) : UV_EAGAIN;
  if (f->work.status != UV_EAGAIN) {
    return np_settle(L, h, &f->wait, &open_class);
  }
  if (limit > 0 && !make_room(f, (size_t)limit)) {
    return luaL_error(L, "not enough memory");
  }
  return submit(L, f, &open_class);
}

np_fetch *np_fetch_check(lua_State *L, int arg) {
  np_fetch **box = np_checkclass(L, arg, &np_fetch_class);
  if (!*box || (*box)->closing) np_raise(L, "CLOSED", "file is closed");
  return *box;
}

/* What read and load begin with. */
static np_fetch *fetch_self(lua_State *L, int64_t *at, size_t *n) {
  np_fetch **box = np_checkself(L), *f = *box;
  *at = np_checkinteger(L, 2, 0, LUA_MAXINTEGER - NP_FETCH_LOAD);
  *n = (size_t)np_checkinteger(L, 3, 0, NP_FETCH_LOAD);
  np_checkwait(L, np_gethost(L));
  if (!f || f->closing) np_raise(L, "CLOSED", "file is closed");
  if (f->busy) np_raise(L, "BUSY", "another task is reading this file");
  lua_settop(L, 1);
  return f;
}

/* Room for n bytes at an offset. */
static void prepare(lua_State *L, np_fetch *f, int64_t at, size_t n) {
  if (!make_room(f, n)) luaL_error(L, "not enough memory");
  f->size = 0;
  f->at = at;
  f->want = n;
  f->work.status = 0;
}

/* read(offset, n): up to n bytes there, "" behind the end. **waits** */
static int fetch_read(lua_State *L) {
  int64_t at;
  size_t n;
  np_fetch *f = fetch_self(L, &at, &n);
  char *data = find_data(f, at, n);
  if (data || n == 0 || f->fd < 0) {
    lua_pushlstring(L, data ? data : "", data ? n : 0);
    return 1;
  }
  prepare(L, f, at, n);
  if (np_incore_read(f->fd, f->data, n, at) != (ssize_t)n) {
    return submit(L, f, &read_class);
  }
  f->size = n;
  return np_settle(L, f->work.base.host, &f->wait, &read_class);
}

/* load(offset, n): has a thread read them, for np_fetch_piece. True if they
 * are there, false if the file is too short by now. **waits** */
static int fetch_load(lua_State *L) {
  int64_t at;
  size_t n;
  np_fetch *f = fetch_self(L, &at, &n);
  bool known = f->fd < 0 || n == 0;
  if (!known) prepare(L, f, at, n);
  if (!known) return submit(L, f, &load_class);
  lua_pushboolean(L, find_data(f, at, n) || n == 0);
  return 1;
}

static int fetch_close(lua_State *L) {
  np_fetch **box = np_checkself(L);
  if (*box && !(*box)->closing) close_fetch(*box);
  return 0;
}

static int fetch__gc(lua_State *L) {
  np_fetch **box = np_checkself(L), *f = *box;
  *box = NULL;
  if (!f) return 0;
  if (!f->closing) close_fetch(f);
  np_release(&f->work.base);
  return 0;
}

static const luaL_Reg methods[] = {{"read", fetch_read},
                                   {"load", fetch_load},
                                   {"close", fetch_close},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", fetch__gc}, {NULL, NULL}};
const np_class np_fetch_class = {"FetchedFile", methods, metamethods};

void np_fetch_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {{"fetch", fs_fetch}, {NULL, NULL}};
  np_class_register(L, h, &np_fetch_class);
  np_setfuncs(L, h, functions);
}
