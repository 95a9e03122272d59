/*
 * file.c: the life of a File and the queue of its operations.
 *
 * One request at a time runs on a thread, for the first operation in f->ops;
 * what it reads and writes belongs to the np_file. An operation whose task is
 * cancelled leaves the queue; if its request runs, that ends as an orphan: its
 * effect on the file stands (bytes that were read stay in the buffer).
 * Before each operation the bytes that were written earlier are handed over.
 *
 * Closing hands over what is buffered, at once if nothing runs, or else when
 * the request ends; then the descriptor is closed.
 */
#include "io/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "core/task.h"
#include "core/warn.h"

/* ---- requests ---------------------------------------------------------- */

static int run_seek(np_file *f) {
  if (f->whence == SEEK_SET) return 0;
  if (fstat(f->fd, &f->st) < 0) return np_fsop_errno();
  bool over = __builtin_add_overflow(f->n, f->st.st_size, &f->n);
  return over || f->n < 0 ? UV_EINVAL : 0;
}

static int run_flush(np_file *f) {
  int64_t offset = f->regular && !f->append ? f->pos : -1;
  const char *data = np_buf_data(&f->sending);
  size_t n = np_buf_size(&f->sending);
  int r = f->regular ? np_fsop_write(f->fd, data, n, offset, NULL)
                     : np_fsop_send(f->fd, data, n, &f->sent,
                                    &f->work.cancelled, f->work.wanted);
  if (r == 0 && f->regular && f->append) f->n = lseek(f->fd, 0, SEEK_END);
  return r;
}

static int run_fill(np_file *f) {
  if (!f->regular) {
    int r = np_fsop_poll(f->fd, false, &f->work.cancelled, f->work.wanted);
    if (r < 0) return r;
  }
  f->n = np_fsop_read(f->fd, f->chunk.base, f->chunk.capacity,
                      f->regular ? f->pos : -1);
  return f->n < 0 ? (int)f->n : 0;
}

/* On a thread. */
static int on_run(np_work *w) {
  np_file *f = (np_file *)w;
  switch (f->kind) {
    case NP_FILE_FILL: return run_fill(f);
    case NP_FILE_FLUSH: return run_flush(f);
    case NP_FILE_SEEK: return run_seek(f);
    case NP_FILE_STAT: return fstat(f->fd, &f->st) < 0 ? np_fsop_errno() : 0;
    case NP_FILE_TRUNCATE:
      return ftruncate(f->fd, f->n) < 0 ? np_fsop_errno() : 0;
    case NP_FILE_SYNC: return fsync(f->fd) < 0 ? np_fsop_errno() : 0;
    case NP_FILE_GATE: return 0;
  }
  return 0;
}

/* ---- the queue --------------------------------------------------------- */

static np_fileop *first_op(np_file *f) {
  np_link *l = np_list_first(&f->ops);
  return l ? np_container_of(l, np_fileop, link) : NULL;
}

static void end_op(np_fileop *op, int status) {
  op->status = status;
  np_list_remove(&op->link);
  np_wake(&op->wait);
}

static void submit(np_file *f, np_fileop_kind kind) {
  f->kind = kind;
  f->busy = true;
  f->work.cancelled = false;
  np_work_submit(&f->work);
}

/* Puts the arguments of an operation where its request finds them. 0; 1: it
 * needs no request; or an error with which it ends. */
static int begin(np_file *f, np_fileop *op) {
  f->n = op->n;
  f->whence = op->whence;
  if (op->kind == NP_FILE_FILL) return np_file_fill_begin(f, op);
  if (op->kind != NP_FILE_SEEK && op->kind != NP_FILE_TRUNCATE) return 0;
  int64_t at = f->pos - (int64_t)np_buf_size(&f->in);
  if (op->kind == NP_FILE_TRUNCATE) {
    if (op->n < 0) f->n = at;
    np_file_drop_ahead(f);
    return 0;
  }
  if (!f->regular) return UV_ESPIPE;
  if (op->whence == SEEK_END) return 0;
  if (op->whence == SEEK_CUR && __builtin_add_overflow(f->n, at, &f->n))
    return UV_EINVAL;
  f->whence = SEEK_SET;
  return f->n < 0 ? UV_EINVAL : 0;
}

