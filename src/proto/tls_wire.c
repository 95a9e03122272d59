/*
 * tls_wire.c: the wire over a wire.
 *
 * Reading: what comes from below is fed to OpenSSL where it lies, and is
 * decrypted until nothing whole is left, so OpenSSL keeps part of a record at
 * most. The plaintext goes into one of the loop's buffers, which a stream may
 * take over; the buffer of the ciphertext is out of use meanwhile.
 *
 * The end of our direction is close_notify; the one below stays open, as the
 * peer may still send. An end from below without the peer's close_notify is an
 * error. Reading goes on after the handshake as the user wants it.
 *
 * OpenSSL's queue of errors is per thread: it is emptied before each call.
 */
#include <openssl/err.h>
#include <string.h>

#include "core/timer.h"
#include "io/bufpool.h"
#include "proto/tls.h"

enum { CLOSE_SECONDS = 5 }; /* for close_notify, if it cannot go out at once */

static np_tls *of_wire(np_wire *w) { return np_container_of(w, np_tls, wire); }

static void release_buf(np_tls *t, np_buf *b) {
  np_buf_release(b, t->base.host->alloc, t->base.host->alloc_ud);
}

/* ---- the wire below ---------------------------------------------------- */

static int start_below(np_tls *t) {
  if (t->below_started) return 0;
  int r = t->below->cls->start(t->below);
  t->below_started = r == 0;
  return r;
}

static void stop_below(np_tls *t) {
  if (t->below_started) t->below->cls->stop(t->below);
  t->below_started = false;
}

/* ---- failing ----------------------------------------------------------- */

/* Notes what a status means, `text` being NULL where libuv knows it. */
static void note_reason(np_tls *t, int status, const char *code,
                        const char *text) {
  t->status = status;
  t->code = code;
  if (text && !t->text && (t->text = np_alloc(t->base.host, NP_TLS_TEXT))) {
    size_t n = strnlen(text, NP_TLS_TEXT - 1);
    memcpy(t->text, text, n);
    t->text[n] = '\0';
  }
}

/* The end of both directions; the first failure counts. */
static void note_failure(np_tls *t, int status, const char *code,
                         const char *text) {
  if (t->state == NP_TLS_FAILED) return;
  t->state = NP_TLS_FAILED;
  note_reason(t, status, code, text);
  np_timer_stop(t->base.host, &t->deadline);
  np_tls_send_out(t);  // the alert
}

/* OpenSSL has failed: its reason, or that of the certificate. */
void np_tls_note_openssl(np_tls *t) {
  char text[NP_TLS_TEXT];
  np_tls_reason(text, sizeof(text));
  note_failure(t, UV_EPROTO, "TLS", text);
}

static void tell_ready(np_tls *t) {
  const np_wire_user *user = t->wire.callbacks;
  if (user->on_ready && !t->closing) user->on_ready(t->wire.user);
}

static void tell_end(np_tls *t, int status) {
  if (t->ended || t->closing) return;
  t->ended = true;
  stop_below(t);
  t->wire.callbacks->on_end(t->wire.user, status);
}

/* Tells the user of a failure. Only from the loop. */
static void tell_failure(np_tls *t) {
  const np_wire_user *user = t->wire.callbacks;
  stop_below(t);
  tell_end(t, t->status);
  if (t->writing && !t->closing) {
    t->writing = false;
    user->on_written(t->wire.user, t->status);
  }
  tell_ready(t);
}

static const char *tls_fault(np_wire *wire, int status, const char **code) {
  np_tls *t = of_wire(wire);
  if (status != t->status || !t->code) return NULL;
  *code = t->code;
  return t->text ? t->text : "it failed, and memory is out";
}

/* ---- decrypting -------------------------------------------------------- */

/* Reads what there is, *size bytes at most; the result of the last
 * SSL_get_error. OpenSSL is not asked where it has nothing left to look at. */
