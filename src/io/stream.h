/*
 * stream.h: the class Stream over a wire. The np_stream is C memory with two
 * holders: its userdata and, until it has closed, its wire. The parts:
 *   stream.c        life: attach, close, linger, waiting
 *   stream_read.c   the receive buffer, the read rules and methods
 *   stream_write.c  the send queue, write, flush, shutdown
 *   stream_info.c   addresses, options, tostring
 */
#ifndef NP_STREAM_H
#define NP_STREAM_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/class.h"
#include "core/host.h"
#include "io/handle.h"
#include "io/wire.h"

typedef struct np_stream np_stream;
typedef struct np_read_op np_read_op;

enum {
  NP_STREAM_LIMIT = 64 * 1024, /* default longest line */
  NP_STREAM_HIGH = 64 * 1024,  /* high-water mark, both directions */
  NP_STREAM_LINGER = 5,        /* seconds without progress after close() */
  NP_STREAM_TICKS = 4,         /* looks for progress in a paced timeout */
};

/* What the peer takes, looked at now and then. */
typedef struct np_progress {
  size_t untaken; /* at the last look */
  uint8_t left;   /* looks at which there may still be no progress */
} np_progress;

/* A task that waits on a stream: the reader or an np_swaiter. */
typedef struct np_swait {
  np_wait wait;
  np_timer timer; /* the stream's timeout */
  np_stream *stream;
  int status;   /* why it was woken: 0, UV_ETIMEDOUT, or UV_ECANCELED because
                   the stream was closed */
  bool outside; /* the wire may end it at any time: no deadlock */
  bool queued;  /* it is an np_swaiter */
} np_swait;

/* A writer, or one who waits for the end. */
typedef struct np_swaiter {
  np_swait base;
  np_link link;     /* in s->waiters */
  const char *what; /* "write", "flush", ... */
  size_t mark;      /* woken when no more than this is unsent */
  np_progress pace; /* of a paced stream */
} np_swaiter;

/* What a stream needs from when something cannot be sent at once, or its close
 * has to wait: most never do. */
typedef struct np_backlog {
  np_buf sending;       /* under way: the wire reads it */
  np_buf queued;        /* behind it */
  np_swaiter writer;    /* the first writer that waits; others allocate */
  np_timer linger;      /* ticks while closing */
  np_progress progress; /* meanwhile */
} np_backlog;

#define NP_UNTIL_CLOSED SIZE_MAX /* a mark: woken when the wire has closed */

/* What each message touches comes first and lies together. */
struct np_stream {
  np_wire *wire;         /* NULL before np_stream_attach and once closed */
  const np_read_op *op;  /* what the reader asked for, and: */
  size_t want;           /* a count; of a separator, its length */
  np_buf in;             /* received, not yet read */
  int end;               /* after `in`: UV_EOF or an error; 0: more may come */
  int write_error;       /* writing has failed for good */
  bool reading : 1;      /* the wire is delivering */
  bool wrote : 1;        /* something was sent */
  bool shut : 1;         /* shutdown was called */
  bool shut_done : 1;    /* and passed to the wire */
  bool closing : 1;      /* closed for Lua */
  bool discarding : 1;   /* closed: what arrives is dropped until the end */
  bool wire_closing : 1; /* wire->close was called */
  bool full : 1;         /* the wire took less of a file than there was */
  bool lazy : 1;         /* the wire delivers only while a task waits */
  bool paced : 1;        /* a write times out when the peer takes nothing, not
                            when it takes long */
  lua_Number timeout;    /* of reads and writes, seconds; HUGE_VAL: none */
  np_swait reader;       /* the one task that may wait for bytes */
  np_backlog *backlog;   /* NULL: nothing was ever unsent */

  np_handle base;
  const char *separator; /* on the waiting task's Lua stack */
  size_t scanned;        /* the separator is not in these first bytes */
  size_t limit;          /* longest line */
  size_t high;           /* writers wait while more is unsent */
  np_link waiters;       /* np_swaiter */
  char *host;            /* the name it was connected to, or NULL */
};

