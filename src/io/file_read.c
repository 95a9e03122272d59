/*
 * file_read.c: how bytes get from a file to a reader.
 *
 * Chunks are read into f->in, ahead of the file's position. All methods are
 * one wait with a different rule: how many bytes at the head of f->in make a
 * result. Bytes leave the buffer only in `finish`, so a read that is cancelled
 * loses none. Before a write, seek or truncate, what is ahead is given up.
 */
#include <string.h>

#include "base/err.h"
#include "core/task.h"
#include "io/file.h"

enum { CHUNK_MAX = 8 << 20 };

enum { MORE = -1, TOO_MUCH = -2 };

typedef struct np_fileread {
  /* How many bytes make a result. */
  ptrdiff_t (*rule)(np_file *f);
  int (*take)(lua_State *L, np_file *f, size_t n);
  const np_wait_class *cls;
} np_fileread;

/* ---- chunks ------------------------------------------------------------ */

void np_file_drop_ahead(np_file *f) {
  size_t n = np_buf_size(&f->in);
  f->eof = false;
  if (!f->regular) return;  // it cannot be read again
  f->pos -= (int64_t)n;
  np_buf_consume(&f->in, n);
}

/* A long result is read in growing steps. */
static size_t chunk_size(np_file *f) {
  size_t have = np_buf_size(&f->in), n = have < CHUNK_MAX ? have : CHUNK_MAX;
  return n > NP_FILE_CHUNK ? n : NP_FILE_CHUNK;
}

int np_file_fill_begin(np_file *f, np_fileop *op) {
  np_host *h = f->work.base.host;
  if (f->reader == op && f->rule->rule(f) != MORE) return 1;
  size_t want = chunk_size(f);
  if (f->chunk.capacity >= want) return 0;
  np_buf_release(&f->chunk, h->alloc, h->alloc_ud);
  char *base = np_alloc(h, want);
  if (!base) return UV_ENOMEM;
  np_buf_adopt(&f->chunk, base, want, 0);
  return 0;
}

bool np_file_fill_end(np_file *f, int status) {
  np_host *h = f->work.base.host;
  if (status < 0) return false;
  size_t n = (size_t)f->n;
  f->eof = n == 0;
  if (f->regular) f->pos += f->n;
  if (np_buf_size(&f->in) == 0) {
    np_buf unused = f->in;
    f->in = f->chunk;
    f->chunk = unused;
    f->in.head = 0;
    f->in.tail = n;
  } else if (np_buf_append(&f->in, f->chunk.base, n, h->alloc, h->alloc_ud) <
             0) {
    if (f->regular) f->pos -= f->n;  // as if it had not been read
    f->work.status = UV_ENOMEM;
    return false;
  }
  return f->reader && !f->eof && f->rule->rule(f) == MORE;
}

/* ---- the wait ---------------------------------------------------------- */

/* The buffers are kept only while somebody reads on. */
static void consume(np_file *f, size_t n) {
  np_host *h = f->work.base.host;
  np_buf_consume(&f->in, n);
  if (np_buf_size(&f->in) == 0 && f->in.capacity > 2 * NP_FILE_CHUNK) {
    np_buf_release(&f->in, h->alloc, h->alloc_ud);
  }
}

static int take_result(lua_State *L, np_file *f) {
  ptrdiff_t n = f->rule->rule(f);
  if (n >= 0) return f->rule->take(L, f, (size_t)n);
  if (n == TOO_MUCH) {
    return np_fail(L, "LIMIT", "more than %I bytes", (LUAI_UACINT)f->want);
  }
  lua_pushnil(L);  // the end
  return 1;
}

static int read_finish(lua_State *L, np_wait *w) {
  np_fileop *op = np_container_of(w, np_fileop, wait);
  np_file *f = op->file;
  f->reader = NULL;
  if (op->status < 0) return np_file_fail(L, f, op->status, "read");
  return take_result(L, f);
}

static const np_wait_class read_class = {"read", np_fileop_describe,
                                         np_fileop_cancel, read_finish, NULL};

static int at_once_finish(lua_State *L, np_wait *w) {
  return take_result(L, np_container_of(w, np_file, settled));
}

static bool at_once_cancel(np_wait *w) {
  (void)w;
  return false;
}

static const np_wait_class at_once_class = {"read", NULL, at_once_cancel,
                                            at_once_finish, NULL};

static int next_finish(lua_State *L, np_wait *w) {
  int n = read_finish(L, w);
  return n == 2 ? lua_error(L) : n;
}

static const np_wait_class next_class = {"read", np_fileop_describe,
                                         np_fileop_cancel, next_finish, NULL};

