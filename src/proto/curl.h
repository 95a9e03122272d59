/*
 * curl.h: what the files of the HTTP client share. A pool is a multi handle of
 * libcurl with its connections, cookies and TLS sessions; a transfer is one
 * request and its answer, with an easy handle of the pool while it runs.
 *
 * libcurl calls back from within our calls alone. Its callbacks are plain: they
 * store bytes and call np_wake. A transfer lies in its userdata, which keeps
 * the pool's alive; libcurl knows it from start to its end, and whoever ends it
 * (its finalizer at the latest) takes it away from libcurl.
 */
#ifndef NP_PROTO_CURL_H
#define NP_PROTO_CURL_H

#include <curl/curl.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/class.h"
#include "core/host.h"
#include "io/handle.h"

typedef struct np_curl np_curl;
typedef struct np_curl_easy np_curl_easy;
typedef struct np_curl_pool np_curl_pool;
typedef struct np_curl_socket np_curl_socket;

enum { NP_CURL_SPARES = 256 };

/* A server with requests that run or wait. */
typedef struct np_curl_host {
  np_link link; /* in pool->hosts */
  uint64_t key;
  uint32_t running, known; /* transfers that run; that point here */
} np_curl_host;

struct np_curl_pool {
  np_handle base; /* one hold: the userdata's */
  CURLM *multi;   /* NULL: closed */
  CURLSH *share;  /* cookies and TLS sessions */
  np_timer timer; /* libcurl's; runs while a transfer does */
  np_timer stall; /* looks whether those that wait get their turn */
  uint64_t stall_ns, begun, begun_seen; /* its time; transfers, by then */
  np_link running, waiting, hosts;
  uint32_t nrunning, max_running, max_per_host; /* transfers */
  bool closing;
  bool once;                /* closes with the end of its last transfer */
  np_curl_socket **sockets; /* by descriptor */
  int capacity;
  char *keylog;  /* where TLS keys go, or NULL */
  np_link spare; /* easy handles to use again, the last used first */
  int nspare;
};

/* An easy handle with what it was told, so that a request like the one before
 * need not tell it again; and the transfer that has it. */
