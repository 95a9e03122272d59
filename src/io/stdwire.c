/*
 * stdwire.c: the wire over one of the standard descriptors. Others share these
 * descriptors (children, the shell, print), so they must not become
 * non-blocking, and that is a property of what is open, not of the number:
 *
 * a pipe, a terminal   is opened once more through /proc/self/fd: that is ours
 *                      alone, non-blocking, and polled by the loop
 * a socket             cannot be opened again; a duplicate is polled, and each
 *                      call says MSG_DONTWAIT
 * anything else        (files, devices, what may not be opened again) is read
 *                      by a thread of the pool, and written as print does it
 *
 * C's own buffer is flushed before each write, so that print and io.write keep
 * their place; and before stdin is read, so that a prompt is seen.
 */
#include "io/stdwire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/bufpool.h"
#include "io/fsops.h"
#include "io/work.h"

typedef enum stdmode { POLLED, SOCKET, BLOCKING } stdmode;

typedef struct stdwire {
  np_work work; /* first: reads, when BLOCKING */
  np_wire wire;
  stdmode mode;
  int number; /* 0, 1, 2 */
  int fd;     /* ours, or the number */
  bool reading;
  bool busy;        /* a thread is reading */
  bool closing;     /* close was called */
  bool uv_closed;   /* and uv has closed */
  const char *data; /* of the write under way */
  size_t size;      /* what is left of it */
  bool writing;
  char *chunk; /* what a thread reads into */
  ssize_t got;
  union {
    uv_poll_t poll;
    uv_idle_t idle; /* never started: gives a close callback */
  } uv;
} stdwire;

static stdwire *of_wire(np_wire *w) {
  return np_container_of(w, stdwire, wire);
}

static void flush_c(int number) {
  fflush(number == STDERR_FILENO ? stderr : stdout);
}

/* ---- the end ----------------------------------------------------------- */

static void finish_close(stdwire *w) {
  if (!w->uv_closed || w->busy) return;
  if (w->writing) {
    w->writing = false;
    w->wire.callbacks->on_written(w->wire.user, UV_ECANCELED);
  }
  if (w->wire.callbacks) w->wire.callbacks->on_closed(w->wire.user);
  np_uv_closed(&w->work.base);
}

static void on_closed(uv_handle_t *uv) {
  stdwire *w = uv->data;
  w->uv_closed = true;
  finish_close(w);
}

static void on_destroy(np_work *work) {
  stdwire *w = (stdwire *)work;
  if (w->fd != w->number) close(w->fd);
  if (w->chunk) np_free(work->base.host, w->chunk, NP_READ_SIZE);
  np_free(work->base.host, w, sizeof(*w));
}

/* A thread's read is not needed any more. */
static void stop_thread(stdwire *w) {
  if (w->busy && np_work_cancel(&w->work)) w->busy = false;
}

static void on_shut(np_work *work) {
  stdwire *w = (stdwire *)work;
  stop_thread(w);
  if (w->closing) finish_close(w);
}

static void std_close(np_wire *wire, bool reset) {
  (void)reset;
  stdwire *w = of_wire(wire);
  w->closing = true;
  w->reading = false;
  stop_thread(w);
  uv_close((uv_handle_t *)&w->uv, on_closed);
}

/* ---- reading on a thread ----------------------------------------------- */

static int on_run(np_work *work) {
  stdwire *w = (stdwire *)work;
  int r = np_fsop_poll(w->fd, false, &w->work.cancelled, work->wanted);
  if (r < 0) return r;
  w->got = np_fsop_read(w->fd, w->chunk, NP_READ_SIZE, -1);
  return w->got < 0 ? (int)w->got : 0;
}

static void submit(stdwire *w) {
  w->busy = true;
  w->work.cancelled = false;
  np_work_submit(&w->work);
}

static bool on_done(np_work *work) {
  stdwire *w = (stdwire *)work;
  const np_wire_user *user = w->wire.callbacks;
  w->busy = false;
  if (w->closing) {
    finish_close(w);
  } else if (work->status == UV_ECANCELED) {
    if (w->reading) submit(w);  // was started again meanwhile
  } else if (work->status == 0 && w->got > 0) {
    user->on_read(w->wire.user, w->chunk, (size_t)w->got);
    if (w->reading && !w->busy && !w->closing) submit(w);
  } else {
    w->reading = false;
    user->on_end(w->wire.user, work->status < 0 ? work->status : UV_EOF);
  }
  return false;
}

/* ---- polling ----------------------------------------------------------- */

static void on_poll(uv_poll_t *uv, int status, int events);

