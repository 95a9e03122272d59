/*
 * memwire.c: a pair of wires without descriptors, for streams in tests. It
 * works under the virtual clock: what happens is delivered by a timer that is
 * due at once, so from the loop, and before the clock goes on.
 *
 * Each end owns the bytes in transit towards it (`in`, bounded, so a peer that
 * does not read is felt) and a set of events to deliver. A call changes the
 * state of both ends and starts the timer of each that has something to
 * deliver. The ends know each other until one closes.
 */
#include "io/memwire.h"

#include <string.h>
#include <sys/un.h>

#include "base/class.h"
#include "io/handle.h"
#include "io/stream.h"

enum { CAPACITY = 64 * 1024 };

typedef struct memwire {
  np_wire wire;
  np_handle base;       /* one hold, until on_closed */
  struct memwire *peer; /* NULL: it has closed */
  np_timer timer;
  np_buf in;
  size_t capacity;
  const char *data; /* of the write under way */
  size_t size;      /* what is left of it */
  int end;          /* behind `in`: UV_EOF, UV_ECONNRESET */
  int written;      /* result of a write, for on_written */
  bool reading;
  bool tell_written; /* an event: on_written */
  bool closed;       /* another: on_closed */
  bool no_timers;    /* the host closes: close calls on_closed itself */
} memwire;

static memwire *of_wire(np_wire *w) {
  return np_container_of(w, memwire, wire);
}

/* ---- events ------------------------------------------------------------ */

static bool has_event(const memwire *w) {
  if (w->closed || w->tell_written) return true;
  return w->reading && (np_buf_size(&w->in) > 0 || w->end);
}

static void schedule(memwire *w) {
  if (np_timer_running(&w->timer) || !has_event(w)) return;
  // due a millisecond ago, or libuv's timer would round up to the next one
  uint64_t now = np_now(w->base.host);
  np_timer_start(w->base.host, &w->timer,
                 now - (now < 1000000 ? now : 1000000));
}

static size_t room_at(const memwire *w) {
  return w->capacity - np_buf_size(&w->in);
}

/* Moves bytes of the write under way to the peer. */
static void pump(memwire *w) {
  memwire *peer = w->peer;
  if (w->size == 0) return;
  size_t n = peer && room_at(peer) < w->size ? room_at(peer) : w->size;
  if (!peer || peer->closed) {
    w->written = UV_EPIPE;
    w->size = 0;
  } else if (np_buf_append(&peer->in, w->data, n, w->base.host->alloc,
                           w->base.host->alloc_ud) < 0) {
    w->written = UV_ENOMEM;
    w->size = 0;
  } else {
    w->data += n;
    w->size -= n;
    schedule(peer);
  }
  w->tell_written = w->size == 0;
  schedule(w);
}

/* One delivery of bytes or the end; false if there is none to make. */
static bool deliver(memwire *w) {
  size_t n = np_buf_size(&w->in);
  if (!w->reading || w->closed) return false;
  if (n == 0 && !w->end) return false;
  np_wire_room room = n ? w->wire.callbacks->room(w->wire.user) : NP_ROOM;
  if (room != NP_ROOM) {
    w->reading = false;  // the user starts it again
    return false;
  }
  if (n == 0) {
    w->reading = false;
    w->wire.callbacks->on_end(w->wire.user, w->end);
    return false;
  }
  w->wire.callbacks->on_read(w->wire.user, np_buf_data(&w->in), n);
  np_buf_consume(&w->in, n);
  if (w->peer) pump(w->peer);
  return true;
}

static void on_timer(np_timer *t) {
  memwire *w = np_container_of(t, memwire, timer);
  const np_wire_user *user = w->wire.callbacks;
  if (w->tell_written) {
    w->tell_written = false;
    user->on_written(w->wire.user, w->written);
  }
  if (w->closed) {
    user->on_closed(w->wire.user);
    np_uv_closed(&w->base);
    return;
  }
  while (deliver(w)) {
  }
  schedule(w);
}

/* The host closes: its timers do not run any more. */
static void mem_shut(np_handle *b) {
  memwire *w = np_container_of(b, memwire, base);
  w->no_timers = true;
  if (w->closed) on_timer(&w->timer);
}

static void mem_destroy(np_handle *b) {
  memwire *w = np_container_of(b, memwire, base);
  np_timer_stop(b->host, &w->timer);
  np_buf_release(&w->in, b->host->alloc, b->host->alloc_ud);
  np_free(b->host, w, sizeof(*w));
}

static const np_handle_class handle_class = {.shut = mem_shut,
                                             .destroy = mem_destroy};

/* ---- calls ------------------------------------------------------------- */

