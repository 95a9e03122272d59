/*
 * curl_error.c: what went wrong with a transfer: a code, the stage that it was
 * in, and words. Lua makes an error of them, with the host and the method that
 * it knows.
 */
#include <lauxlib.h>
#include <string.h>

#include "proto/curl.h"

static const char *const stages[] = {"queue", "connect", "TLS handshake",
                                     "request", "body"};

static const struct {
  CURLcode result;
  const char *code;
  int stage; /* where it can only be; -1: anywhere */
} codes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "ENOTFOUND", NP_CURL_CONNECT},
    {CURLE_COULDNT_RESOLVE_PROXY, "ENOTFOUND", NP_CURL_CONNECT},
    {CURLE_COULDNT_CONNECT, "ECONNREFUSED", NP_CURL_CONNECT},
    {CURLE_PROXY, "HTTP",
     NP_CURL_CONNECT}, /* it refuses, or speaks otherwise */
    {CURLE_OPERATION_TIMEDOUT, "TIMEOUT", -1},
    {CURLE_SSL_CONNECT_ERROR, "TLS", NP_CURL_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, "TLS", NP_CURL_TLS},
    {CURLE_SSL_CERTPROBLEM, "TLS", NP_CURL_TLS},
    {CURLE_SSL_CIPHER, "TLS", NP_CURL_TLS},
    {CURLE_SSL_CACERT_BADFILE, "TLS", NP_CURL_TLS},
    {CURLE_SSL_ISSUER_ERROR, "TLS", NP_CURL_TLS},
    {CURLE_SSL_ENGINE_NOTFOUND, "TLS", NP_CURL_TLS},
    {CURLE_GOT_NOTHING, "EOF", NP_CURL_REQUEST},
    {CURLE_PARTIAL_FILE, "EOF", NP_CURL_BODY},
    {CURLE_OUT_OF_MEMORY, "ENOMEM", -1},
};

static const struct {
  np_curl_reason reason;
  const char *code, *text;
} reasons[] = {
    {NP_CURL_CLOSED, "CLOSED", "it was closed"},
    {NP_CURL_LATE, "TIMEOUT", "timed out"},
    {NP_CURL_NO_HEAD, "TIMEOUT", "timed out waiting for the answer"},
    {NP_CURL_IDLE, "TIMEOUT", "timed out: nothing came or went"},
    {NP_CURL_BIG_HEAD, "LIMIT", "the header of the answer is too large"},
    {NP_CURL_NO_MEMORY, "ENOMEM", "not enough memory"},
    {NP_CURL_NO_HANDLES, "LIMIT", "the host has as many handles as it may"},
};

static const char *words(const np_curl *t) {
  return t->text ? t->text : curl_easy_strerror(t->result);
}

static int push(lua_State *L, const char *code, int stage, const char *text) {
  lua_pushnil(L);
  lua_pushstring(L, code);
  lua_pushstring(L, stages[stage]);
  lua_pushstring(L, text);
  return 4;
}

/* A failed connection is what the system says of it. */
static int push_errno(lua_State *L, const np_curl *t, int stage) {
  char name[64], text[128];
  uv_err_name_r(-t->os_errno, name, sizeof name);
  uv_strerror_r(-t->os_errno, text, sizeof text);
  return push(L, name, stage, text);
}

static bool is_network(CURLcode r) {
  return r == CURLE_COULDNT_CONNECT || r == CURLE_RECV_ERROR ||
         r == CURLE_SEND_ERROR;
}

/* Of chunks that are none libcurl says that receiving failed. */
static bool is_malformed(const np_curl *t) {
  return t->result == CURLE_RECV_ERROR &&
         (strstr(words(t), "hex") || strstr(words(t), "Malformed"));
}

/* So it does of frames of HTTP/2 that break the rules. */
static bool is_misframed(const np_curl *t) {
  return t->result == CURLE_RECV_ERROR && strstr(words(t), "nghttp2");
}

/* And of an alert, which comes behind the handshake where the server of TLS 1.3
 * misses a certificate. */
static bool is_alert(const np_curl *t) {
  return t->result == CURLE_RECV_ERROR && strstr(words(t), "SSL routines") &&
         strstr(words(t), " alert ");
}

/* Of endless heads, too. */
static bool is_large(const np_curl *t) {
  return t->result == CURLE_RECV_ERROR && strstr(words(t), "Too large");
}

/* Of a line of a head that is longer than 100 KiB libcurl says that memory is
 * out, or, since 8.6, CURLE_TOO_LARGE. */
static bool is_long_line(const np_curl *t) {
  enum { TOO_LARGE = 100 };
  return t->stage == NP_CURL_REQUEST &&
         (t->result == CURLE_OUT_OF_MEMORY || (int)t->result == TOO_LARGE);
}

int np_curl_fail(lua_State *L, const np_curl *t) {
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
    if (reasons[i].reason == t->reason)
      return push(L, reasons[i].code, t->stage, reasons[i].text);
  }
  if (t->result == CURLE_OK)  // without a head, or nobody would ask
    return push(L, "EOF", t->stage, "the connection ended in the header");
  if (is_large(t)) return push(L, "LIMIT", t->stage, words(t));
  if (is_long_line(t))
    return push(L, "LIMIT", t->stage, "a line of the header is too long");
  if (is_misframed(t)) return push(L, "HTTP", t->stage, words(t));
  if (is_alert(t)) return push(L, "TLS", t->stage, words(t));
  if (is_malformed(t)) return push(L, "HTTP", NP_CURL_BODY, words(t));
  if (t->tunnel >= 300) return push(L, "HTTP", NP_CURL_CONNECT, words(t));
  if (is_network(t->result) && t->os_errno > 0)
    return push_errno(L, t, t->stage);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    if (codes[i].result != t->result) continue;
    int stage = codes[i].stage;
    return push(L, codes[i].code, stage < 0 ? (int)t->stage : stage, words(t));
  }
  const char *code = is_network(t->result) ? "ECONNRESET" : "HTTP";
  return push(L, code, t->stage, words(t));
}
