/*
 * tls_context.c: an SSL_CTX from options. One serves both roles: what differs
 * between them is set on each SSL by np_tls_context_apply.
 *
 * The texts of certificates and keys come from neap.tls, which has read the
 * files. Each part of the options has a function that gives 0, or leaves nil
 * and an error on the Lua stack and gives 2; an unfinished context is released
 * with the userdata that holds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "proto/tls.h"

/* ---- life -------------------------------------------------------------- */

np_tls_context *np_tls_context_new(np_host *h) {
  np_tls_context *c = np_alloc(h, sizeof(*c));
  if (!c) return NULL;
  *c = (np_tls_context){.host = h, .holds = 1, .keylog = -1};
  np_list_init(&c->sessions);
  ERR_clear_error();
  c->ctx = SSL_CTX_new(TLS_method());
  c->bio = np_tls_bio_method();
  if (c->ctx && c->bio) return c;
  np_tls_context_release(c);
  return NULL;
}

void np_tls_context_release(np_tls_context *c) {
  if (--c->holds > 0) return;
  np_tls_session_clear(c);
  SSL_CTX_free(c->ctx);
  BIO_meth_free(c->bio);
  if (c->alpn) np_free(c->host, c->alpn, c->alpn_size);
  if (c->keylog >= 0) close(c->keylog);
  np_free(c->host, c, sizeof(*c));
}

/* ---- failures ---------------------------------------------------------- */

/* [..] -> [.. nil err]  "<name>: <why>", by OpenSSL's reason. */
static int fail(lua_State *L, const char *name) {
  char text[NP_TLS_TEXT];
  np_tls_reason(text, sizeof(text));
  return np_fail(L, "TLS", "%s: %s", name, text);
}

/* [..] -> [.. text or nil]  The field's text, NULL if it is absent. */
static const char *push_field(lua_State *L, int opts, const char *name,
                              size_t *size) {
  lua_getfield(L, opts, name);
  return lua_tolstring(L, -1, size);
}

/* ---- certificates and keys --------------------------------------------- */

/* What a key's password is asked for with. */
typedef struct password {
  const char *text;
  size_t size;
  bool asked;
} password;

static int give_password(char *buf, int size, int writing, void *ud) {
  password *p = ud;
  (void)writing;
  p->asked = true;
  if (!p->text || p->size > (size_t)size) return -1;
  memcpy(buf, p->text, p->size);
  return (int)p->size;
}

/* Certificates have none. */
static int no_password(char *buf, int size, int writing, void *ud) {
  (void)buf, (void)size, (void)writing, (void)ud;
  return -1;
}

/* The next certificate of a text; NULL at its end and where it is bad. */
static X509 *next_certificate(BIO *text) {
  return PEM_read_bio_X509(text, NULL, no_password, NULL);
}

/* The end of a text is an error of PEM, too. */
static bool is_at_end(void) {
  unsigned long e = ERR_peek_last_error();
  return ERR_GET_LIB(e) == ERR_LIB_PEM &&
         ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

/* The certificates to trust; servers name them to clients. False: a reason is
 * in OpenSSL's queue. */
static bool add_authorities(np_tls_context *c, BIO *text) {
  X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
  int count = 0;
  X509 *cert;
  while ((cert = next_certificate(text)) != NULL) {
    bool ok = X509_STORE_add_cert(store, cert) == 1 &&
              SSL_CTX_add_client_CA(c->ctx, cert) == 1;
    X509_free(cert);
    if (!ok) return false;
    count++;
  }
  return count > 0 && is_at_end();
}

/* Those of the system, when somebody is verified for the first time: reading
 * them takes some 20 ms and a megabyte, which a server does not need. */
static void trust_system(np_tls_context *c) {
  if (c->trusts) return;
  ERR_clear_error();
  SSL_CTX_set_default_verify_paths(c->ctx);
  ERR_clear_error();
  c->trusts = true;
}

static int set_authorities(lua_State *L, int opts, np_tls_context *c) {
  size_t size;
  const char *text = push_field(L, opts, "ca", &size);
  if (!text) return 0;
  BIO *bio = BIO_new_mem_buf(text, (int)size);
  bool ok = bio && add_authorities(c, bio);
  BIO_free(bio);
  if (!ok) return fail(L, push_field(L, opts, "ca_name", NULL));
  // what is named is trusted, whether or not it signed itself
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ctx),
                              X509_V_FLAG_PARTIAL_CHAIN);
  c->trusts = true;
  ERR_clear_error();
  return 0;
}