static int decrypt(np_tls *t, char *buf, size_t *size) {
  size_t n = 0, got, room = *size;
  int r = SSL_ERROR_NONE;
  np_tls_clear_errors();
  while (n < room && r == SSL_ERROR_NONE) {
    if (SSL_read_ex(t->ssl, buf + n, room - n, &got) != 1) {
      r = SSL_get_error(t->ssl, 0);
    } else {
      n += got;
      if (t->nfeed == 0 && !SSL_has_pending(t->ssl)) r = SSL_ERROR_WANT_READ;
    }
  }
  *size = n;
  return r;
}

/* Where to decrypt to: a record by itself goes into a buffer that it may fill,
 * and which can become a string then; several go into the loop's. */
static char *buffer_for(np_tls *t, size_t *size) {
  bool several = t->nfeed > NP_RECORD_SIZE + SSL3_RT_MAX_ENCRYPTED_OVERHEAD;
  *size = several ? NP_READ_SIZE : NP_RECORD_SIZE;
  return several ? np_bufpool_shared(t->base.host)
                 : np_bufpool_record(t->base.host);
}

/* Delivers what OpenSSL makes of the feed. */
static void read_plain(np_tls *t) {
  int r;
  do {
    size_t n;
    char *buf = buffer_for(t, &n);
    if (!buf) {
      note_failure(t, UV_ENOMEM, NULL, NULL);
      tell_failure(t);
      return;
    }
    r = decrypt(t, buf, &n);
    if (r == SSL_ERROR_SSL || r == SSL_ERROR_SYSCALL) np_tls_note_openssl(t);
    if (n > 0) {
      t->delivered = true;
      t->wire.callbacks->on_read(t->wire.user, buf, n);
    }
    if (t->closing) return;
  } while (r == SSL_ERROR_NONE);
  if (!t->held) np_tls_send_out(t);  // a key update is answered
  if (t->state == NP_TLS_FAILED) {
    tell_failure(t);
  } else if (r == SSL_ERROR_ZERO_RETURN) {
    tell_end(t, UV_EOF);
  }
}

/* ---- the handshake ----------------------------------------------------- */

static void handshake_done(np_tls *t) {
  t->state = NP_TLS_DONE;
  np_timer_stop(t->base.host, &t->deadline);
  if (t->writing) np_tls_encrypt_write(t);
  if (t->shut && t->nplain == 0) np_tls_close_notify(t);
}

/* The server must be asked which context the name has: what came waits. */
static void ask(np_tls *t) {
  np_host *h = t->base.host;
  t->state = NP_TLS_ASKING;
  stop_below(t);
  if (np_buf_append(&t->kept, t->feed, t->nfeed, h->alloc, h->alloc_ud) < 0) {
    note_failure(t, UV_ENOMEM, NULL, NULL);
  }
  t->nfeed = 0;
}

/* As far as it goes; the user is not told. A server's last records may be held:
 * see release_held. */
void np_tls_shake(np_tls *t) {
  ERR_clear_error();
  t->corked = true;
  int r = SSL_do_handshake(t->ssl);
  t->held = r == 1 && !t->client;
  if (t->held) {
    t->corked = false;
  } else {
    np_tls_uncork(t);
  }
  int error = r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);
  if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) {
    np_tls_note_openssl(t);
  } else if (error == SSL_ERROR_WANT_CLIENT_HELLO_CB) {
    ask(t);
  } else if (r == 1) {
    handshake_done(t);
  }
  if (!t->held) np_tls_send_out(t);
}

/* What is held: tickets and, in TLS 1.2, the end of the handshake. If bytes for
 * the user have come already, the answer is likely to be written in this turn,
 * and goes out with them. */
static void release_held(np_tls *t) {
  if (!t->held || t->closing) return;
  if (t->delivered && np_tls_start_soon(t) == 0) return;
  np_tls_uncork(t);
  np_tls_send_out(t);
}

void np_tls_advance(np_tls *t, const char *data, size_t n) {
  bool shook = t->state == NP_TLS_SHAKING;
  t->feed = data;
  t->nfeed = n;
  if (shook) {
    np_tls_shake(t);
    if (t->state == NP_TLS_FAILED) tell_failure(t);
  }
  if (t->state == NP_TLS_DONE) read_plain(t);
  if (shook && t->writing && t->state == NP_TLS_DONE && !t->closing) {
    np_tls_go_on_writing(t);
  }
  release_held(t);
  if (shook && t->state != NP_TLS_SHAKING) tell_ready(t);
  t->nfeed = 0;
}