/* Waits until the rule holds or the file has ended. f is open. */
static int read_by(lua_State *L, np_file *f, const np_fileread *rule,
                   size_t want) {
  if (f->reader || np_wait_busy(&f->settled)) {
    np_raise(L, "BUSY", "another task is reading this file");
  }
  if (!f->readable) return np_file_fail(L, f, UV_EBADF, "read");
  f->rule = rule;
  f->want = want;
  f->scanned = 0;
  f->eof = false;
  bool idle = np_list_empty(&f->ops) && !f->busy && np_buf_size(&f->out) == 0;
  if (idle && rule->rule(f) != MORE) {
    return np_settle(L, f->work.base.host, &f->settled, &at_once_class);
  }
  np_fileop *op = np_fileop_new(L, f, NP_FILE_FILL);
  f->reader = op;
  return np_fileop_wait(L, op, rule->cls);
}

/* ---- rules ------------------------------------------------------------- */

/* Some of a fifo or device is enough, as it may never send more. */
static ptrdiff_t rule_count(np_file *f) {
  size_t n = np_buf_size(&f->in);
  if (n >= f->want) return (ptrdiff_t)f->want;
  return n > 0 && (f->eof || !f->regular) ? (ptrdiff_t)n : MORE;
}

static ptrdiff_t rule_some(np_file *f) {
  size_t n = np_buf_size(&f->in);
  return n > 0 ? (ptrdiff_t)n : MORE;
}

static ptrdiff_t rule_line(np_file *f) {
  size_t n = np_buf_size(&f->in);
  if (n == 0) return MORE;
  const char *data = np_buf_data(&f->in);
  const char *lf = memchr(data + f->scanned, '\n', n - f->scanned);
  if (lf) return lf - data + 1;
  f->scanned = n;
  return f->eof ? (ptrdiff_t)n : MORE;
}

static ptrdiff_t rule_all(np_file *f) {
  size_t n = np_buf_size(&f->in);
  if (n > f->want) return TOO_MUCH;
  return f->eof ? (ptrdiff_t)n : MORE;
}

/* ---- results ----------------------------------------------------------- */

static int take_bytes(lua_State *L, np_file *f, size_t n) {
  lua_pushlstring(L, n ? np_buf_data(&f->in) : "", n);
  consume(f, n);
  return 1;
}

static int take_line(lua_State *L, np_file *f, size_t n) {
  const char *data = np_buf_data(&f->in);
  size_t text = n;
  if (data[n - 1] == '\n') {
    text--;
    if (text > 0 && data[text - 1] == '\r') text--;
  }
  lua_pushlstring(L, data, text);
  consume(f, n);
  return 1;
}

static const np_fileread by_count = {rule_count, take_bytes, &read_class};
static const np_fileread by_some = {rule_some, take_bytes, &read_class};
static const np_fileread by_all = {rule_all, take_bytes, &read_class};
static const np_fileread by_line = {rule_line, take_line, &read_class};
static const np_fileread by_keep = {rule_line, take_bytes, &read_class};
static const np_fileread by_next = {rule_line, take_line, &next_class};
static const np_fileread by_next_keep = {rule_line, take_bytes, &next_class};

/* ---- methods ----------------------------------------------------------- */

int np_file_m_read(lua_State *L) {
  bool some = lua_isnoneornil(L, 2);
  size_t n = some ? 0 : (size_t)np_checkinteger(L, 2, 1, LUA_MAXINTEGER);
  return read_by(L, np_file_self(L), some ? &by_some : &by_count, n);
}

int np_file_m_readline(lua_State *L) {
  bool keep = lua_toboolean(L, 2);
  return read_by(L, np_file_self(L), keep ? &by_keep : &by_line, 0);
}

int np_file_m_readall(lua_State *L) {
  size_t n = LUA_MAXINTEGER;
  if (!lua_isnoneornil(L, 2)) {
    n = (size_t)np_checkinteger(L, 2, 0, LUA_MAXINTEGER);
  }
  return read_by(L, np_file_self(L), &by_all, n);
}

enum { UP_FILE = 4, UP_KEEP }; /* behind the three of every function */

static int next_line(lua_State *L) {
  np_file *f = *(np_file **)lua_touserdata(L, lua_upvalueindex(UP_FILE));
  np_checkwait(L, np_gethost(L));
  if (!f || f->closing) np_raise(L, "CLOSED", "file is closed");
  bool keep = lua_toboolean(L, lua_upvalueindex(UP_KEEP));
  int n = read_by(L, f, keep ? &by_next_keep : &by_next, 0);
  return n == 2 ? lua_error(L) : n;
}

int np_file_m_lines(lua_State *L) {
  bool keep = lua_toboolean(L, 2);
  np_file *f = *(np_file **)np_checkself(L);
  if (!f || f->closing) np_raise(L, "CLOSED", "file is closed");
  for (int i = 1; i < UP_FILE; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, 1);
  lua_pushboolean(L, keep);
  lua_pushcclosure(L, next_line, UP_KEEP);
  return 1;
}