/* The certificate and those that it is signed with. */
static bool use_chain(np_tls_context *c, BIO *text) {
  X509 *cert = next_certificate(text);
  if (!cert) return false;
  bool ok = SSL_CTX_use_certificate(c->ctx, cert) == 1;
  X509_free(cert);
  while (ok && (cert = next_certificate(text)) != NULL) {
    ok = SSL_CTX_add0_chain_cert(c->ctx, cert) == 1;
    if (!ok) X509_free(cert);
  }
  return ok && is_at_end();
}

static int set_certificate(lua_State *L, int opts, np_tls_context *c) {
  size_t size;
  const char *text = push_field(L, opts, "cert", &size);
  if (!text) return 0;
  BIO *bio = BIO_new_mem_buf(text, (int)size);
  bool ok = bio && use_chain(c, bio);
  BIO_free(bio);
  if (!ok) return fail(L, push_field(L, opts, "cert_name", NULL));
  ERR_clear_error();
  return 0;
}

static int fail_key(lua_State *L, const char *name, const password *p) {
  char text[NP_TLS_TEXT];
  np_tls_reason(text, sizeof(text));
  if (!p->asked) {
    return np_fail(L, "TLS", "%s: no private key in it (%s)", name, text);
  }
  return np_fail(L, "TLS", "%s: it is encrypted, and %s (%s)", name,
                 p->text ? "the option 'password' does not open it"
                         : "the option 'password' is missing",
                 text);
}

static int set_key(lua_State *L, int opts, np_tls_context *c) {
  size_t size;
  password p = {0};
  p.text = push_field(L, opts, "password", &p.size);
  const char *text = push_field(L, opts, "key", &size);
  if (!text) return 0;
  const char *name = push_field(L, opts, "key_name", NULL);
  BIO *bio = BIO_new_mem_buf(text, (int)size);
  EVP_PKEY *key =
      bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, &p) : NULL;
  BIO_free(bio);
  if (!key) return fail_key(L, name, &p);
  ERR_clear_error();
  bool ok = SSL_CTX_use_PrivateKey(c->ctx, key) == 1 &&
            SSL_CTX_check_private_key(c->ctx) == 1;
  EVP_PKEY_free(key);
  if (!ok) return fail(L, name);
  return 0;
}

/* ---- versions and ciphers ---------------------------------------------- */

static const struct {
  const char *name;
  int version;
} versions[] = {{"1.2", TLS1_2_VERSION}, {"1.3", TLS1_3_VERSION}};

/* The version that an option names, `absent` without one, -1 if it is none. */
static int version_of(lua_State *L, int opts, const char *option, int absent) {
  const char *name = push_field(L, opts, option, NULL);
  if (!name) return absent;
  for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
    if (strcmp(versions[i].name, name) == 0) return versions[i].version;
  }
  return -1;
}

static int set_versions(lua_State *L, int opts, np_tls_context *c) {
  int min = version_of(L, opts, "min_version", TLS1_2_VERSION);
  int max = version_of(L, opts, "max_version", TLS1_3_VERSION);
  if (min < 0 || max < 0) {
    const char *option = min < 0 ? "min_version" : "max_version";
    return np_fail(L, "TLS",
                   "option '%s': unknown version '%s' ('1.2' or '1.3')", option,
                   push_field(L, opts, option, NULL));
  } else if (min > max) {
    return np_fail(L, "TLS", "min_version is above max_version");
  }
  SSL_CTX_set_min_proto_version(c->ctx, min);
  SSL_CTX_set_max_proto_version(c->ctx, max);
  return 0;
}

