/*
 * wire.h: what carries the bytes of a Stream. A wire is a socket of libuv
 * (uvwire.c), an in-memory pair (memwire.c), or a layer over another wire,
 * such as TLS. Above it sits its user: a stream, or the wire of such a layer.
 *
 * Rules. Calls go down, callbacks come up, and a callback never comes from
 * inside a call: it comes from the loop. A callback may call down again. The
 * wire frees itself: after `close` exactly one on_closed follows, and nothing
 * after that. All of this is plain C: no Lua.
 */
#ifndef NP_WIRE_H
#define NP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/host.h"

typedef struct np_wire np_wire;

/* What a wire may do with bytes that arrive now. */
typedef enum np_wire_room {
  NP_ROOM,      /* deliver them */
  NP_ROOM_SOON, /* a wire with `polls` asks again when it next polls: there
                    will be room after this turn */
  NP_ROOM_NONE, /* stop reading; the user calls start when there is room */
} np_wire_room;

typedef enum np_wire_option {
  NP_WIRE_NODELAY,   /* value: 0 or 1 */
  NP_WIRE_KEEPALIVE, /* value: seconds, 0 is off */
} np_wire_option;

/* The callbacks of a wire's user. */
typedef struct np_wire_user {
  np_wire_room (*room)(void *user);

  /* n > 0 bytes at data, valid during the call. If they are in the loop's
   * buffer, np_bufpool_append may take it over. */
  void (*on_read)(void *user, char *data, size_t n);

  /* Nothing more will come: UV_EOF or an error. */
  void (*on_end)(void *user, int status);

  /* The write is done: 0 or an error. Its bytes are no longer used. */
  void (*on_written)(void *user, int status);

  void (*on_closed)(void *user);

  /* A layer such as TLS has got further in what its own waits are for. Unlike
   * the others it may come from a call of that layer's module. NULL: nobody
   * minds. */
  void (*on_ready)(void *user);
} np_wire_user;

typedef struct np_wire_class {
  /* Sends what it can take at once; the number of bytes taken, UV_EAGAIN for
   * none, or an error. Only while no write is under way. */
  ssize_t (*try_write)(np_wire *w, const uv_buf_t *bufs, unsigned n);

  /* Sends bytes of a file, from an offset on, that are in memory, what it can
   * take at once: how many, UV_EAGAIN for none, or an error, which may be the
   * file's. Only while no write is under way. NULL: what is sent has to come
   * from our memory. */
  ssize_t (*send_file)(np_wire *w, int fd, int64_t offset, size_t n);

  /* Starts sending; the bytes stay where they are until on_written. One write
   * at a time. An error means that it was not started. */
  int (*write)(np_wire *w, const char *data, size_t n);

  /* How many bytes of the write under way are still unsent. */
  size_t (*unsent)(np_wire *w);

  /* How much of what the system was given the peer's has not taken yet. It is
   * for comparing: less than before is progress. NULL: that is not known. */
  size_t (*held)(np_wire *w);

  /* Ends our direction; only while no write is under way. */
  int (*shutdown)(np_wire *w);

  /* Reading goes on (an error: it does not), or stops. Idempotent. */
  int (*start)(np_wire *w);
  void (*stop)(np_wire *w);

  /* Closes; with `reset` the peer is told that it is not an orderly end. A
   * write under way is given up: on_written comes first, with UV_ECANCELED. */
  void (*close)(np_wire *w, bool reset);

  /* Bytes have arrived that nobody has read: closing now would reset the
   * connection and what we sent last could be lost. NULL: never. */
  bool (*unread)(np_wire *w);

  /* The address of this end or the peer's; the length in *len. */
  int (*name)(np_wire *w, bool peer, struct sockaddr_storage *out, int *len);

  int (*option)(np_wire *w, np_wire_option option, int value);
  int (*fileno)(np_wire *w, int *fd);

  /* The text of a status that means more than libuv knows, which lives as long
   * as the wire, and the code of the error in *code; else NULL. The function
   * may be NULL, too. */
  const char *(*fault)(np_wire *w, int status, const char **code);
} np_wire_class;

struct np_wire {
  const np_wire_class *cls;
  const char *kind; /* "tcp", "unix", "tls", "memory": begins descriptions */
  bool polls;       /* may be told NP_ROOM_SOON */
  bool outside;     /* the other end is outside of this host: a wait for it is
                       no deadlock */
  const np_wire_user *callbacks;
  void *user;
};

#endif
