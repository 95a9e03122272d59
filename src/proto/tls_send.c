/*
 * tls_send.c: what goes down: OpenSSL's records, and the user's writes.
 *
 * Records are tried below at once, several of a large write together, and so
 * are those of a flight of the handshake. A server's tickets are held for the
 * answer to what came with the client's last flight, to the end of the turn at
 * most.
 *
 * What does not go out is kept in `out`, and then nothing more is encrypted. Of
 * records that have not gone out whole, the user keeps the plaintext and is
 * told that it was not taken; the next write leaves out those `ahead` bytes. So
 * a user counts right what is unsent, and a peer that does not read is felt
 * through both layers.
 */
#include <openssl/err.h>
#include <string.h>

#include "proto/tls.h"

enum { TOGETHER = 4 }; /* records of a write below: 64 KiB */

static void release_buf(np_tls *t, np_buf *b) {
  np_buf_release(b, t->base.host->alloc, t->base.host->alloc_ud);
}

static np_tls *of_wire(np_wire *w) { return np_container_of(w, np_tls, wire); }

/* ---- OpenSSL's way down ------------------------------------------------ */

/* Takes it all: an error below is remembered. */
static int bio_write(BIO *bio, const char *data, int size) {
  np_tls *t = BIO_get_data(bio);
  np_host *h = t->base.host;
  size_t n = (size_t)size, sent = 0;
  BIO_clear_retry_flags(bio);
  if (!t->corked && !t->held && !np_tls_is_blocked(t) && !t->write_error) {
    uv_buf_t piece = {.base = (char *)data, .len = n};
    ssize_t r = t->below->cls->try_write(t->below, &piece, 1);
    if (r < 0 && r != UV_EAGAIN) t->write_error = (int)r;
    if (r > 0) sent = (size_t)r;
  }
  if (!t->write_error && np_buf_append(&t->out, data + sent, n - sent, h->alloc,
                                       h->alloc_ud) < 0) {
    t->write_error = UV_ENOMEM;
  }
  return size;
}