/* The first name of a list that OpenSSL does not know, or NULL: it would only
 * leave it out. */
static const char *push_unknown(lua_State *L, np_tls_context *c,
                                const char *list) {
  const char *end = list + strlen(list);
  for (const char *p = list; p < end;) {
    size_t n = strcspn(p, ":, ");
    const char *name = lua_pushlstring(L, p, n);
    bool is_command = n == 0 || strchr("!-+@", *name) != NULL;
    if (!is_command && SSL_CTX_set_cipher_list(c->ctx, name) != 1) return name;
    lua_pop(L, 1);
    p += n + 1;
  }
  return NULL;
}

static int set_ciphers(lua_State *L, int opts, np_tls_context *c) {
  const char *older = push_field(L, opts, "ciphers", NULL);
  const char *newer = push_field(L, opts, "ciphersuites", NULL);
  ERR_clear_error();
  const char *unknown = older ? push_unknown(L, c, older) : NULL;
  if (!unknown && older && SSL_CTX_set_cipher_list(c->ctx, older) != 1) {
    unknown = older;
  }
  if (unknown) {
    return np_fail(L, "TLS", "option 'ciphers': unknown cipher '%s'", unknown);
  }
  if (newer && SSL_CTX_set_ciphersuites(c->ctx, newer) != 1) {
    return np_fail(L, "TLS", "option 'ciphers': unknown cipher in '%s'", newer);
  }
  ERR_clear_error();
  return 0;
}

/* ---- ALPN -------------------------------------------------------------- */

/* A server chooses the first of its own that the client has, too. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *size,
                   const unsigned char *theirs, unsigned n, void *ud) {
  np_tls_context *c = ud;
  unsigned char *chosen;
  (void)ssl;
  if (SSL_select_next_proto(&chosen, size, c->alpn, (unsigned)c->alpn_size,
                            theirs, n) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/* The option is a string that holds the list as it is sent. */
static int set_alpn(lua_State *L, int opts, np_tls_context *c) {
  size_t size;
  const char *text = push_field(L, opts, "alpn", &size);
  if (!text || size == 0) return 0;
  c->alpn = np_alloc(c->host, size);
  if (!c->alpn) return luaL_error(L, "not enough memory");
  memcpy(c->alpn, text, size);
  c->alpn_size = size;
  SSL_CTX_set_alpn_select_cb(c->ctx, on_alpn, c);
  return 0;
}

/* ---- the rest ---------------------------------------------------------- */

static int set_keylog(lua_State *L, int opts, np_tls_context *c) {
  const char *path = push_field(L, opts, "keylog", NULL);
  if (!path) return 0;
  c->keylog = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (c->keylog >= 0) return 0;
  np_fail_uv(L, uv_translate_sys_error(errno), "keylog %s", path);
  lua_pushstring(L, path);
  lua_setfield(L, -2, "path");
  return 2;
}

static void set_verify(lua_State *L, int opts, np_tls_context *c) {
  static const char *const names[] = {"default", "none", "request", "require"};
  const char *name = push_field(L, opts, "verify", NULL);
  for (int i = 0; name && i < 4; i++) {
    if (strcmp(names[i], name) == 0) c->verify = (np_tls_verify)i;
  }
}

/* Without NO_AUTO_CHAIN, OpenSSL looks for the issuers of our own certificate
 * among the trusted ones in each handshake, which reads folders. */