/* An operation has ended on its thread, or needs none. */
static void complete(np_file *f, np_fileop *op, int status) {
  if (status == 0 && op->kind == NP_FILE_SEEK) {
    np_file_drop_ahead(f);
    f->pos = op->n = f->n;
  }
  if (op->kind == NP_FILE_STAT) op->st = f->st;
  end_op(op, status);
}

static bool needs_thread(np_fileop *op, np_file *f) {
  return op->kind != NP_FILE_GATE && op->kind != NP_FILE_FLUSH &&
         !(op->kind == NP_FILE_SEEK && f->whence == SEEK_SET);
}

void np_file_next(np_file *f) {
  np_fileop *op;
  while (!f->busy) {
    if (np_buf_size(&f->out) > 0 && !np_list_empty(&f->ops)) {
      f->flushing = true;
      np_file_flush_begin(f);
      submit(f, NP_FILE_FLUSH);
      return;
    }
    if ((op = first_op(f)) == NULL) return;
    int r = f->write_error;
    f->write_error = 0;
    if (r == 0) r = begin(f, op);
    if (r == 0 && needs_thread(op, f)) {
      submit(f, op->kind);
    } else {
      complete(f, op, r < 0 ? r : 0);
    }
  }
}

static void close_now(np_file *f) {
  int r = np_file_flush_now(f);
  if (r < 0 && !f->write_error) f->write_error = r;
  np_timer_stop(f->work.base.host, &f->soon);
  np_list_remove(&f->dirty);
  close(f->fd);
  f->fd = -1;
  f->work.base.host->nfiles--;
}

static bool on_done(np_work *w) {
  np_file *f = (np_file *)w;
  np_fileop *op = f->orphan || f->flushing ? NULL : first_op(f);
  bool more = false;
  f->busy = false;
  if (f->kind == NP_FILE_FLUSH) {
    np_file_flush_end(f, w->status);
  } else if (f->kind == NP_FILE_FILL) {
    more = np_file_fill_end(f, w->status) && op;
  }
  f->flushing = f->orphan = false;
  if (op && !more) complete(f, op, w->status);
  if (f->closing) {
    close_now(f);
  } else {
    np_file_next(f);
    if (!f->busy && np_buf_size(&f->out) > 0) np_file_flush_soon(f);
  }
  return false;
}

/* ---- waiting ----------------------------------------------------------- */

np_fileop *np_fileop_new(lua_State *L, np_file *f, np_fileop_kind kind) {
  np_fileop *op = lua_newuserdatauv(L, sizeof(*op), 0);
  *op = (np_fileop){.file = f, .kind = kind};
  np_list_init(&op->link);
  return op;
}

int np_fileop_wait(lua_State *L, np_fileop *op, const np_wait_class *cls) {
  np_file *f = op->file;
  np_list_append(&f->ops, &op->link);
  np_host *h = f->work.base.host;
  if (first_op(f) == op && !f->busy) {
    // np_wake needs a parked task: a request of a thread comes later, what
    // needs none ends from here
    np_file_next(f);
    if (!np_list_linked(&op->link)) return np_settle(L, h, &op->wait, cls);
  }
  return np_park(L, h, &op->wait, cls);
}

bool np_fileop_cancel(np_wait *w) {
  np_fileop *op = np_container_of(w, np_fileop, wait);
  np_file *f = op->file;
  bool runs = f->busy && !f->flushing && !f->orphan && first_op(f) == op;
  if (f->reader == op) f->reader = NULL;
  np_list_remove(&op->link);
  if (runs) {
    f->orphan = true;
    f->work.cancelled = true;  // a wait for bytes ends
  }
  return true;
}

