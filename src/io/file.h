/*
 * file.h: the class File. The np_file is C memory with a hold for its userdata
 * and one for the request that runs on a thread, of which there is one at a
 * time. The parts:
 *   file.c        life, the queue of operations, seek, stat, truncate, sync
 *   file_read.c   the read buffer, the read rules and methods
 *   file_write.c  the write buffer and write
 */
#ifndef NP_FILE_H
#define NP_FILE_H

#include "base/buf.h"
#include "base/class.h"
#include "io/fs.h"

enum {
  NP_FILE_CHUNK = 128 * 1024, /* read at once */
  NP_FILE_HIGH = 64 * 1024,   /* writers wait while more is buffered */
};

typedef struct np_file np_file;
typedef struct np_fileop np_fileop;

typedef enum np_fileop_kind {
  NP_FILE_FILL,  /* reads the next chunk into f->in */
  NP_FILE_FLUSH, /* writes f->out */
  NP_FILE_SEEK,
  NP_FILE_STAT,
  NP_FILE_TRUNCATE,
  NP_FILE_SYNC,
  NP_FILE_GATE, /* nothing: waits for those before it */
} np_fileop_kind;

/* An operation of a parked task: a userdata on its stack. */
struct np_fileop {
  np_wait wait;
  np_link link; /* in f->ops; the first one runs */
  np_file *file;
  np_fileop_kind kind;
  int whence;
  int64_t n;      /* an offset or a size; the result of seek */
  int status;     /* 0, an error, UV_ECANCELED: the file was closed */
  struct stat st; /* the result of stat */
};

struct np_file {
  np_work work; /* first: the request that runs */
  np_link ops;
  np_link dirty; /* in the workers' list while `out` is not empty */
  bool busy;     /* a request runs */
  bool flushing; /* it is one of our own, in front of the first of ops */
  bool orphan;   /* the operation it runs for was cancelled */
  bool readable, writable, append, regular;
  bool closing;    /* closed for Lua */
  bool eof;        /* the last chunk was the last */
  int fd;          /* -1: closed */
  int64_t pos;     /* where the next request reads or writes */
  np_buf in;       /* read, not yet taken: the bytes before pos */
  np_buf out;      /* written, not yet handed to the system */
  np_buf sending;  /* being written; to a fifo or device, */
  size_t sent;     /* so many bytes of it are */
  np_buf chunk;    /* being read into */
  int write_error; /* of bytes nobody waited for; told once */
  np_timer soon;   /* hands `out` to the system when the task waits */
  np_wait settled; /* of calls that did not have to wait */
  /* the reader */
  struct np_fileop *reader;
  const struct np_fileread *rule;
  size_t want, scanned;
  /* what the thread reads and writes */
  np_fileop_kind kind;
  int whence;
  int64_t n;
  struct stat st;
  size_t path_size;
  char path[];
};

extern const np_class np_file_class;

/* [..] -> [.. File]  of the descriptor in r->fd, which it takes. **raises**
 * for want of memory, r keeps the descriptor then */
void np_file_push(lua_State *L, np_fsreq *r);

/* Hands to the system what is written but buffered, of every file in the
 * list where no request runs. At most NP_FILE_HIGH bytes each. Plain. */
void np_files_flush(np_link *dirty);

/* --- between the file*.c files --- */

/* Self, which must be open. **raises** */
np_file *np_file_self(lua_State *L);

/* [..] -> [.. op]  A new operation. */
np_fileop *np_fileop_new(lua_State *L, np_file *f, np_fileop_kind kind);

/* Queues it and waits; what `cls` finishes with is up to it. */
int np_fileop_wait(lua_State *L, np_fileop *op, const np_wait_class *cls);
bool np_fileop_cancel(np_wait *w);
void np_fileop_describe(np_wait *w, char *buf, size_t size);

/* [..] -> [.. nil err], 2; raises CLOSED for UV_ECANCELED */
int np_file_fail(lua_State *L, np_file *f, int status, const char *what);

/* Starts the first operation if nothing runs. */
void np_file_next(np_file *f);

/* file_read.c: prepares a chunk (0 or an error); takes what was read (true:
 * the reader needs more); gives up what is ahead of the position. */
int np_file_fill_begin(np_file *f, np_fileop *op);
bool np_file_fill_end(np_file *f, int status);
void np_file_drop_ahead(np_file *f);

/* file_write.c: hands `out` over, here and now; takes it as done. */
int np_file_flush_now(np_file *f);
void np_file_flush_soon(np_file *f); /* when the loop turns */
void np_file_flush_begin(np_file *f);
void np_file_flush_end(np_file *f, int status);

int np_file_m_read(lua_State *L);
int np_file_m_readline(lua_State *L);
int np_file_m_readall(lua_State *L);
int np_file_m_lines(lua_State *L);
int np_file_m_write(lua_State *L);

void np_file_open(lua_State *L, np_host *h);

#endif
