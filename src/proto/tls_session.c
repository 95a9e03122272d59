/*
 * tls_session.c: what contexts keep between connections, and tell of them.
 *
 * Sessions: a client keeps the newest of each server, in a list of at most
 * NP_TLS_SESSIONS. The key is the address and the name that was verified, as a
 * resumed session is not verified again; and the list is its context's, so
 * what is trusted is the same. A session of TLS 1.3 is used once, so that a
 * watcher cannot tell that two connections belong together.
 * Servers keep nothing: their tickets hold it all.
 *
 * Names: a server that chooses contexts by name stops at the client's hello.
 */
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#include "proto/tls.h"

/* ---- sessions ---------------------------------------------------------- */

typedef struct kept_session {
  np_link link;
  SSL_SESSION *session;
  char *key;
} kept_session;

static void drop(np_tls_context *c, kept_session *kept) {
  np_list_remove(&kept->link);
  c->nsessions--;
  SSL_SESSION_free(kept->session);
  np_free(c->host, kept->key, strlen(kept->key) + 1);
  np_free(c->host, kept, sizeof(*kept));
}

static kept_session *find(np_tls_context *c, const char *key) {
  for (np_link *l = c->sessions.next; l != &c->sessions; l = l->next) {
    kept_session *kept = np_container_of(l, kept_session, link);
    if (strcmp(kept->key, key) == 0) return kept;
  }
  return NULL;
}

static bool keep(np_tls_context *c, const char *key, SSL_SESSION *session) {
  kept_session *old = find(c, key);
  if (old) drop(c, old);
  if (c->nsessions >= NP_TLS_SESSIONS) {
    drop(c, np_container_of(c->sessions.prev, kept_session, link));
  }
  kept_session *kept = np_alloc(c->host, sizeof(*kept));
  if (!kept) return false;
  char *copy = np_tls_copy(c->host, key);
  if (!copy) {
    np_free(c->host, kept, sizeof(*kept));
    return false;
  }
  *kept = (kept_session){.session = session, .key = copy};
  np_list_prepend(&c->sessions, &kept->link);
  c->nsessions++;
  return true;
}

SSL_SESSION *np_tls_session_take(np_tls_context *c, const char *key) {
  kept_session *kept = find(c, key);
  if (!kept) return NULL;
  SSL_SESSION *session = kept->session;
  SSL_SESSION_up_ref(session);
  bool usable = SSL_SESSION_is_resumable(session) == 1;
  if (!usable || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
    drop(c, kept);
  }
  if (usable) return session;
  SSL_SESSION_free(session);
  return NULL;
}

void np_tls_session_clear(np_tls_context *c) {
  np_link *link;
  while ((link = np_list_first(&c->sessions)) != NULL) {
    drop(c, np_container_of(link, kept_session, link));
  }
}

/* OpenSSL has a session to give away: 1 if it is kept. */
static int on_session(SSL *ssl, SSL_SESSION *session) {
  np_tls *t = SSL_get_app_data(ssl);
  if (!t->client || !t->session_key) return 0;
  return keep(t->context, t->session_key, session);
}

/* ---- names ------------------------------------------------------------- */

/* The host name in the extension of RFC 6066: a list of one entry. */
static size_t parse_name(const unsigned char *p, size_t n,
                         const unsigned char **name) {
  enum { HEAD = 5 }; /* two lengths and the type */
  if (n < HEAD || p[2] != TLSEXT_NAMETYPE_host_name) return 0;
  size_t list = (size_t)p[0] << 8 | p[1], size = (size_t)p[3] << 8 | p[4];
  if (list != n - 2 || size != n - HEAD || size >= NP_TLS_NAME) return 0;
  *name = p + HEAD;
  return memchr(*name, 0, size) ? 0 : size;
}

int np_tls_on_hello(SSL *ssl, int *alert, void *arg) {
  (void)arg;
  np_tls *t = SSL_get_app_data(ssl);
  const unsigned char *extension, *name;
  char copy[NP_TLS_NAME];
  size_t n = 0;
  if (t->hello_name) return SSL_CLIENT_HELLO_SUCCESS;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &n)) {
    n = parse_name(extension, n, &name);
  } else {
    n = 0;
  }
  if (n > 0) memcpy(copy, name, n);
  copy[n] = '\0';
  t->hello_name = np_tls_copy(t->base.host, copy);
  if (t->hello_name) return SSL_CLIENT_HELLO_RETRY;
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

/* ---- the key log ------------------------------------------------------- */

static void on_keylog(const SSL *ssl, const char *line) {
  np_tls *t = SSL_get_app_data(ssl);
  np_tls_context *c = t->chosen ? t->chosen : t->context;
  char text[1024];
  size_t n = strlen(line);
  if (c->keylog < 0 || n + 1 > sizeof(text)) return;
  memcpy(text, line, n);
  text[n] = '\n';
  // one write for each line, so that lines of several processes stay whole
  if (write(c->keylog, text, n + 1) < 0) return;
}

void np_tls_session_setup(np_tls_context *c) {
  SSL_CTX_set_session_cache_mode(
      c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(c->ctx, on_session);
  if (c->keylog >= 0) SSL_CTX_set_keylog_callback(c->ctx, on_keylog);
  if (c->asks_name) SSL_CTX_set_client_hello_cb(c->ctx, np_tls_on_hello, NULL);
}
