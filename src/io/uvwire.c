/*
 * uvwire.c: a wire over a uv_stream_t. The np_uvwire is libuv's: it is freed in
 * the close callback. Libuv reads into the buffer that all wires
 * of the loop share, and reading stays on as long as the user takes what
 * comes. Where the user has no room for this moment, on_alloc gives no buffer:
 * libuv then reports UV_ENOBUFS and tries again when it polls next, without
 * the system calls that stopping and starting would cost.
 */
#include "io/uvwire.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/bufpool.h"
#include "io/handle.h"

typedef struct np_uvwire {
  np_wire wire;
  np_host *host;
  uv_write_t *write_req; /* made for the first write that cannot be tried */
  uv_shutdown_t *shutdown_req;
  np_wire_room room; /* what on_alloc was told */
  bool writing;
  bool reading;
  union { /* last: only as large as its kind */
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
} np_uvwire;

static const char pipe_kind[] = "pipe"; /* not a socket */

static np_uvwire *of_wire(np_wire *w) {
  return np_container_of(w, np_uvwire, wire);
}

static size_t size_of(uv_handle_type type) {
  return offsetof(np_uvwire, uv) + uv_handle_size(type);
}

/* ---- reading ----------------------------------------------------------- */

static void on_alloc(uv_handle_t *uv, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  np_uvwire *w = uv->data;
  *buf = (uv_buf_t){0};
  w->room = w->wire.callbacks->room(w->wire.user);
  if (w->room != NP_ROOM) return;
  buf->base = np_bufpool_shared(w->host);
  buf->len = buf->base ? NP_READ_SIZE : 0;
}

static void uvwire_stop(np_wire *wire) {
  np_uvwire *w = of_wire(wire);
  w->reading = false;
  uv_read_stop(&w->uv.stream);
}

/* After a short read libuv takes a hang-up for the end, also that of a
 * connection which was reset: what came would look complete. It hands on no
 * buffer then; with an end that it has read it does. One more read tells;
 * SO_ERROR does not, as a reset after the end leaves an error there, too. */
static int how_it_ended(np_uvwire *w) {
  int fd;
  char byte;
  if (w->wire.kind == pipe_kind) return UV_EOF;
  if (uv_fileno((uv_handle_t *)&w->uv, &fd) < 0) return UV_EOF;
  ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n >= 0 || errno == EAGAIN || errno == EINTR) return UV_EOF;
  return uv_translate_sys_error(errno);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf) {
  np_uvwire *w = uv->data;
  const np_wire_user *user = w->wire.callbacks;
  if (n > 0) {
    user->on_read(w->wire.user, buf->base, (size_t)n);
  } else if (n == UV_ENOBUFS && w->room == NP_ROOM_SOON) {
    return;
  } else if (n == UV_ENOBUFS && w->room == NP_ROOM_NONE) {
    uvwire_stop(&w->wire);
  } else if (n < 0) {
    uvwire_stop(&w->wire);
    if (n == UV_EOF && !buf->base) n = how_it_ended(w);
    user->on_end(w->wire.user, n == UV_ENOBUFS ? UV_ENOMEM : (int)n);
  }
}

static int uvwire_start(np_wire *wire) {
  np_uvwire *w = of_wire(wire);
  if (w->reading) return 0;
  int r = uv_read_start(&w->uv.stream, on_alloc, on_read);
  w->reading = r == 0;
  return r;
}

/* ---- writing ----------------------------------------------------------- */

static ssize_t uvwire_try_write(np_wire *wire, const uv_buf_t *bufs,
                                unsigned n) {
  return uv_try_write(&of_wire(wire)->uv.stream, bufs, n);
}

