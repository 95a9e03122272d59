/*
 * fs.h: requests about paths. Each is a np_fsreq: a np_work that owns copies
 * of its arguments, with a userdata on the waiting task's stack. A task that
 * is cancelled leaves at once; the request ends by itself and drops what it
 * got.
 */
#ifndef NP_FS_H
#define NP_FS_H

#include <sys/stat.h>

#include "io/fsops.h"
#include "io/work.h"

typedef struct np_fsreq np_fsreq;

typedef struct np_fsop {
  const char *name;                       /* "open", in errors */
  int (*run)(np_fsreq *r);                /* on a thread: 0 or an error */
  int (*push)(lua_State *L, np_fsreq *r); /* results; NULL: true */
  bool (*again)(np_fsreq *r); /* on the loop: prepared to run once more */
  int (*known)(np_fsreq *r);  /* fsknown.h; NULL: it takes a thread */
} np_fsop;

struct np_fsreq {
  np_work work;
  np_wait wait;
  const np_fsop *op;
  int64_t a, b; /* the operation's own */
  double atime, mtime;
  bool flag;
  int fd;       /* what was opened; -1: nothing */
  void *object; /* a np_handle whose hold is dropped, or NULL */
  struct stat st;
  char *text; /* from malloc: a path that was found */
  char *data; /* bytes written or read, of the host's memory */
  size_t size, capacity;
  size_t block;             /* how large this struct is with its paths */
  const char *path, *path2; /* copies, behind it; path2 may be NULL */
};

/* [..] -> [.. userdata]  A request; data that is not NULL is copied. Calls
 * np_checkwait first. **raises** */
np_fsreq *np_fsreq_new(lua_State *L, const np_fsop *op, const char *path,
                       const char *path2, const char *data, size_t size);

/* Runs it and waits: `return np_fsreq_start(...)`. The userdata must be on top
 * of the stack. **waits** */
int np_fsreq_start(lua_State *L, np_fsreq *r);

/* The path at `arg`. **raises** if it is none */
const char *np_checkpath(lua_State *L, int arg);

/* [..] -> [.. nil err]: `open "x/y": no such file or directory`, with the
 * fields op, path and, if path2 is not NULL, to. */
int np_fs_fail(lua_State *L, int uv, const char *op, const char *path,
               const char *path2);

/* [..] -> [.. table] */
void np_fs_pushstat(lua_State *L, const struct stat *st);

/* Registers the class of requests. */
void np_fsreq_open(lua_State *L, np_host *h);

void np_fs_open(lua_State *L, np_host *h);

#endif