void np_tls_refuse(np_tls *t) {
  if (t->state != NP_TLS_ASKING || t->closing) return;
  note_failure(t, UV_EPROTO, "TLS", "no context could be chosen for the name");
  tell_failure(t);
}

void np_tls_answer(np_tls *t, np_tls_context *chosen) {
  if (t->state != NP_TLS_ASKING || t->closing) return;
  t->state = NP_TLS_SHAKING;
  if (chosen && chosen != t->context) {
    chosen->holds++;
    t->chosen = chosen;
    if (!np_tls_context_apply(chosen, t)) {
      np_tls_note_openssl(t);
      tell_failure(t);
      return;
    }
  }
  np_buf kept = t->kept;
  t->kept = (np_buf){0};
  start_below(t);
  np_tls_advance(t, kept.base ? np_buf_data(&kept) : NULL, np_buf_size(&kept));
  release_buf(t, &kept);
}

void np_tls_on_deadline(np_timer *timer) {
  np_tls *t = np_container_of(timer, np_tls, deadline);
  if (t->closing) {
    t->below->cls->close(t->below, false);
    return;
  }
  note_failure(t, UV_ETIMEDOUT, "TIMEOUT", "TLS handshake: timed out");
  tell_failure(t);
}

/* ---- from below -------------------------------------------------------- */

/* A client of TLS 1.3 reads on behind the handshake, until bytes come for its
 * user: tickets that nobody reads would reset the connection when it closes,
 * and no session could be resumed. */
static bool wants_tickets(const np_tls *t) {
  return t->client && t->state == NP_TLS_DONE && !t->delivered && !t->ended;
}

static np_wire_room room(void *user) {
  np_tls *t = user;
  np_wire_room answer = NP_ROOM_NONE;
  if (t->state == NP_TLS_SHAKING || wants_tickets(t)) {
    answer = NP_ROOM;
  } else if (t->state == NP_TLS_DONE && t->started && !t->ended) {
    answer = t->wire.callbacks->room(t->wire.user);
    if (answer == NP_ROOM_NONE) t->started = false;
  }
  if (t->closing) answer = NP_ROOM_NONE;
  if (answer == NP_ROOM_NONE) t->below_started = false;
  return answer;
}

static void on_read(void *user, char *data, size_t n) {
  np_tls *t = user;
  np_host *h = t->base.host;
  if (t->closing) return;
  bool lent = np_bufpool_lend(h, data);
  np_tls_advance(t, data, n);
  if (lent) np_bufpool_return(h, data);
}

static void on_end(void *user, int status) {
  np_tls *t = user;
  t->below_started = false;
  if (t->closing || t->state == NP_TLS_FAILED) return;
  if (status != UV_EOF) {
    note_failure(t, status, NULL, NULL);
  } else if (t->state == NP_TLS_DONE) {
    if (t->ended) return;
    note_reason(t, UV_EPROTO, "TLS",
                "the peer ended the connection without close_notify: what it "
                "sent may be cut short");
    tell_end(t, UV_EPROTO);  // it may still read
    return;
  } else {
    note_failure(t, UV_EPROTO, "TLS",
                 "the peer ended the connection during the handshake");
  }
  tell_failure(t);
}

static void on_written(void *user, int status) {
  np_tls *t = user;
  release_buf(t, &t->sending);
  if (status < 0) {
    t->write_error = status;
    release_buf(t, &t->out);
  }
  np_tls_send_out(t);
  if (t->closing) {
    if (np_timer_running(&t->deadline) && !np_tls_is_blocked(t)) {
      np_timer_stop(t->base.host, &t->deadline);
      t->below->cls->close(t->below, false);
    }
    return;
  }
  if (t->state != NP_TLS_SHAKING && t->state != NP_TLS_ASKING) {
    np_tls_go_on_writing(t);
  }
}