extern const np_class np_stream_class;

/* [..] -> [.. Stream]  A Stream without a wire, closed for Lua so far.
 * **raises** for want of memory */
np_stream *np_stream_new(lua_State *L, np_host *h);

/* Gives it the wire, which must be open, and opens it for Lua. */
void np_stream_attach(np_stream *s, np_wire *w);

/* Puts a layer over the stream's wire: from now on the stream uses `over`,
 * which uses what was its wire. Nothing may be unread or unsent. */
void np_stream_layer(np_stream *s, np_wire *over);

/* The stream that an argument is. **raises** if it is none */
np_stream *np_stream_check(lua_State *L, int arg);

/* Closes it: waiters get CLOSED; what was written is still sent, unless
 * `reset`. Idempotent. Plain. */
void np_stream_close(np_stream *s, bool reset);

/* --- reading: another file may define its own np_read_op --- */

enum { NP_READ_MORE = -1, NP_READ_LIMIT = -2 };

struct np_read_op {
  /* How many bytes at the head of s->in make a result; NP_READ_MORE: not yet;
   * NP_READ_LIMIT: too many without one. Plain. */
  ptrdiff_t (*rule)(np_stream *s);

  /* The rule holds for n bytes: pushes results, consumes. */
  int (*take)(lua_State *L, np_stream *s, size_t n);

  /* The stream has ended (s->end is UV_EOF) and the rule does not hold. */
  int (*at_end)(lua_State *L, np_stream *s);

  /* &np_stream_read_class, or one whose finish ends with
   * np_stream_read_finish. */
  const np_wait_class *cls;

  const char *what; /* a task waits for; NULL: "read" */
  bool bounded;     /* NP_READ_LIMIT is about s->want, not about s->limit */
  bool rests; /* after np_task_rest: where it has to wait, the task rests */
};

extern const np_wait_class np_stream_read_class;

/* Waits until the rule holds or the stream has ended. `want` and `separator`
 * (which lies on the stack of the caller) are the rule's. Raises CLOSED and
 * BUSY. **waits** */
int np_stream_read(lua_State *L, np_stream *s, const np_read_op *op,
                   size_t want, const char *separator);
int np_stream_read_finish(lua_State *L, np_wait *w);

/* [..] -> [.. string]  The first n > 0 bytes of the receive buffer. */
void np_stream_take(lua_State *L, np_stream *s, size_t n);

/* Takes n bytes off the receive buffer. */
void np_stream_consume(np_stream *s, size_t n);

/* --- writing --- */

/* Sends or queues n > 0 pieces, without waiting; 0, or an error after which
 * nothing more can be written. Plain. */
int np_stream_push(np_stream *s, const uv_buf_t *pieces, unsigned n);

/* Whether a file may be sent from the system's own memory now: the wire can,
 * nothing is unsent, and it has not just taken less than it was given.
 * Plain. */
bool np_stream_takes_file(const np_stream *s);

/* Then: sends bytes of a file, from an offset on, that are in memory, as many
 * as go at once; how many. 0: they have to be pushed, which waits for room, or
 * tells what is wrong. Plain. */
size_t np_stream_send_file(np_stream *s, int fd, int64_t offset, size_t n);

/* What a call that pushed with that status returns: true once no more than the
 * high-water mark is unsent, or nil and an error. The caller called
 * np_checkwait before it pushed. **waits** */
int np_stream_pushed(lua_State *L, np_stream *s, int status);

/* The same for bytes of a file: where files may be sent, it waits until
 * nothing is unsent, so that they may be again. **waits** */
int np_stream_pushed_file(lua_State *L, np_stream *s, int status);

/* --- what follows is between the stream_*.c files --- */

/* The userdata. The tag makes the check of self a comparison of memory: no
 * other userdata of this size begins with the address of our class. */
typedef struct np_stream_box {
  const np_class *tag;
  np_stream *stream; /* NULL once collected */
} np_stream_box;

