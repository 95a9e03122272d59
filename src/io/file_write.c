/*
 * file_write.c: how bytes get from scripts to a file.
 *
 * A write is appended to f->out and has then succeeded. The bytes are handed
 * to the system when there are NP_FILE_HIGH of them (the writer waits for
 * that), before any other operation on this file and before any request about
 * a path, when the file is closed, and otherwise as soon as the loop turns. So
 * writing line by line is quick, and nobody in the program sees a file without
 * them. A fifo or a device is written at once, and waited for. An error of
 * bytes for which nobody waited is given to the next operation.
 */
#include <string.h>

#include "base/err.h"
#include "core/waitq.h"
#include "io/file.h"

/* ---- handing over ------------------------------------------------------ */

void np_file_flush_begin(np_file *f) {
  np_buf unused = f->sending;
  f->sending = f->out;
  f->out = unused;
  f->sent = 0;
  np_list_remove(&f->dirty);
  np_file_drop_ahead(f);
}

void np_file_flush_end(np_file *f, int status) {
  np_host *h = f->work.base.host;
  if (status == UV_ECANCELED && f->regular) return;  // did not run: closing
  if (status == 0 && f->regular) {
    f->pos = f->append ? f->n : f->pos + (int64_t)np_buf_size(&f->sending);
  }
  if (status < 0) f->write_error = status;
  if (f->sending.capacity > 2 * NP_FILE_HIGH) {
    np_buf_release(&f->sending, h->alloc, h->alloc_ud);
  } else {
    np_buf_consume(&f->sending, np_buf_size(&f->sending));
  }
}

static int send_now(np_file *f, np_buf *b) {
  size_t n = np_buf_size(b);
  if (n == 0) return 0;
  int r =
      np_fsop_write(f->fd, np_buf_data(b), n, f->append ? -1 : f->pos, NULL);
  if (r == 0) f->pos += (int64_t)n;
  np_buf_consume(b, n);
  return r;
}

int np_file_flush_now(np_file *f) {
  if (!f->regular || f->fd < 0) return 0;
  if (np_buf_size(&f->out) > 0) np_file_drop_ahead(f);
  int r = send_now(f, &f->sending);
  int r2 = send_now(f, &f->out);
  np_list_remove(&f->dirty);
  return r < 0 ? r : r2;
}

void np_files_flush(np_link *dirty) {
  np_link *link = dirty->next;
  while (link != dirty) {
    np_file *f = np_container_of(link, np_file, dirty);
    link = link->next;
    if (f->busy) continue;
    int r = np_file_flush_now(f);
    if (r < 0) f->write_error = r;
  }
}

/* ---- write ------------------------------------------------------------- */

static void append(lua_State *L, np_file *f, int idx) {
  np_host *h = f->work.base.host;
  size_t n;
  const char *data = lua_tolstring(L, idx, &n);
  if (np_buf_append(&f->out, data, n, h->alloc, h->alloc_ud) < 0) {
    luaL_error(L, "not enough memory");
  }
}

void np_file_flush_soon(np_file *f) {
  np_host *h = f->work.base.host;
  if (!np_list_linked(&f->dirty)) {
    np_list_append(np_work_dirty(&f->work), &f->dirty);
  }
  if (np_timer_running(&f->soon)) return;
  uint64_t now = np_now(h);
  // due a millisecond ago, or libuv's timer would round up to the next one
  np_timer_start(h, &f->soon, now > 1000000 ? now - 1000000 : 0);
}

static int write_finish(lua_State *L, np_wait *w);

static const np_wait_class write_class = {"write", np_fileop_describe,
                                          np_fileop_cancel, write_finish, NULL};

/* The arguments go into the buffer; waits if that is full then. */
static int buffer_arguments(lua_State *L, np_file *f, int last) {
  size_t before = np_buf_size(&f->out);
  for (int arg = 2; arg <= last; arg++) {
    if (!lua_istable(L, arg)) {
      append(L, f, arg);
      continue;
    }
    lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
    for (lua_Integer i = 1; i <= n; i++) {
      lua_rawgeti(L, arg, i);
      append(L, f, -1);
      lua_pop(L, 1);
    }
  }
  size_t size = np_buf_size(&f->out);
  if (size > before) np_file_flush_soon(f);
  if (size >= NP_FILE_HIGH || (size > 0 && !f->regular)) {
    np_fileop *op = np_fileop_new(L, f, NP_FILE_FLUSH);
    return np_fileop_wait(L, op, &write_class);
  }
  return np_settle_true(L, f->work.base.host);
}

/* A gate has opened: now the bytes may follow. Or they were handed over. */
static int write_finish(lua_State *L, np_wait *w) {
  np_fileop *op = np_container_of(w, np_fileop, wait);
  if (op->status < 0) return np_file_fail(L, op->file, op->status, "write");
  if (op->kind == NP_FILE_GATE) {
    return buffer_arguments(L, op->file, (int)op->n);
  }
  lua_pushboolean(L, true);
  return 1;
}

/* Every argument is a string or number, or a list of such. */
static void check_arguments(lua_State *L, int last) {
  for (int arg = 2; arg <= last; arg++) {
    if (!lua_istable(L, arg)) {
      if (!lua_isstring(L, arg)) np_typeerror(L, arg, "string or list");
      continue;
    }
    lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
    for (lua_Integer i = 1; i <= n; i++) {
      lua_rawgeti(L, arg, i);
      if (!lua_isstring(L, -1)) {
        np_argerror(L, arg, "list of strings expected, got %s at index %I",
                    luaL_typename(L, -1), (LUAI_UACINT)i);
      }
      lua_pop(L, 1);
    }
  }
}

int np_file_m_write(lua_State *L) {
  int last = lua_gettop(L);
  np_file *f = np_file_self(L);
  check_arguments(L, last);
  if (!f->writable) return np_file_fail(L, f, UV_EBADF, "write");
  if (f->write_error) {
    int r = f->write_error;
    f->write_error = 0;
    return np_file_fail(L, f, r, "write");
  }
  if (!np_list_empty(&f->ops)) {
    np_fileop *op = np_fileop_new(L, f, NP_FILE_GATE);
    op->n = last;
    return np_fileop_wait(L, op, &write_class);
  }
  return buffer_arguments(L, f, last);
}