struct np_curl_easy {
  np_link link; /* in pool->spare while no transfer has it */
  CURL *curl;
  np_curl *t;
  uint64_t plan; /* the request that it is set for; 0: none other is like it */
  bool set;      /* it has what all requests have */
  bool special;  /* it was told what the next request may not want */
  bool no_cookies; /* neither sends nor keeps them, and never has */
  CURLU *url;
  struct curl_slist *fields, *resolve, *connect_to;
  size_t max_head;
  uint64_t patience; /* ns for the head, from when it begins; NP_FOREVER */
  uint64_t idle;     /* ns in which nothing may come or go; NP_FOREVER */
  char text[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* How far a transfer is, for messages. */
typedef enum np_curl_stage {
  NP_CURL_QUEUE, /* as many run as may */
  NP_CURL_CONNECT,
  NP_CURL_TLS,
  NP_CURL_REQUEST, /* until the head of the answer is there */
  NP_CURL_BODY
} np_curl_stage;

/* Why we ended a transfer ourselves; 0: libcurl did. */
typedef enum np_curl_reason {
  NP_CURL_NONE,
  NP_CURL_CLOSED,     /* by the program */
  NP_CURL_LATE,       /* its deadline has passed */
  NP_CURL_NO_HEAD,    /* first_byte */
  NP_CURL_IDLE,       /* no byte came or went for too long */
  NP_CURL_BIG_HEAD,   /* more header than may be */
  NP_CURL_NO_MEMORY,  /* for what came */
  NP_CURL_NO_HANDLES, /* the host has as many as it may */
} np_curl_reason;

/* What a reader waits for. */
typedef enum np_curl_rule {
  NP_CURL_HEAD,
  NP_CURL_SOME,
  NP_CURL_ALL,
  NP_CURL_END /* without taking anything */
} np_curl_rule;

struct np_curl {
  np_host *host;
  np_curl_pool *pool; /* while it runs */
  np_link link;       /* in pool->running or pool->waiting */
  np_curl_host *server;
  bool running;       /* libcurl has it */
  np_curl_easy *easy; /* until its end */
  uint8_t tries;      /* how often it was sent */
  bool planned;       /* others like it will come */
  bool started, done, head_done;
  bool encoded;    /* the head has a Content-Encoding */
  size_t trailers; /* bytes of fields behind the body */
  np_curl_stage stage;
  np_curl_reason reason;
  CURLcode result;
  int os_errno;
  long tunnel; /* the status of a proxy's answer to CONNECT */
  char *text;  /* libcurl's words on a failure, or NULL */

  /* the answer */
  np_buf head; /* the status line and the fields of the last head */
  int status;
  char *full, *last; /* curl_held.c */
  size_t nfull, taken;
  np_buf body;
  bool whole;  /* it is wanted whole */
  size_t high; /* bytes of body over which it is paused */
  bool recv_paused;
  np_curl_rule rule;
  size_t most; /* of NP_CURL_ALL and NP_CURL_SOME */
  np_wait reader;
  bool reader_held; /* the loop is kept alive for it */

  /* the request's body */
  np_buf out;
  size_t sent;    /* of out */
  bool keep_out;  /* all of it is there, and stays for another try */
  bool out_lost;  /* bytes that were sent are gone */
  bool out_ended; /* nothing follows */
  bool send_paused;
  np_wait writer;
  bool writer_held;
  uint64_t in_bytes, out_bytes;

  /* times, in ns; NP_FOREVER: none */
  np_timer timer;
  uint64_t deadline;
  uint64_t begun;
  uint64_t active; /* when something last came or went */
};

extern const np_class np_curl_pool_class, np_curl_class;

/* ---- curl_easy.c: plain -------------------------------------------------- */

/* One of those that are kept that is set for the plan (not 0), or NULL. */
np_curl_easy *np_curl_easy_like(np_curl_pool *p, uint64_t plan);
/* One of them that is to be set; NULL: no memory. */
np_curl_easy *np_curl_easy_any(np_curl_pool *p, bool no_cookies);
/* Takes t->easy, one of them, for t. */
void np_curl_easy_take(np_curl_pool *p, np_curl *t);
/* Keeps it, or frees it if there are enough. */
void np_curl_easy_give_back(np_curl_pool *p, np_curl_easy *e);
/* Frees those that are kept. */
void np_curl_easy_close(np_curl_pool *p);

/* ---- curl_pool.c: plain -------------------------------------------------- */

/* Begins or, when as many run as may, waits for its turn; `key` stands for the
 * server. 0, UV_ENOMEM or NP_ETIMERS. */
int np_curl_enter(np_curl_pool *p, np_curl *t, uint64_t key);
/* Takes the transfer from libcurl and its handle back. Idempotent. */
void np_curl_end(np_curl *t);
/* Pauses and unpauses as the flags of the transfer say. */
void np_curl_flow(np_curl *t);
/* Ends all transfers and connections. Idempotent. */
void np_curl_pool_close(np_curl_pool *p);
/* After whatever may have ended transfers: closes a pool that is used once. */
void np_curl_settle(np_curl_pool *p);
/* A pool that owns nothing yet; then it has its handles, or false. */
void np_curl_pool_init(np_curl_pool *p, np_host *h);
bool np_curl_pool_open(np_curl_pool *p, long max_idle);

/* ---- curl_session.c ------------------------------------------------------ */

/* pool(max_running, max_per_host, max_idle) -> Pool */
int np_curl_pool_new(lua_State *L);

/* ---- curl_setup.c -------------------------------------------------------- */

/* Sets the easy handle of t, for a plan or 0, as the options in the table at
 * arg say. **raises** */
void np_curl_setup(lua_State *L, np_curl *t, int arg, uint64_t plan);
/* Of a socket that libcurl asks for: curl_pool.c. */
curl_socket_t np_curl_open_socket(void *easy, curlsocktype purpose,
                                  struct curl_sockaddr *address);
int np_curl_close_socket(void *pool, curl_socket_t fd);

/* ---- curl_body.c: libcurl's callbacks, plain ---------------------------- */

size_t np_curl_on_head(char *data, size_t size, size_t n, void *easy);
size_t np_curl_on_body(char *data, size_t size, size_t n, void *easy);
size_t np_curl_on_send(char *data, size_t size, size_t n, void *easy);
int np_curl_on_seek(void *easy, curl_off_t offset, int origin);
int np_curl_on_request(void *easy, char *ip, char *local, int port,
                       int local_port);
/* Wakes who waits, if what they wait for is there. */
void np_curl_wake_reader(np_curl *t);
void np_curl_wake_writer(np_curl *t);
/* What the reader waits for is there. */
bool np_curl_ready(const np_curl *t);

/* ---- curl_held.c: what came of a body ------------------------------------ */

/* How many bytes; plain. */
size_t np_curl_held(const np_curl *t);
/* Adds bytes; false: no memory. Plain. */
bool np_curl_hold(np_curl *t, const char *data, size_t n);
/* All of it is to be taken at once; false: no memory. Plain. */
bool np_curl_hold_whole(np_curl *t);
/* [..] -> [.. string]  Takes some bytes, at most n; all there are up to n where
 * it is taken whole. **raises** */
void np_curl_held_push(lua_State *L, np_curl *t, size_t n);
/* Plain. */
void np_curl_held_free(np_curl *t);

/* ---- curl_transfer.c ----------------------------------------------------- */

/* It has ended, as libcurl or `reason` says: wakes who waits. Plain. */
void np_curl_finish(np_curl *t, np_curl_reason reason, CURLcode result);
/* transfer(pool) -> Transfer */
int np_curl_new(lua_State *L);
/* begin(pool, plan, server, deadline) -> Transfer | nil */
int np_curl_begin(lua_State *L);

/* ---- curl_error.c -------------------------------------------------------- */

/* [..] -> [.. nil code stage text] of a transfer that failed; returns 4. */
int np_curl_fail(lua_State *L, const np_curl *t);

#endif
