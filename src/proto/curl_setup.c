/*
 * curl_setup.c: what a request asks for, as options of libcurl. They come in a
 * table whose names are those of the list below; the Lua code that fills it
 * has checked the values. Texts are copied by libcurl, lists are kept here as
 * long as the transfer runs.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <math.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "core/timer.h"
#include "proto/curl.h"

enum {
  BUFFER = 64 * 1024,  /* what libcurl reads at once; for each transfer */
  RESOLVED_FOR = 3600, /* s that addresses stay; Lua gives them each time */
};

typedef enum kind { TEXT, FLAG, NUMBER, SIZE, MS, BLOB, OWN } kind;
typedef void own_setter(lua_State *L, np_curl *t);

/* ---- options that are ours ------------------------------------------------- */

/* [.. list] A list of texts becomes one of libcurl's, at once that of t. */
static void read_list(lua_State *L, struct curl_slist **out) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    struct curl_slist *longer = curl_slist_append(*out, lua_tostring(L, -1));
    if (!longer) luaL_error(L, "not enough memory");
    *out = longer;
    lua_pop(L, 1);
  }
}

static void set_fields(lua_State *L, np_curl *t) {
  read_list(L, &t->fields);
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields);
}

static void set_resolve(lua_State *L, np_curl *t) {
  read_list(L, &t->resolve);
  curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve);
}

static void set_connect_to(lua_State *L, np_curl *t) {
  read_list(L, &t->connect_to);
  curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
}

/* The whole body. */
static void set_body(lua_State *L, np_curl *t) {
  size_t n;
  const char *body = lua_tolstring(L, -1, &n);
  if (np_buf_append(&t->out, body, n, t->host->alloc, t->host->alloc_ud) < 0)
    luaL_error(L, "not enough memory");
  t->keep_out = t->out_ended = true;
  curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)n);
}

/* A body that is written later, of so many bytes; -1: nobody knows. */
static void set_upload(lua_State *L, np_curl *t) {
  curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE,
                   (curl_off_t)lua_tointeger(L, -1));
}

static void set_ca_text(lua_State *L, np_curl *t) {
  size_t n;
  const char *text = lua_tolstring(L, -1, &n);
  struct curl_blob blob = {(void *)(uintptr_t)text, n, CURL_BLOB_COPY};
  curl_easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &blob);
  curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(t->easy, CURLOPT_PROXY_CAINFO_BLOB, &blob);
  curl_easy_setopt(t->easy, CURLOPT_PROXY_CAPATH, NULL);
}

static void set_unverified(lua_State *L, np_curl *t) {
  (void)L;
  curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void set_deadline(lua_State *L, np_curl *t) {
  t->deadline = np_deadline(t->host, lua_tonumber(L, -1));
}

/* A number of seconds in ns. */
static uint64_t duration(lua_State *L, np_curl *t) {
  uint64_t end = np_deadline(t->host, lua_tonumber(L, -1));
  return end == NP_FOREVER ? NP_FOREVER : end - np_now(t->host);
}

static void set_first_byte(lua_State *L, np_curl *t) {
  t->patience = duration(L, t);
}

static void set_idle(lua_State *L, np_curl *t) { t->idle = duration(L, t); }

static void set_max_head(lua_State *L, np_curl *t) {
  t->max_head = (size_t)lua_tointeger(L, -1);
}

static void set_high(lua_State *L, np_curl *t) {
  t->high = (size_t)lua_tointeger(L, -1);
}

/* ---- TLS keys for Wireshark ------------------------------------------------ */

static void on_keys(const SSL *ssl, const char *line) {
  const char *path = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  int fd =
      path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (fd < 0) return;
  char text[512];
  int n = snprintf(text, sizeof text, "%s\n", line);
  if (n > 0 && n < (int)sizeof text && write(fd, text, (size_t)n) < 0) {
    // a log that cannot be written is no reason to fail
  }
  close(fd);
}

static CURLcode on_context(CURL *easy, void *context, void *path) {
  (void)easy;
  SSL_CTX_set_app_data(context, path);
  SSL_CTX_set_keylog_callback(context, on_keys);
  return CURLE_OK;
}

/* The path lives as long as the connections, which the pool closes. */
static void set_keylog(lua_State *L, np_curl *t) {
  np_curl_pool *p = t->pool;
  const char *path = lua_tostring(L, -1);
  if (!p->keylog) p->keylog = strdup(path);
  curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
  curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, p->keylog);
}

/* ---- the list -------------------------------------------------------------- */