static int update_poll(stdwire *w) {
  int events = (w->reading ? UV_READABLE : 0) | (w->writing ? UV_WRITABLE : 0);
  if (!events) return uv_poll_stop(&w->uv.poll);
  return uv_poll_start(&w->uv.poll, events, on_poll);
}

static ssize_t receive(stdwire *w, char *buf, size_t n) {
  ssize_t got;
  do {
    got = w->mode == SOCKET ? recv(w->fd, buf, n, MSG_DONTWAIT)
                            : read(w->fd, buf, n);
  } while (got < 0 && errno == EINTR);
  return got < 0 ? np_fsop_errno() : got;
}

/* Bytes taken, or an error; UV_EAGAIN only where the descriptor is polled. */
static ssize_t send_some(stdwire *w, const char *data, size_t n) {
  ssize_t sent;
  do {
    sent = w->mode == SOCKET ? send(w->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                             : write(w->fd, data, n);
    if (sent < 0 && errno == EAGAIN && w->mode == BLOCKING) {
      struct pollfd p = {.fd = w->fd, .events = POLLOUT};
      poll(&p, 1, -1);  // somebody else made it non-blocking
      errno = EINTR;
    }
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? np_fsop_errno() : sent;
}

static void read_polled(stdwire *w) {
  const np_wire_user *user = w->wire.callbacks;
  char *buf = np_bufpool_shared(w->work.base.host);
  ssize_t n = buf ? receive(w, buf, NP_READ_SIZE) : UV_ENOMEM;
  if (n == UV_EAGAIN) return;
  if (n > 0) {
    user->on_read(w->wire.user, buf, (size_t)n);
    return;
  }
  w->reading = false;
  update_poll(w);
  user->on_end(w->wire.user, n < 0 ? (int)n : UV_EOF);
}

static void write_polled(stdwire *w) {
  flush_c(w->number);
  ssize_t n = send_some(w, w->data, w->size);
  if (n == UV_EAGAIN) return;
  if (n > 0) {
    w->data += n;
    w->size -= (size_t)n;
  }
  if (n >= 0 && w->size > 0) return;
  w->writing = false;
  update_poll(w);
  w->wire.callbacks->on_written(w->wire.user, n < 0 ? (int)n : 0);
}

static void on_poll(uv_poll_t *uv, int status, int events) {
  stdwire *w = uv->data;
  if (status < 0) events = UV_READABLE | UV_WRITABLE;  // the calls tell
  if (w->writing && (events & UV_WRITABLE)) write_polled(w);
  if (w->reading && !w->closing && (events & UV_READABLE)) read_polled(w);
}

/* ---- calls ------------------------------------------------------------- */

static int std_start(np_wire *wire) {
  stdwire *w = of_wire(wire);
  flush_c(STDOUT_FILENO);
  w->reading = true;
  if (w->mode != BLOCKING) return update_poll(w);
  if (!w->chunk) w->chunk = np_alloc(w->work.base.host, NP_READ_SIZE);
  if (!w->chunk) return UV_ENOMEM;
  if (!w->busy) submit(w);
  return 0;
}

static void std_stop(np_wire *wire) {
  stdwire *w = of_wire(wire);
  w->reading = false;
  if (w->mode != BLOCKING) {
    update_poll(w);
  } else {
    stop_thread(w);
  }
}

static ssize_t std_try_write(np_wire *wire, const uv_buf_t *bufs, unsigned n) {
  stdwire *w = of_wire(wire);
  ssize_t total = 0;
  flush_c(w->number);
  for (unsigned i = 0; i < n; i++) {
    size_t at = 0;
    while (at < bufs[i].len) {
      ssize_t sent = send_some(w, bufs[i].base + at, bufs[i].len - at);
      if (sent < 0) return total > 0 && sent == UV_EAGAIN ? total : sent;
      at += (size_t)sent;
      total += sent;
    }
  }
  return total;
}

static int std_write(np_wire *wire, const char *data, size_t n) {
  stdwire *w = of_wire(wire);
  w->data = data;
  w->size = n;
  w->writing = true;
  if (w->mode != BLOCKING) return update_poll(w);
  return UV_EAGAIN;  // not reached: try_write takes everything
}

static size_t std_unsent(np_wire *wire) { return of_wire(wire)->size; }

void np_stdwire_drain(np_wire *wire, const char *data, size_t n, bool patient) {
  stdwire *w = of_wire(wire);
  const struct {
    const char *data;
    size_t n;
  } parts[] = {{w->data, w->size}, {data, n}};
  w->size = 0;
  for (int i = 0; i < 2; i++) {
    size_t at = 0;
    while (at < parts[i].n) {
      ssize_t sent = send_some(w, parts[i].data + at, parts[i].n - at);
      struct pollfd p = {.fd = w->fd, .events = POLLOUT};
      if (sent == UV_EAGAIN && patient) {
        poll(&p, 1, -1);
      } else if (sent < 0) {
        return;
      } else {
        at += (size_t)sent;
      }
    }
  }
}

static int std_shutdown(np_wire *wire) {
  stdwire *w = of_wire(wire);
  if (w->mode == SOCKET && shutdown(w->fd, SHUT_WR) < 0) return 0;
  return 0;
}

static int std_name(np_wire *wire, bool peer, struct sockaddr_storage *out,
                    int *len) {
  (void)wire, (void)peer, (void)out, (void)len;
  return UV_ENOTSOCK;
}

static int std_option(np_wire *wire, np_wire_option option, int value) {
  (void)wire, (void)option, (void)value;
  return UV_ENOTSUP;
}

static int std_fileno(np_wire *wire, int *fd) {
  *fd = of_wire(wire)->number;
  return 0;
}

static const np_wire_class wire_class = {
    .try_write = std_try_write,
    .write = std_write,
    .unsent = std_unsent,
    .shutdown = std_shutdown,
    .start = std_start,
    .stop = std_stop,
    .close = std_close,
    .name = std_name,
    .option = std_option,
    .fileno = std_fileno,
};

/* ---- opening ----------------------------------------------------------- */

/* What is at fd, opened once more for us alone; -1 where that cannot be. */
static int open_again(int fd, const struct stat *st) {
  char path[32];
  int master;
  bool terminal =
      S_ISCHR(st->st_mode) && isatty(fd) && ioctl(fd, TIOCGPTN, &master) < 0;
  if (!terminal && !S_ISFIFO(st->st_mode)) return -1;
  int flags = fcntl(fd, F_GETFL) & O_ACCMODE;
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  int ours = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  struct stat again;
  if (ours < 0) return -1;
  if (fstat(ours, &again) == 0 && again.st_dev == st->st_dev &&
      again.st_ino == st->st_ino) {
    return ours;
  }
  close(ours);
  return -1;
}

static const char *choose(stdwire *w) {
  struct stat st;
  w->mode = BLOCKING;
  w->fd = w->number;
  if (fstat(w->number, &st) < 0) return "closed descriptor";
  if (S_ISREG(st.st_mode)) return "file";
  bool terminal = isatty(w->number);
  const char *kind = terminal               ? "terminal"
                     : S_ISFIFO(st.st_mode) ? "pipe"
                     : S_ISSOCK(st.st_mode) ? "socket"
                                            : "device";
  int ours = S_ISSOCK(st.st_mode) ? fcntl(w->number, F_DUPFD_CLOEXEC, 3)
                                  : open_again(w->number, &st);
  if (ours < 0) return kind;
  w->fd = ours;
  w->mode = S_ISSOCK(st.st_mode) ? SOCKET : POLLED;
  return kind;
}

/* 0 or an error: then it is read by threads. */
static int init_poll(stdwire *w) {
  int flags = fcntl(w->fd, F_GETFL);
  int r = uv_poll_init(w->work.base.host->uv, &w->uv.poll, w->fd);
  if (w->mode == SOCKET) fcntl(w->fd, F_SETFL, flags);  // as it was
  if (r < 0) {
    close(w->fd);
    w->fd = w->number;
    w->mode = BLOCKING;
  }
  return r;
}

int np_stdwire_open(lua_State *L, np_host *h, int fd, np_wire **out) {
  stdwire *w = np_alloc(h, sizeof(*w));
  if (!w) return UV_ENOMEM;
  memset(w, 0, sizeof(*w));
  w->number = fd;
  w->work.run = on_run;
  w->work.done = on_done;
  w->work.shut = on_shut;
  w->work.destroy = on_destroy;
  w->wire.cls = &wire_class;
  w->wire.outside = true;
  np_work_init(L, h, &w->work);
  w->wire.kind = choose(w);
  if (w->mode == BLOCKING || init_poll(w) < 0) {
    uv_idle_init(h->uv, &w->uv.idle);
  }
  w->uv.poll.data = w;
  uv_unref((uv_handle_t *)&w->uv);
  np_uv_opened(&w->work.base);
  np_release(&w->work.base);  // the hold of the open wire alone
  *out = &w->wire;
  return 0;
}

void np_stdwire_reserve(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // the lowest free number is fd
    if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) return;
  }
}