static void on_closed(void *user) {
  np_tls *t = user;
  const np_wire_user *above = t->wire.callbacks;
  np_timer_stop(t->base.host, &t->deadline);
  if (t->writing) {
    t->writing = false;
    above->on_written(t->wire.user, UV_ECANCELED);
  }
  t->below = NULL;
  above->on_closed(t->wire.user);
  np_uv_closed(&t->base);
}

const np_wire_user np_tls_from_below = {
    .room = room,
    .on_read = on_read,
    .on_end = on_end,
    .on_written = on_written,
    .on_closed = on_closed,
};

/* ---- the other calls --------------------------------------------------- */

static int tls_start(np_wire *wire) {
  np_tls *t = of_wire(wire);
  if (t->state == NP_TLS_FAILED) {
    t->ended = true;
    return t->status;
  }
  t->started = true;
  return t->state == NP_TLS_DONE && !t->ended ? start_below(t) : 0;
}

static void tls_stop(np_wire *wire) {
  np_tls *t = of_wire(wire);
  t->started = false;
  if (t->state == NP_TLS_DONE && !wants_tickets(t)) stop_below(t);
}

/* close_notify says that nothing was left out: not if a write is given up. */
static void tls_close(np_wire *wire, bool reset) {
  np_tls *t = of_wire(wire);
  np_host *h = t->base.host;
  np_timer_stop(h, &t->deadline);
  np_timer_stop(h, &t->soon);
  if (!reset && !t->writing) np_tls_close_notify(t);
  t->closing = true;
  if (!reset && !t->writing && np_tls_is_blocked(t) && !t->host_closing) {
    uint64_t when = np_now(h) + CLOSE_SECONDS * NP_SECOND;
    t->deadline.weak = false;
    if (np_timer_start(h, &t->deadline, when) == 0) return;
  }
  t->below->cls->close(t->below, reset);
}

/* Takes in what lies in the socket now; true if there were bytes for the user,
 * which nobody wants any more. */
static bool drain(np_tls *t) {
  char *data = np_bufpool_shared(t->base.host);
  int fd;
  if (!data || t->below->cls->fileno(t->below, &fd) < 0) return true;
  ssize_t n = recv(fd, data, NP_READ_SIZE, MSG_DONTWAIT);
  if (n <= 0) return false;
  char scrap[1024];
  size_t got;
  t->feed = data;
  t->nfeed = (size_t)n;
  ERR_clear_error();
  int r = SSL_read_ex(t->ssl, scrap, sizeof(scrap), &got);
  t->nfeed = 0;
  return r == 1;
}

/* Tickets that came at the last moment are nothing to wait for. */
static bool tls_unread(np_wire *wire) {
  np_tls *t = of_wire(wire);
  np_wire *below = t->below;
  if (!below->cls->unread || !below->cls->unread(below)) return false;
  if (!wants_tickets(t) || below->cls == &np_tls_wire_class) return true;
  return drain(t) || below->cls->unread(below);
}

static int tls_name(np_wire *wire, bool peer, struct sockaddr_storage *out,
                    int *len) {
  np_wire *below = of_wire(wire)->below;
  return below->cls->name(below, peer, out, len);
}

static int tls_option(np_wire *wire, np_wire_option option, int value) {
  np_wire *below = of_wire(wire)->below;
  return below->cls->option(below, option, value);
}

static int tls_fileno(np_wire *wire, int *fd) {
  np_wire *below = of_wire(wire)->below;
  return below->cls->fileno(below, fd);
}

const np_wire_class np_tls_wire_class = {
    .try_write = np_tls_try_write,
    .write = np_tls_write,
    .unsent = np_tls_unsent,
    .held = np_tls_held,
    .shutdown = np_tls_shutdown,
    .start = tls_start,
    .stop = tls_stop,
    .close = tls_close,
    .unread = tls_unread,
    .name = tls_name,
    .option = tls_option,
    .fileno = tls_fileno,
    .fault = tls_fault,
};