static const struct option {
  const char *name;
  kind kind;
  CURLoption option;
  own_setter *set;
  bool each; /* each request sets it, or it is ours: it may be set again */
} options[] = {
    {"url", TEXT, CURLOPT_URL, NULL, true},
    {"method", TEXT, CURLOPT_CUSTOMREQUEST, NULL, true},
    {"fields", OWN, 0, set_fields, true},
    {"resolve", OWN, 0, set_resolve, false},
    {"body", OWN, 0, set_body, false},
    {"connect", MS, CURLOPT_CONNECTTIMEOUT_MS, NULL, true},
    {"deadline", OWN, 0, set_deadline, true},
    {"first_byte", OWN, 0, set_first_byte, true},
    {"idle", OWN, 0, set_idle, true},
    {"version", NUMBER, CURLOPT_HTTP_VERSION, NULL, true},
    {"pipewait", FLAG, CURLOPT_PIPEWAIT, NULL, true},
    {"no_body", FLAG, CURLOPT_NOBODY, NULL, false},
    {"upload", OWN, 0, set_upload, false},
    {"cookie", TEXT, CURLOPT_COOKIE, NULL, false},
    {"high", OWN, 0, set_high, true},
    {"max_head", OWN, 0, set_max_head, true},
    {"connect_to", OWN, 0, set_connect_to, false},
    {"user", TEXT, CURLOPT_USERNAME, NULL, false},
    {"password", TEXT, CURLOPT_PASSWORD, NULL, false},
    {"proxy", TEXT, CURLOPT_PROXY, NULL, false},
    {"proxy_user", TEXT, CURLOPT_PROXYUSERNAME, NULL, false},
    {"proxy_password", TEXT, CURLOPT_PROXYPASSWORD, NULL, false},
    {"family", NUMBER, CURLOPT_IPRESOLVE, NULL, false},
    {"interface", TEXT, CURLOPT_INTERFACE, NULL, false},
    {"unverified", OWN, 0, set_unverified, false},
    {"ca", OWN, 0, set_ca_text, false},
    {"cert", BLOB, CURLOPT_SSLCERT_BLOB, NULL, false},
    {"key", BLOB, CURLOPT_SSLKEY_BLOB, NULL, false},
    {"key_password", TEXT, CURLOPT_KEYPASSWD, NULL, false},
    {"tls_version", NUMBER, CURLOPT_SSLVERSION, NULL, false},
    {"ciphers", TEXT, CURLOPT_SSL_CIPHER_LIST, NULL, false},
    {"ciphersuites", TEXT, CURLOPT_TLS13_CIPHERS, NULL, false},
    {"alpn", FLAG, CURLOPT_SSL_ENABLE_ALPN, NULL, false},
    {"keylog", OWN, 0, set_keylog, false},
};

static const struct option *find(const char *name) {
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (strcmp(options[i].name, name) == 0) return &options[i];
  return NULL;
}

static long milliseconds(lua_Number seconds) {
  lua_Number ms = ceil(seconds * 1000);
  if (ms < 1) return 1;  // 0 would be libcurl's own default
  return ms < 1e9 ? (long)ms : 1000000000L;
}

/* [.. value] */
static void set(lua_State *L, np_curl *t, const struct option *o) {
  if (!o->each) t->special = true;
  CURLcode r = CURLE_OK;
  struct curl_blob blob;
  switch (o->kind) {
    case TEXT:
      r = curl_easy_setopt(t->easy, o->option, lua_tostring(L, -1));
      break;
    case FLAG:
      r = curl_easy_setopt(t->easy, o->option, (long)lua_toboolean(L, -1));
      break;
    case NUMBER:
      r = curl_easy_setopt(t->easy, o->option, (long)lua_tointeger(L, -1));
      break;
    case SIZE:
      r = curl_easy_setopt(t->easy, o->option,
                           (curl_off_t)lua_tointeger(L, -1));
      break;
    case MS:
      r = curl_easy_setopt(t->easy, o->option,
                           milliseconds(lua_tonumber(L, -1)));
      break;
    case BLOB:
      blob.data = (void *)(uintptr_t)lua_tolstring(L, -1, &blob.len);
      blob.flags = CURL_BLOB_COPY;
      r = curl_easy_setopt(t->easy, o->option, &blob);
      break;
    case OWN: o->set(L, t); break;
  }
  if (r != CURLE_OK)
    luaL_error(L, "libcurl refuses '%s': %s", o->name, curl_easy_strerror(r));
}

/* What is the same for all requests of a pool. */
static void set_common(np_curl *t) {
  CURL *e = t->easy;
  curl_easy_setopt(e, CURLOPT_SHARE, t->pool->share);
  if (!t->no_cookies) curl_easy_setopt(e, CURLOPT_COOKIEFILE, "");
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_PROXY, "");    // Lua reads the environment
  curl_easy_setopt(e, CURLOPT_NOPROXY, "");  // of this, too
  curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, (long)RESOLVED_FOR);
  curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, np_curl_open_socket);
  curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, np_curl_close_socket);
  curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t->pool);
  curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, np_curl_on_request);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, np_curl_on_head);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, np_curl_on_body);
  curl_easy_setopt(e, CURLOPT_READFUNCTION, np_curl_on_send);
  curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, np_curl_on_seek);
}

/* Who its callbacks are for. */
static void set_transfer(np_curl *t) {
  CURL *e = t->easy;
  curl_easy_setopt(e, CURLOPT_PRIVATE, (void *)t);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->text);
  curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
  curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(e, CURLOPT_READDATA, t);
  curl_easy_setopt(e, CURLOPT_SEEKDATA, t);
}

void np_curl_setup(lua_State *L, np_curl *t, int arg) {
  if (!t->ready) set_common(t);
  set_transfer(t);
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    const struct option *o = find(lua_tostring(L, -2));
    if (!o) luaL_error(L, "no option '%s'", lua_tostring(L, -2));
    set(L, t, o);
    lua_pop(L, 1);
  }
}

void np_curl_setup_free(np_curl *t) {
  curl_slist_free_all(t->fields);
  curl_slist_free_all(t->resolve);
  curl_slist_free_all(t->connect_to);
  t->fields = t->resolve = t->connect_to = NULL;
}