void np_fileop_describe(np_wait *w, char *buf, size_t size) {
  static const char *const names[] = {"read",     "write", "seek", "stat",
                                      "truncate", "sync",  "write"};
  np_fileop *op = np_container_of(w, np_fileop, wait);
  snprintf(buf, size, "%s \"%s\"", names[op->kind], op->file->path);
}

int np_file_fail(lua_State *L, np_file *f, int status, const char *what) {
  if (status == UV_ECANCELED && f->closing) {
    return np_raise(L, "CLOSED", "file was closed during %s", what);
  }
  return np_fs_fail(L, status, what, f->path, NULL);
}

/* ---- life -------------------------------------------------------------- */

static void file_close_all(np_file *f) {
  if (f->closing) return;
  f->closing = true;
  np_fileop *op;
  if (f->busy && !f->flushing) f->orphan = true;
  if (f->busy) f->work.cancelled = true;
  while ((op = first_op(f)) != NULL) end_op(op, UV_ECANCELED);
  if (f->busy) return;  // on_done closes
  close_now(f);
}

/* The host closes: what runs must end soon; no request that could wait for
 * others follows. */
static void on_shut(np_work *w) {
  np_file *f = (np_file *)w;
  file_close_all(f);
  np_work_cancel(w);
}

static void on_destroy(np_work *w) {
  np_file *f = (np_file *)w;
  np_host *h = w->base.host;
  if (f->fd >= 0) close_now(f);  // its request was cancelled before it ran
  np_timer_stop(h, &f->soon);
  np_list_remove(&f->dirty);
  np_buf_release(&f->in, h->alloc, h->alloc_ud);
  np_buf_release(&f->out, h->alloc, h->alloc_ud);
  np_buf_release(&f->sending, h->alloc, h->alloc_ud);
  np_buf_release(&f->chunk, h->alloc, h->alloc_ud);
  np_free(h, f, sizeof(*f) + f->path_size);
}

static void on_soon(np_timer *t) {
  np_file *f = np_container_of(t, np_file, soon);
  if (f->busy) return;  // on_done starts it again
  int r = np_file_flush_now(f);
  if (r < 0) f->write_error = r;
}

void np_file_push(lua_State *L, np_fsreq *r) {
  np_host *h = r->work.base.host;
  np_file **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &np_file_class);
  np_warn_made(L, h);
  const char *path = r->text ? r->text : r->path;
  size_t n = strlen(path) + 1;
  np_file *f = np_alloc(h, sizeof(*f) + n);
  if (!f) luaL_error(L, "not enough memory");
  memset(f, 0, sizeof(*f));
  int access = (int)r->a & O_ACCMODE;
  f->work.run = on_run;
  f->work.done = on_done;
  f->work.shut = on_shut;
  f->work.destroy = on_destroy;
  f->readable = access != O_WRONLY;
  f->writable = access != O_RDONLY;
  f->append = (r->a & O_APPEND) != 0;
  f->regular = S_ISREG(r->st.st_mode) || S_ISBLK(r->st.st_mode);
  f->soon.fire = on_soon;
  f->path_size = n;
  memcpy(f->path, path, n);
  np_list_init(&f->ops);
  np_list_init(&f->dirty);
  f->fd = r->fd;
  r->fd = -1;
  if (f->append) f->pos = r->st.st_size;
  np_work_init(L, h, &f->work);
  h->nfiles++;
  *box = f;
}

np_file *np_file_self(lua_State *L) {
  np_file *f = *(np_file **)np_checkself(L);
  np_checkwait(L, np_gethost(L));
  if (!f || f->closing) np_raise(L, "CLOSED", "file is closed");
  return f;
}

/* ---- methods ----------------------------------------------------------- */