static void set_modes(np_tls_context *c) {
  SSL_CTX_set_mode(c->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                               SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_dh_auto(c->ctx, 1);
}

/* Sessions are resumed only in the context that made them: another may ask
 * for other certificates. */
static int set_session_id(lua_State *L, np_tls_context *c) {
  unsigned char id[16];
  int r = uv_random(NULL, NULL, id, sizeof(id), 0, NULL);
  if (r < 0) return np_fail_uv(L, r, "tls context: random bytes");
  if (SSL_CTX_set_session_id_context(c->ctx, id, sizeof(id)) == 1) return 0;
  return fail(L, "tls context");
}

int np_tls_context_set(lua_State *L, int arg, np_tls_context *c) {
  static int (*const parts[])(lua_State *, int, np_tls_context *) = {
      set_versions, set_ciphers, set_authorities, set_certificate,
      set_key,      set_alpn,    set_keylog,
  };
  int opts = lua_absindex(L, arg);
  luaL_checkstack(L, 30, "too many options");
  set_modes(c);
  int r = set_session_id(L, c);
  if (r > 0) return r;
  for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
    int n = parts[i](L, opts, c);
    if (n > 0) return n;
  }
  set_verify(L, opts, c);
  lua_getfield(L, opts, "handshake_timeout");
  lua_Number seconds = luaL_optnumber(L, -1, 10);
  if (seconds < 0) seconds = 0;
  c->handshake_timeout =
      seconds < 1e9 ? (uint64_t)(seconds * NP_SECOND) : NP_FOREVER;
  lua_getfield(L, opts, "asks_name");
  c->asks_name = lua_toboolean(L, -1);
  np_tls_session_setup(c);
  return 0;
}

/* ---- a connection ------------------------------------------------------ */

/* Why a certificate is refused is best known here. */
static int on_verify(int ok, X509_STORE_CTX *store) {
  if (ok) return 1;
  SSL *ssl =
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  np_tls *t = SSL_get_app_data(ssl);
  if (!t->text) t->text = np_alloc(t->base.host, NP_TLS_TEXT);
  if (t->text) np_tls_verify_reason(store, t->peer, t->text, NP_TLS_TEXT);
  return 0;
}

/* What the name has to be; an address is no name that could be sent. */
static bool expect_peer(np_tls *t) {
  X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
  SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, t->peer) == 1) return true;
  ERR_clear_error();
  return SSL_set1_host(t->ssl, t->peer) == 1;
}

static bool is_address(const char *name) {
  ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
  ASN1_OCTET_STRING_free(ip);
  ERR_clear_error();
  return ip != NULL;
}

static int client_mode(const np_tls_context *c) {
  return c->verify == NP_TLS_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
}

static int server_mode(const np_tls_context *c) {
  if (c->verify == NP_TLS_REQUEST) return SSL_VERIFY_PEER;
  if (c->verify != NP_TLS_REQUIRE) return SSL_VERIFY_NONE;
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

/* The context that a name has chosen, in the place of the first one. */
static bool exchange(np_tls_context *c, SSL *ssl) {
  if (SSL_get_SSL_CTX(ssl) == c->ctx) return true;
  return SSL_set_SSL_CTX(ssl, c->ctx) != NULL &&
         SSL_set_min_proto_version(ssl,
                                   SSL_CTX_get_min_proto_version(c->ctx)) &&
         SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(c->ctx));
}

/* What a client says in its hello. */
static bool introduce(np_tls_context *c, np_tls *t) {
  if (c->alpn &&
      SSL_set_alpn_protos(t->ssl, c->alpn, (unsigned)c->alpn_size) != 0) {
    return false;
  }
  if (!t->peer || is_address(t->peer)) return true;
  return SSL_set_tlsext_host_name(t->ssl, t->peer) == 1;
}

bool np_tls_context_apply(np_tls_context *c, np_tls *t) {
  ERR_clear_error();
  if (!exchange(c, t->ssl)) return false;
  int mode = t->client ? client_mode(c) : server_mode(c);
  SSL_set_verify(t->ssl, mode, mode == SSL_VERIFY_NONE ? NULL : on_verify);
  if (mode != SSL_VERIFY_NONE) trust_system(c);
  if (!t->client) return true;
  if (t->peer && mode != SSL_VERIFY_NONE && !expect_peer(t)) return false;
  return introduce(c, t);
}