/* Self of a method. **raises** also in a finalizer that outlives it */
np_stream *np_stream_self_checked(lua_State *L);

static inline np_stream *np_stream_self(lua_State *L) {
  np_stream_box *box = lua_touserdata(L, 1);
  if (box && lua_rawlen(L, 1) == sizeof(*box) && box->tag == &np_stream_class &&
      box->stream) {
    return box->stream;
  }
  return np_stream_self_checked(L);
}

/* Raises CLOSED if it was closed. */
void np_stream_checkopen(lua_State *L, np_stream *s);

/* [..] -> [.. nil err], 2: what failed, as "tcp read 127.0.0.1:80: ...". */
int np_stream_fail(lua_State *L, np_stream *s, int uv, const char *what);

/* Raises or pushes for a wait that did not end with what it waited for;
 * w->status is not 0. */
int np_stream_unfinished(lua_State *L, np_swait *w);

/* Parks on w, which is free; cls->cancel must be np_stream_cancel. */
int np_stream_park(lua_State *L, np_swait *w, const np_wait_class *cls);
void np_stream_wake(np_swait *w, int status);
bool np_stream_cancel(np_wait *w);
void np_stream_describe(np_wait *w, char *buf, size_t size);

/* The backlog, made if there is none; NULL for want of memory. Plain. */
np_backlog *np_stream_backlog(np_stream *s);

/* A free np_swaiter: the backlog's, or a userdata pushed on the stack. */
np_swait *np_stream_waiter(lua_State *L, np_stream *s, const char *what,
                           size_t mark);
void np_stream_wake_all(np_stream *s, size_t unsent, int status);

/* Next step of a close: send, discard, close the wire. */
void np_stream_closing(np_stream *s);

/* Looks from now on for what the peer takes; false when there was nothing at so
 * many looks in a row. */
void np_progress_begin(const np_stream *s, np_progress *p, uint8_t looks);
bool np_progress_made(const np_stream *s, np_progress *p, uint8_t looks);

size_t np_stream_unsent(const np_stream *s);

/* What the peer has not taken yet, for comparing: what is unsent, and what the
 * system holds. That gives room only for much at a time, so what is unsent
 * stays as it is while a slow peer takes bytes. */
size_t np_stream_untaken(const np_stream *s);
int np_stream_end_sending(np_stream *s);
void np_stream_start(np_stream *s);

/* The parts' callbacks from the wire. */
np_wire_room np_stream_room(void *user);
void np_stream_on_read(void *user, char *data, size_t n);
void np_stream_on_end(void *user, int status);
void np_stream_on_written(void *user, int status);
void np_stream_on_closed(void *user);

/* The host closes: nothing lingers. */
void np_stream_shut(np_handle *b);

/* The parts' functions of neap.core, and methods. */
extern const luaL_Reg np_stream_write_core[];
int np_stream_m_read(lua_State *L);
int np_stream_m_readexactly(lua_State *L);
int np_stream_m_readline(lua_State *L);
int np_stream_m_readuntil(lua_State *L);
int np_stream_m_readall(lua_State *L);
int np_stream_m_peek(lua_State *L);
int np_stream_m_lines(lua_State *L);
int np_stream_m_chunks(lua_State *L);
int np_stream_m_write(lua_State *L);
int np_stream_m_flush(lua_State *L);
int np_stream_m_shutdown(lua_State *L);
int np_stream_m_timeout(lua_State *L);
int np_stream_m_nodelay(lua_State *L);
int np_stream_m_keepalive(lua_State *L);
int np_stream_m_peername(lua_State *L);
int np_stream_m_sockname(lua_State *L);
int np_stream_m_fileno(lua_State *L);
int np_stream_m_tostring(lua_State *L);
int np_stream_m_start_tls(lua_State *L);
int np_stream_m_not_secure(lua_State *L);
int np_stream_m_isatty(lua_State *L);
int np_stream_m_winsize(lua_State *L);
int np_stream_m_raw(lua_State *L);

void np_stream_open(lua_State *L, np_host *h);

#endif