static int op_finish(lua_State *L, np_wait *w) {
  static const char *const names[] = {[NP_FILE_SEEK] = "seek",
                                      [NP_FILE_STAT] = "stat",
                                      [NP_FILE_TRUNCATE] = "truncate",
                                      [NP_FILE_SYNC] = "sync"};
  np_fileop *op = np_container_of(w, np_fileop, wait);
  if (op->status < 0) {
    return np_file_fail(L, op->file, op->status, names[op->kind]);
  }
  if (op->kind == NP_FILE_STAT) {
    np_fs_pushstat(L, &op->st);
  } else if (op->kind == NP_FILE_SEEK) {
    lua_pushinteger(L, op->n);
  } else {
    lua_pushboolean(L, true);
  }
  return 1;
}

static const np_wait_class op_class = {"file", np_fileop_describe,
                                       np_fileop_cancel, op_finish, NULL};

static int file_seek(lua_State *L) {
  static const char *const names[] = {"set", "cur", "end", NULL};
  static const int values[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  lua_settop(L, 3);
  if (lua_type(L, 2) == LUA_TNUMBER) np_typeerror(L, 2, "string");
  const char *name = lua_isnil(L, 2) ? "cur" : np_checkstring(L, 2, NULL);
  int i = 0;
  while (names[i] && strcmp(names[i], name) != 0) i++;
  if (!names[i]) np_argerror(L, 2, "invalid option '%s'", name);
  int64_t offset = 0;
  if (!lua_isnil(L, 3)) {
    offset = np_checkinteger(L, 3, LUA_MININTEGER, LUA_MAXINTEGER);
  }
  np_file *f = np_file_self(L);
  np_fileop *op = np_fileop_new(L, f, NP_FILE_SEEK);
  op->whence = values[i];
  op->n = offset;
  return np_fileop_wait(L, op, &op_class);
}

static int file_stat(lua_State *L) {
  np_file *f = np_file_self(L);
  return np_fileop_wait(L, np_fileop_new(L, f, NP_FILE_STAT), &op_class);
}

static int file_truncate(lua_State *L) {
  int64_t size = -1;  // where it is
  if (!lua_isnoneornil(L, 2)) size = np_checkinteger(L, 2, 0, LUA_MAXINTEGER);
  np_file *f = np_file_self(L);
  np_fileop *op = np_fileop_new(L, f, NP_FILE_TRUNCATE);
  op->n = size;
  return np_fileop_wait(L, op, &op_class);
}

static int file_sync(lua_State *L) {
  np_file *f = np_file_self(L);
  return np_fileop_wait(L, np_fileop_new(L, f, NP_FILE_SYNC), &op_class);
}

/* close() -> true | nil, err: what was written could not be handed over. */
static int file_close(lua_State *L) {
  np_file *f = *(np_file **)np_checkself(L);
  if (f && !f->closing) {
    file_close_all(f);
    if (f->write_error) return np_file_fail(L, f, f->write_error, "close");
  }
  lua_pushboolean(L, true);
  return 1;
}

static int file__gc(lua_State *L) {
  np_file **box = np_checkself(L);
  np_file *f = *box;
  if (f && !f->closing) np_warn_unclosed(L, f->work.base.host);
  *box = NULL;
  if (f) {
    file_close_all(f);
    np_release(&f->work.base);
  }
  return 0;
}

static int file__tostring(lua_State *L) {
  np_file *f = *(np_file **)np_checkself(L);
  bool open = f && !f->closing;
  lua_pushfstring(L, open ? "File (%s)" : "File (closed)", open ? f->path : "");
  return 1;
}

static const luaL_Reg methods[] = {
    {"read", np_file_m_read},
    {"readline", np_file_m_readline},
    {"readall", np_file_m_readall},
    {"lines", np_file_m_lines},
    {"write", np_file_m_write},
    {"seek", file_seek},
    {"stat", file_stat},
    {"truncate", file_truncate},
    {"sync", file_sync},
    {"close", file_close},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", file__gc},
    {"__tostring", file__tostring},
    {NULL, NULL},
};

const np_class np_file_class = {"File", methods, metamethods};

void np_file_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &np_file_class);
}
