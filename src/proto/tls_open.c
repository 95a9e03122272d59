/*
 * tls_open.c: how a TLS wire is made, begins, and is freed. It has one hold,
 * from np_tls_open until the wire below has closed.
 */
#include <openssl/err.h>
#include <string.h>

#include "core/timer.h"
#include "proto/tls.h"

np_tls *np_tls_of(np_stream *s) {
  return s->wire && s->wire->cls == &np_tls_wire_class
             ? np_container_of(s->wire, np_tls, wire)
             : NULL;
}

char *np_tls_copy(np_host *h, const char *s) {
  size_t size = strlen(s) + 1;
  char *copy = np_alloc(h, size);
  return copy ? memcpy(copy, s, size) : NULL;
}

static void release_string(np_host *h, char *s) {
  if (s) np_free(h, s, strlen(s) + 1);
}

static void release_buf(np_tls *t, np_buf *b) {
  np_buf_release(b, t->base.host->alloc, t->base.host->alloc_ud);
}

/* The host closes: a close that waits for close_notify to go out does not. */
static void tls_host_closes(np_handle *b) {
  np_tls *t = np_container_of(b, np_tls, base);
  t->host_closing = true;
  if (!np_timer_running(&t->deadline)) return;
  np_timer_stop(b->host, &t->deadline);
  if (t->closing) t->below->cls->close(t->below, false);
}

static void tls_destroy(np_handle *b) {
  np_tls *t = np_container_of(b, np_tls, base);
  np_host *h = b->host;
  np_timer_stop(h, &t->soon);
  if (t->ssl) SSL_free(t->ssl);
  release_buf(t, &t->kept);
  release_buf(t, &t->sending);
  release_buf(t, &t->out);
  if (t->text) np_free(h, t->text, NP_TLS_TEXT);
  release_string(h, t->peer);
  release_string(h, t->session_key);
  release_string(h, t->hello_name);
  if (t->chosen) np_tls_context_release(t->chosen);
  np_tls_context_release(t->context);
  np_free(h, t, sizeof(*t));
}

static const np_handle_class handle_class = {
    .shut = tls_host_closes, .destroy = tls_destroy, .kind = "TLS layer"};

/* The SSL of the wire, over a BIO on the wire below. */
static bool make_ssl(np_tls *t) {
  BIO *bio = BIO_new(t->context->bio);
  t->ssl = SSL_new(t->context->ctx);
  if (!bio || !t->ssl || SSL_set_app_data(t->ssl, t) != 1) {
    BIO_free(bio);
    ERR_clear_error();
    return false;
  }
  BIO_set_data(bio, t);
  BIO_set_init(bio, 1);
  SSL_set_bio(t->ssl, bio, bio);
  if (t->client) {
    SSL_set_connect_state(t->ssl);
  } else {
    SSL_set_accept_state(t->ssl);
  }
  return true;
}

int np_tls_open(np_host *h, np_tls_context *context, bool client,
                np_wire *below, np_tls **out) {
  np_tls *t = np_alloc(h, sizeof(*t));
  if (!t) return UV_ENOMEM;
  *t = (np_tls){
      .wire = {.cls = &np_tls_wire_class,
               .kind = "tls",
               .polls = below->polls,
               .outside = below->outside},
      .below = below,
      .context = context,
      .client = client,
      .deadline = {.fire = np_tls_on_deadline, .weak = below->outside},
      .soon = {.fire = np_tls_on_soon},
  };
  context->holds++;
  np_handle_init(&t->base, h, &handle_class);
  if (!make_ssl(t)) {
    np_release(&t->base);
    return UV_ENOMEM;
  }
  np_uv_opened(&t->base);
  np_release(&t->base);  // the hold of the open wire alone
  np_handle_list(&t->base);
  *out = t;
  return 0;
}

void np_tls_begin(np_tls *t, const np_buf *early) {
  np_host *h = t->base.host;
  uint64_t limit = t->context->handshake_timeout;
  t->below->callbacks = &np_tls_from_below;
  t->below->user = t;
  if (!np_tls_context_apply(t->context, t)) {
    np_tls_note_openssl(t);
    return;
  }
  if (limit != NP_FOREVER) np_timer_start(h, &t->deadline, np_now(h) + limit);
  if (t->client && t->session_key) {
    SSL_SESSION *session = np_tls_session_take(t->context, t->session_key);
    if (session) SSL_set_session(t->ssl, session);
    SSL_SESSION_free(session);
  }
  if (t->below->cls->start(t->below) == 0) t->below_started = true;
  if (t->client) np_tls_shake(t);
  if (early->base) {
    np_tls_advance(t, np_buf_data(early), np_buf_size(early));
  }
}