static ssize_t mem_try_write(np_wire *wire, const uv_buf_t *bufs, unsigned n) {
  memwire *w = of_wire(wire), *peer = w->peer;
  if (!peer || peer->closed) return UV_EPIPE;
  size_t sent = 0;
  for (unsigned i = 0; i < n && room_at(peer) > 0; i++) {
    size_t part = bufs[i].len < room_at(peer) ? bufs[i].len : room_at(peer);
    if (np_buf_append(&peer->in, bufs[i].base, part, w->base.host->alloc,
                      w->base.host->alloc_ud) < 0) {
      return sent ? (ssize_t)sent : UV_ENOMEM;
    }
    sent += part;
  }
  schedule(peer);
  return sent ? (ssize_t)sent : UV_EAGAIN;
}

static int mem_write(np_wire *wire, const char *data, size_t n) {
  memwire *w = of_wire(wire);
  w->data = data;
  w->size = n;
  w->written = 0;
  pump(w);
  return 0;
}

static size_t mem_unsent(np_wire *wire) { return of_wire(wire)->size; }

static int mem_shutdown(np_wire *wire) {
  memwire *peer = of_wire(wire)->peer;
  if (!peer) return 0;
  if (!peer->end) peer->end = UV_EOF;
  schedule(peer);
  return 0;
}

static int mem_start(np_wire *wire) {
  memwire *w = of_wire(wire);
  w->reading = true;
  schedule(w);
  return 0;
}

static void mem_stop(np_wire *wire) { of_wire(wire)->reading = false; }

/* What the peer has not read yet it still gets, unless it is reset; what it
 * writes from now on fails. */
static void mem_close(np_wire *wire, bool reset) {
  memwire *w = of_wire(wire), *peer = w->peer;
  if (peer) {
    if (reset) {
      np_buf_consume(&peer->in, np_buf_size(&peer->in));
      peer->end = UV_ECONNRESET;
    } else if (!peer->end) {
      peer->end = UV_EOF;
    }
    peer->peer = NULL;
    w->peer = NULL;
    pump(peer);
    schedule(peer);
  }
  w->closed = true;
  if (w->size > 0) {
    w->size = 0;
    w->written = UV_ECANCELED;
    w->tell_written = true;
  }
  if (w->no_timers) {
    on_timer(&w->timer);
  } else {
    schedule(w);
  }
}

static int mem_name(np_wire *wire, bool peer, struct sockaddr_storage *out,
                    int *len) {
  (void)wire, (void)peer;
  struct sockaddr_un *un = (struct sockaddr_un *)out;
  memset(out, 0, sizeof(*out));
  un->sun_family = AF_UNIX;
  *len = (int)offsetof(struct sockaddr_un, sun_path);
  return 0;
}

static int mem_option(np_wire *wire, np_wire_option option, int value) {
  (void)wire, (void)option, (void)value;
  return UV_ENOTSUP;
}

static int mem_fileno(np_wire *wire, int *fd) {
  (void)wire, (void)fd;
  return UV_ENOTSUP;
}

static const np_wire_class wire_class = {
    .try_write = mem_try_write,
    .write = mem_write,
    .unsent = mem_unsent,
    .shutdown = mem_shutdown,
    .start = mem_start,
    .stop = mem_stop,
    .close = mem_close,
    .name = mem_name,
    .option = mem_option,
    .fileno = mem_fileno,
};

/* ---- opening ----------------------------------------------------------- */

static memwire *create(np_host *h, size_t capacity) {
  memwire *w = np_alloc(h, sizeof(*w));
  if (!w) return NULL;
  *w = (memwire){
      .wire = {.cls = &wire_class, .kind = "memory"},
      .timer = {.fire = on_timer},
      .capacity = capacity,
  };
  np_handle_init(&w->base, h, &handle_class);
  return w;
}

static np_wire *open_wire(memwire *w) {
  np_uv_opened(&w->base);
  np_release(&w->base);  // the hold of the open wire alone
  np_handle_list(&w->base);
  return &w->wire;
}

int np_memwire_pair(np_host *h, size_t capacity, np_wire *out[2]) {
  memwire *a = create(h, capacity);
  memwire *b = create(h, capacity);
  if (!a || !b) {
    if (a) np_release(&a->base);
    if (b) np_release(&b->base);
    return UV_ENOMEM;
  }
  a->peer = b;
  b->peer = a;
  out[0] = open_wire(a);
  out[1] = open_wire(b);
  return 0;
}

/* memory_pair([capacity]) -> two connected Streams */
static int core_memory_pair(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Integer capacity = CAPACITY;
  if (!lua_isnoneornil(L, 1)) capacity = np_checkinteger(L, 1, 1, 1 << 30);
  np_stream *a = np_stream_new(L, h);
  np_stream *b = np_stream_new(L, h);
  np_wire *wires[2];
  if (np_memwire_pair(h, (size_t)capacity, wires) < 0) {
    return luaL_error(L, "not enough memory");
  }
  np_stream_attach(a, wires[0]);
  np_stream_attach(b, wires[1]);
  return 2;
}

void np_memwire_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"memory_pair", core_memory_pair},
      {NULL, NULL},
  };
  np_setfuncs(L, h, functions);
}
