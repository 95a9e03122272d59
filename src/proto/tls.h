/*
 * tls.h: TLS by OpenSSL 3. The parts:
 *   tls.c          the module: what lua/neap/tls.lua calls, and the waits
 *   tls_open.c     making and freeing the wire
 *   tls_wire.c     the wire over a wire: handshake, reading, closing
 *   tls_send.c     its way down: records, writes, close_notify
 *   tls_context.c  certificates, keys, versions, ciphers, ALPN: an SSL_CTX
 *   tls_session.c  sessions to resume, names (SNI) and the key log
 *   tls_error.c    why something failed, in words
 *   tls_info.c     what a stream knows about its peer
 *
 * A np_tls_context has holds: its userdata, and each wire that uses it, as a
 * wire may outlive the Lua state. OpenSSL's own memory does not count against
 * the host's limit: its allocator is one for the process. What it takes for
 * each connection is bounded (doc/design.md, "Memory").
 */
#ifndef NP_PROTO_TLS_H
#define NP_PROTO_TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "io/handle.h"
#include "io/stream.h"
#include "io/wire.h"

typedef struct np_tls np_tls;
typedef struct np_tls_context np_tls_context;

enum {
  NP_TLS_RECORD = 16 * 1024, /* most plaintext of a record */
  NP_TLS_TEXT = 320,         /* longest text of a failure */
  NP_TLS_SESSIONS = 256,     /* kept by a context */
  NP_TLS_NAME = 256,         /* longest server name, with its zero */
};

typedef enum np_tls_verify {
  NP_TLS_DEFAULT, /* clients verify, servers do not ask */
  NP_TLS_NONE,
  NP_TLS_REQUEST, /* servers ask; clients: as NP_TLS_REQUIRE */
  NP_TLS_REQUIRE,
} np_tls_verify;

struct np_tls_context {
  np_host *host;
  SSL_CTX *ctx;
  BIO_METHOD *bio; /* of the wires */
  int holds;
  int keylog; /* descriptor, or -1 */
  np_tls_verify verify;
  bool trusts;    /* the certificates to trust are there */
  bool asks_name; /* servers stop at the client's hello and ask for a context */
  unsigned char *alpn; /* as on the wire: length, name, ... */
  size_t alpn_size;
  uint64_t handshake_timeout; /* ns; NP_FOREVER: none */
  np_link sessions;           /* newest first: tls_session.c */
  unsigned nsessions;
};

typedef enum np_tls_state {
  NP_TLS_SHAKING,
  NP_TLS_ASKING, /* the hello is here; np_tls_answer goes on */
  NP_TLS_DONE,
  NP_TLS_FAILED,
} np_tls_state;

struct np_tls {
  np_wire wire;
  np_wire *below;
  SSL *ssl;
  np_tls_state state;

  /* reading */
  const char *feed; /* ciphertext for OpenSSL, while it runs */
  size_t nfeed;
  np_buf kept;            /* ciphertext that waits while asking */
  bool started : 1;       /* the user wants bytes */
  bool below_started : 1; /* the wire below delivers */
  bool ended : 1;         /* the user has been told on_end */
  bool delivered : 1;     /* bytes have come for the user */

  /* writing */
  bool corked : 1;       /* records are put together in `out` */
  bool held : 1;         /* `out` waits for more, or for `soon` */
  bool writing : 1;      /* a write of the user is under way */
  bool shut : 1;         /* shutdown was called */
  bool closing : 1;      /* close was called */
  bool host_closing : 1; /* nothing lingers */
  bool client : 1;
  np_buf sending;    /* ciphertext under way below */
  np_buf out;        /* and behind it */
  const char *plain; /* of the user's write: not yet encrypted */
  size_t nplain;
  size_t ahead;    /* bytes of the next write that are encrypted already */
  int write_error; /* of the wire below */

  np_handle base; /* one hold, until on_closed */
  np_tls_context *context;
  np_tls_context *chosen; /* by name, or NULL */
  np_timer deadline;      /* of the handshake, then of a close */
  np_timer soon;          /* on_written is due, or what is held */
  char *text;             /* why it failed; NP_TLS_TEXT bytes */
  const char *code;       /* of the error */
  int status;             /* what the user is told for it */
  char *peer;             /* the name that the certificate must have, or NULL */
  char *session_key;      /* clients: which sessions may be resumed */
  char *hello_name;       /* servers that ask: what the client named */
};

/* ---- tls_open.c -------------------------------------------------------- */

/* A wire over `below`, which is connected; begins the handshake when it is
 * given a user and np_tls_begin. 0 or an error, with `below` unchanged. */