static int bio_read(BIO *bio, char *data, int size) {
  np_tls *t = BIO_get_data(bio);
  size_t n = t->nfeed < (size_t)size ? t->nfeed : (size_t)size;
  BIO_clear_retry_flags(bio);
  if (n == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  memcpy(data, t->feed, n);
  t->feed += n;
  t->nfeed -= n;
  return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO_METHOD *np_tls_bio_method(void) {
  BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "neap wire");
  if (!m) return NULL;
  BIO_meth_set_write(m, bio_write);
  BIO_meth_set_read(m, bio_read);
  BIO_meth_set_ctrl(m, bio_ctrl);
  return m;
}

/* Sends what bio_write has kept. */
void np_tls_send_out(np_tls *t) {
  t->held = false;
  if (t->sending.base || !t->out.base) return;
  if (t->write_error) {
    release_buf(t, &t->out);
    return;
  }
  t->sending = t->out;
  t->out = (np_buf){0};
  int r = t->below->cls->write(t->below, np_buf_data(&t->sending),
                               np_buf_size(&t->sending));
  if (r < 0) {
    t->write_error = r;
    release_buf(t, &t->sending);
  }
}

void np_tls_uncork(np_tls *t) {
  t->corked = t->held = false;
  if (!t->out.base || t->sending.base || t->write_error) return;
  uv_buf_t all = {.base = np_buf_data(&t->out), .len = np_buf_size(&t->out)};
  ssize_t n = t->below->cls->try_write(t->below, &all, 1);
  if (n < 0 && n != UV_EAGAIN) t->write_error = (int)n;
  if (n > 0) np_buf_consume(&t->out, (size_t)n);
  if (t->write_error || np_buf_size(&t->out) == 0) release_buf(t, &t->out);
}

/* ---- encrypting -------------------------------------------------------- */

/* Bytes of a record; 0: it failed. */
static size_t encrypt(np_tls *t, const char *data, size_t n) {
  size_t done = 0;
  np_tls_clear_errors();
  if (n > NP_TLS_RECORD) n = NP_TLS_RECORD;
  if (SSL_write_ex(t->ssl, data, n, &done) != 1) {
    np_tls_note_openssl(t);
    return 0;
  }
  return done;
}

/* Encrypts of the user's write as much as goes out. */
void np_tls_encrypt_write(np_tls *t) {
  while (t->nplain > 0 && !np_tls_is_blocked(t) && !t->write_error &&
         t->state == NP_TLS_DONE) {
    t->corked = t->nplain > NP_TLS_RECORD;
    for (int i = 0; i < TOGETHER && t->nplain > 0; i++) {
      size_t n = encrypt(t, t->plain, t->nplain);
      if (n == 0) break;
      t->plain += n;
      t->nplain -= n;
    }
    np_tls_uncork(t);
  }
  np_tls_send_out(t);
}

static int write_status(const np_tls *t) {
  return t->state == NP_TLS_FAILED ? t->status : t->write_error;
}

static bool write_is_done(const np_tls *t) {
  return t->writing &&
         (write_status(t) < 0 || (t->nplain == 0 && !np_tls_is_blocked(t)));
}

/* close_notify, when all that was written is encrypted. */
void np_tls_close_notify(np_tls *t) {
  if (t->state != NP_TLS_DONE || t->write_error) return;
  ERR_clear_error();
  SSL_shutdown(t->ssl);
  np_tls_uncork(t);
  np_tls_send_out(t);
}

int np_tls_start_soon(np_tls *t) {
  np_host *h = t->base.host;
  uint64_t now = np_now(h);
  if (np_timer_running(&t->soon)) return 0;
  return np_timer_start(h, &t->soon, now - (now < 1000000 ? now : 1000000));
}

/* Goes on with the user's write. Only from the loop. */
void np_tls_go_on_writing(np_tls *t) {
  np_tls_encrypt_write(t);
  if (!write_is_done(t)) return;
  t->writing = false;
  t->wire.callbacks->on_written(t->wire.user, write_status(t));
}

void np_tls_on_soon(np_timer *timer) {
  np_tls *t = np_container_of(timer, np_tls, soon);
  if (t->closing) return;
  if (t->held) np_tls_uncork(t);
  if (t->writing) {
    np_tls_go_on_writing(t);
  } else {
    np_tls_send_out(t);
  }
}

/* The pieces of a write, as records: one that fills a record or is the last
 * is used where it lies, others are put together. */
typedef struct cursor {
  const uv_buf_t *piece;
  unsigned n;
  size_t at; /* in *piece */
} cursor;

static size_t next_record(cursor *c, char *record, const char **data) {
  size_t n = 0;
  while (c->n > 0 && n < NP_TLS_RECORD) {
    size_t part = c->piece->len - c->at;
    const char *from = c->piece->base + c->at;
    if (n == 0 && (c->n == 1 || part >= NP_TLS_RECORD)) {
      *data = from;
      n = part < NP_TLS_RECORD ? part : NP_TLS_RECORD;
      c->at += n;
    } else {
      if (n > 0 && *data != record) break;
      if (part > NP_TLS_RECORD - n) part = NP_TLS_RECORD - n;
      memcpy(record + n, from, part);
      *data = record;
      n += part;
      c->at += part;
    }
    if (c->at == c->piece->len) {
      c->piece++;
      c->n--;
      c->at = 0;
    }
  }
  return n;
}

ssize_t np_tls_try_write(np_wire *wire, const uv_buf_t *bufs, unsigned n) {
  np_tls *t = of_wire(wire);
  char record[NP_TLS_RECORD];
  const char *data;
  cursor c = {bufs, n, 0};
  size_t taken = 0, size;
  if (write_status(t) < 0) return write_status(t);
  if (t->state != NP_TLS_DONE || np_tls_is_blocked(t)) return UV_EAGAIN;
  while (c.n > 0) {
    size_t batch = 0;
    t->corked = c.n > 1 || c.piece->len - c.at > NP_TLS_RECORD;
    for (int i = 0; i < TOGETHER; i++) {
      size = next_record(&c, record, &data);
      if (size > 0 && encrypt(t, data, size) == 0) break;
      batch += size;
    }
    np_tls_uncork(t);
    if (write_status(t) < 0) return write_status(t);
    if (np_tls_is_blocked(t)) {
      t->ahead = batch;
      np_tls_send_out(t);
      break;
    }
    taken += batch;
  }
  return taken ? (ssize_t)taken : UV_EAGAIN;
}

int np_tls_write(np_wire *wire, const char *data, size_t n) {
  np_tls *t = of_wire(wire);
  if (write_status(t) < 0) return write_status(t);
  t->plain = data + t->ahead;
  t->nplain = n - t->ahead;
  t->ahead = 0;
  t->writing = true;
  if (t->state == NP_TLS_DONE) np_tls_encrypt_write(t);
  return write_is_done(t) ? np_tls_start_soon(t) : 0;
}

size_t np_tls_unsent(np_wire *wire) {
  np_tls *t = of_wire(wire);
  size_t n = t->nplain + np_buf_size(&t->out);
  if (t->sending.base) n += t->below->cls->unsent(t->below);
  return n;
}

size_t np_tls_held(np_wire *wire) {
  np_wire *below = of_wire(wire)->below;
  return below->cls->held ? below->cls->held(below) : 0;
}

int np_tls_shutdown(np_wire *wire) {
  np_tls *t = of_wire(wire);
  t->shut = true;
  np_tls_close_notify(t);  // or when the handshake is done
  return 0;
}