static ssize_t uvwire_send_file(np_wire *wire, int fd, int64_t offset,
                                size_t n) {
  np_uvwire *w = of_wire(wire);
  int to;
  off_t at = (off_t)offset;
  ssize_t sent;
  if (w->wire.kind == pipe_kind) return UV_ENOTSUP;
  int r = uv_fileno((uv_handle_t *)&w->uv, &to);
  if (r < 0) return r;
  do {
    sent = sendfile(to, fd, &at, n);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? uv_translate_sys_error(errno) : sent;
}

static void on_written(uv_write_t *req, int status) {
  np_uvwire *w = req->handle->data;
  w->writing = false;
  w->wire.callbacks->on_written(w->wire.user, status);
}

static int uvwire_write(np_wire *wire, const char *data, size_t n) {
  np_uvwire *w = of_wire(wire);
  if (!w->write_req) {
    w->write_req = np_alloc(w->host, sizeof(*w->write_req));
    if (!w->write_req) return UV_ENOMEM;
  }
  uv_buf_t buf = {.base = (char *)data, .len = n};
  int r = uv_write(w->write_req, &w->uv.stream, &buf, 1, on_written);
  w->writing = r == 0;
  return r;
}

static size_t uvwire_unsent(np_wire *wire) {
  return uv_stream_get_write_queue_size(&of_wire(wire)->uv.stream);
}

static size_t uvwire_held(np_wire *wire) {
  int fd, n = 0;
  int r = uv_fileno((uv_handle_t *)&of_wire(wire)->uv, &fd);
  return r == 0 && ioctl(fd, TIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;
}

static void on_shutdown(uv_shutdown_t *req, int status) {
  (void)req;
  (void)status;  // the peer is gone: reads and writes tell
}

/* A pipe cannot be shut down, only closed; its handle goes on with a
 * descriptor of nothing. */
static int end_pipe(np_uvwire *w) {
  int fd;
  int r = uv_fileno((uv_handle_t *)&w->uv, &fd);
  if (r < 0) return r;
  int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nothing < 0) return uv_translate_sys_error(errno);
  if (dup3(nothing, fd, O_CLOEXEC) < 0) r = uv_translate_sys_error(errno);
  close(nothing);
  return r;
}

static int uvwire_shutdown(np_wire *wire) {
  np_uvwire *w = of_wire(wire);
  if (w->wire.kind == pipe_kind) return end_pipe(w);
  w->shutdown_req = np_alloc(w->host, sizeof(*w->shutdown_req));
  if (!w->shutdown_req) return UV_ENOMEM;
  int r = uv_shutdown(w->shutdown_req, &w->uv.stream, on_shutdown);
  if (r == UV_ENOTCONN) return 0;  // likewise
  return r;
}

/* ---- closing ----------------------------------------------------------- */

static void on_closed(uv_handle_t *uv) {
  np_uvwire *w = uv->data;
  np_host *h = w->host;
  const np_wire_user *user = w->wire.callbacks;
  if (user) user->on_closed(w->wire.user);
  if (w->write_req) np_free(h, w->write_req, sizeof(*w->write_req));
  if (w->shutdown_req) np_free(h, w->shutdown_req, sizeof(*w->shutdown_req));
  np_free(h, w, size_of(uv->type));
  np_host_handle_gone(h);
}

/* The system sends RST for what it still holds. */
static void set_reset(np_uvwire *w) {
  int fd;
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (w->uv.stream.type != UV_TCP) return;
  if (uv_fileno((uv_handle_t *)&w->uv, &fd) < 0) return;
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void uvwire_close(np_wire *wire, bool reset) {
  np_uvwire *w = of_wire(wire);
  if (reset) set_reset(w);
  uv_close((uv_handle_t *)&w->uv, on_closed);
}

/* ---- what the system knows of it --------------------------------------- */

static int uvwire_fileno(np_wire *wire, int *fd) {
  return uv_fileno((uv_handle_t *)&of_wire(wire)->uv, fd);
}

static bool uvwire_unread(np_wire *wire) {
  int fd, n = 0;
  if (uvwire_fileno(wire, &fd) < 0 || ioctl(fd, FIONREAD, &n) < 0) return false;
  return n > 0;
}

static int uvwire_name(np_wire *wire, bool peer, struct sockaddr_storage *out,
                       int *len) {
  int fd;
  int r = uvwire_fileno(wire, &fd);
  if (r < 0) return r;
  socklen_t n = sizeof(*out);
  r = peer ? getpeername(fd, (struct sockaddr *)out, &n)
           : getsockname(fd, (struct sockaddr *)out, &n);
  if (r < 0) return uv_translate_sys_error(errno);
  *len = (int)n;
  return 0;
}

static int uvwire_option(np_wire *wire, np_wire_option option, int value) {
  np_uvwire *w = of_wire(wire);
  if (w->uv.stream.type != UV_TCP) return UV_ENOTSUP;
  switch (option) {
    case NP_WIRE_NODELAY: return uv_tcp_nodelay(&w->uv.tcp, value);
    case NP_WIRE_KEEPALIVE:
      return uv_tcp_keepalive(&w->uv.tcp, value > 0, (unsigned)value);
  }
  return UV_ENOTSUP;
}

static const np_wire_class wire_class = {
    .try_write = uvwire_try_write,
    .send_file = uvwire_send_file,
    .write = uvwire_write,
    .unsent = uvwire_unsent,
    .held = uvwire_held,
    .shutdown = uvwire_shutdown,
    .start = uvwire_start,
    .stop = uvwire_stop,
    .close = uvwire_close,
    .unread = uvwire_unread,
    .name = uvwire_name,
    .option = uvwire_option,
    .fileno = uvwire_fileno,
};

/* ---- opening ----------------------------------------------------------- */

static int create(np_host *h, uv_handle_type type, const char *kind,
                  np_uvwire **out) {
  size_t size = size_of(type);
  int room = np_handle_room(h);
  if (room < 0) return room;
  np_uvwire *w = np_alloc(h, size);
  if (!w) return UV_ENOMEM;
  memset(w, 0, size);  // not sizeof(*w): its union may be larger
  w->wire.cls = &wire_class;
  w->wire.kind = kind;
  w->wire.polls = w->wire.outside = true;
  int r = type == UV_TCP ? uv_tcp_init(h->uv, &w->uv.tcp)
                         : uv_pipe_init(h->uv, &w->uv.pipe, 0);
  if (r < 0) {
    np_free(h, w, size);
    return r;
  }
  h->nhandles++;
  w->host = h;
  w->uv.stream.data = w;
  uv_unref((uv_handle_t *)&w->uv);
  *out = w;
  return 0;
}

int np_uvwire_tcp(np_host *h, np_wire **out) {
  np_uvwire *w;
  int r = create(h, UV_TCP, "tcp", &w);
  if (r == 0) *out = &w->wire;
  return r;
}

static int create_open(np_host *h, int fd, uv_handle_type type,
                       const char *kind, np_wire **out) {
  np_uvwire *w;
  int r = create(h, type, kind, &w);
  if (r < 0) return r;
  r = type == UV_TCP ? uv_tcp_open(&w->uv.tcp, fd)
                     : uv_pipe_open(&w->uv.pipe, fd);
  if (r < 0) {
    uv_close((uv_handle_t *)&w->uv, on_closed);
    return r;
  }
  *out = &w->wire;
  return 0;
}

int np_uvwire_socket(np_host *h, int fd, int family, np_wire **out) {
  return family == AF_UNIX ? create_open(h, fd, UV_NAMED_PIPE, "unix", out)
                           : create_open(h, fd, UV_TCP, "tcp", out);
}

static bool is_socket(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int np_uvwire_open(np_host *h, int fd, np_wire **out) {
  uv_handle_type type = uv_guess_handle(fd);
  if (type == UV_TCP) return create_open(h, fd, type, "tcp", out);
  if (type != UV_NAMED_PIPE) return UV_EINVAL;
  return create_open(h, fd, type, is_socket(fd) ? "unix" : pipe_kind, out);
}

uv_tcp_t *np_uvwire_handle(np_wire *w) { return &of_wire(w)->uv.tcp; }