int np_tls_open(np_host *h, np_tls_context *context, bool client,
                np_wire *below, np_tls **out);

/* The first step of the handshake, with the bytes that have come for it. What
 * fails here is told when it is asked for. */
void np_tls_begin(np_tls *t, const np_buf *early);

/* The wire of a stream as a TLS wire; NULL if it is none. */
np_tls *np_tls_of(np_stream *s);

/* A copy of a string in the host's memory, NULL when there is none left. */
char *np_tls_copy(np_host *h, const char *s);

/* ---- tls_wire.c -------------------------------------------------------- */

extern const np_wire_class np_tls_wire_class;
extern const np_wire_user np_tls_from_below;

/* The handshake as far as it goes; the user is not told. */
void np_tls_shake(np_tls *t);

/* OpenSSL works on n more bytes. From the loop, or from Lua. */
void np_tls_advance(np_tls *t, const char *data, size_t n);
void np_tls_on_deadline(np_timer *timer);

/* Goes on after NP_TLS_ASKING, with another context unless it is NULL. */
void np_tls_answer(np_tls *t, np_tls_context *chosen);
/* Or ends there. */
void np_tls_refuse(np_tls *t);

/* OpenSSL has failed: notes its reason, or that of the certificate. */
void np_tls_note_openssl(np_tls *t);

/* ---- tls_send.c -------------------------------------------------------- */

/* Ciphertext lies here that the wire below has not taken. */
static inline bool np_tls_is_blocked(const np_tls *t) {
  return t->sending.base != NULL || (t->out.base != NULL && !t->held);
}

/* Tries what was put together in `out`, in one write. */
void np_tls_uncork(np_tls *t);

/* Sends what OpenSSL has made and the wire below has not taken. */
void np_tls_send_out(np_tls *t);

/* Encrypts of the user's write as much as goes out; np_tls_go_on_writing also
 * tells the user when it is done: only from the loop. */
void np_tls_encrypt_write(np_tls *t);
void np_tls_go_on_writing(np_tls *t);
void np_tls_on_soon(np_timer *timer);

/* Starts the timer `soon`; 0 or an error. */
int np_tls_start_soon(np_tls *t);

/* close_notify, when all that was written is encrypted. */
void np_tls_close_notify(np_tls *t);

/* Of the class of the wire. */
ssize_t np_tls_try_write(np_wire *wire, const uv_buf_t *bufs, unsigned n);
int np_tls_write(np_wire *wire, const char *data, size_t n);
size_t np_tls_unsent(np_wire *wire);
size_t np_tls_held(np_wire *wire);
int np_tls_shutdown(np_wire *wire);

/* The methods of the BIO of a wire; NULL when memory is out. */
BIO_METHOD *np_tls_bio_method(void);

/* ---- tls_context.c ----------------------------------------------------- */

/* A context without anything set, one hold; NULL when memory is out. */
np_tls_context *np_tls_context_new(np_host *h);
void np_tls_context_release(np_tls_context *c);

/* Takes the options of the table at `arg`, of which neap.tls has checked the
 * types. 0, or [..] -> [.. nil err]  2. */
int np_tls_context_set(lua_State *L, int arg, np_tls_context *c);

/* What the SSL of a wire must have by its context. False: OpenSSL has a reason,
 * and the wire must not go on, as it might trust whom it should not. */
bool np_tls_context_apply(np_tls_context *c, np_tls *t);

/* ---- tls_session.c ----------------------------------------------------- */

/* A session of the client's last connections of that key, or NULL; the caller
 * owns it. */
SSL_SESSION *np_tls_session_take(np_tls_context *c, const char *key);
void np_tls_session_clear(np_tls_context *c);

/* The callbacks of a context for sessions, names, the key log. */
void np_tls_session_setup(np_tls_context *c);

/* Takes the client's name out of its hello; the callback of a context that
 * asks. */
int np_tls_on_hello(SSL *ssl, int *alert, void *arg);

/* ---- tls_error.c ------------------------------------------------------- */

/* Empties OpenSSL's queue of errors, which mostly is: looking is quicker. */
static inline void np_tls_clear_errors(void) {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

/* Writes why the last call of OpenSSL failed; empties its queue of errors. */
void np_tls_reason(char *buf, size_t size);

/* Writes what is wrong with the certificate that `store` looks at. */
void np_tls_verify_reason(X509_STORE_CTX *store, const char *peer, char *buf,
                          size_t size);

/* Writes a name as "CN=a,O=b". */
void np_tls_format_name(X509_NAME *name, char *buf, size_t size);

/* ---- tls_info.c -------------------------------------------------------- */

/* Methods of Stream. */
extern const luaL_Reg np_tls_info[];

#endif
