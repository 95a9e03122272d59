/*
 * curl_setup.c: what a request asks for, as options of libcurl. They come in a
 * table whose names are those of the list below; the Lua code that fills it
 * has checked the values. Texts are copied by libcurl, lists belong to the
 * easy handle.
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
  RESOLVED_FOR = 3600, /* s that addresses stay; Lua gives new ones before */
  MAX_HEAD = 256 * 1024,
};

typedef enum kind { TEXT, FLAG, NUMBER, MS, BLOB, OWN } kind;
typedef CURLcode own_setter(lua_State *L, np_curl *t);

/* ---- options that are ours ----------------------------------------------- */

/* [.. list] A list of texts becomes one of libcurl's, in the place of `own`. */
static CURLcode set_list(lua_State *L, np_curl_easy *e, CURLoption option,
                         struct curl_slist **own) {
  struct curl_slist *list = NULL;
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    struct curl_slist *longer = curl_slist_append(list, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (!longer) {
      curl_slist_free_all(list);
      return CURLE_OUT_OF_MEMORY;
    }
    list = longer;
  }
  CURLcode r = curl_easy_setopt(e->curl, option, list);
  curl_slist_free_all(*own);
  *own = list;
  return r;
}

static CURLcode set_fields(lua_State *L, np_curl *t) {
  return set_list(L, t->easy, CURLOPT_HTTPHEADER, &t->easy->fields);
}

static CURLcode set_resolve(lua_State *L, np_curl *t) {
  return set_list(L, t->easy, CURLOPT_RESOLVE, &t->easy->resolve);
}

static CURLcode set_connect_to(lua_State *L, np_curl *t) {
  return set_list(L, t->easy, CURLOPT_CONNECT_TO, &t->easy->connect_to);
}

/* Parsed at once where other requests will be like this one. */
static CURLcode set_url(lua_State *L, np_curl *t) {
  np_curl_easy *e = t->easy;
  const char *text = lua_tostring(L, -1);
  CURLU *old = e->url;
  e->url = t->planned ? curl_url() : NULL;
  if (e->url && curl_url_set(e->url, CURLUPART_URL, text, 0) != CURLUE_OK) {
    curl_url_cleanup(e->url);
    e->url = NULL;
  }
  curl_easy_setopt(e->curl, CURLOPT_CURLU, e->url);
  curl_url_cleanup(old);
  return curl_easy_setopt(e->curl, CURLOPT_URL, text);
}

/* The whole body. */
static CURLcode set_body(lua_State *L, np_curl *t) {
  size_t n;
  const char *body = lua_tolstring(L, -1, &n);
  if (np_buf_append(&t->out, body, n, t->host->alloc, t->host->alloc_ud) < 0)
    return CURLE_OUT_OF_MEMORY;
  t->keep_out = t->out_ended = true;
  curl_easy_setopt(t->easy->curl, CURLOPT_UPLOAD, 1L);
  return curl_easy_setopt(t->easy->curl, CURLOPT_INFILESIZE_LARGE,
                          (curl_off_t)n);
}

/* A body that is written later, of so many bytes; -1: nobody knows. */
static CURLcode set_upload(lua_State *L, np_curl *t) {
  curl_easy_setopt(t->easy->curl, CURLOPT_UPLOAD, 1L);
  return curl_easy_setopt(t->easy->curl, CURLOPT_INFILESIZE_LARGE,
                          (curl_off_t)lua_tointeger(L, -1));
}

static CURLcode set_ca_text(lua_State *L, np_curl *t) {
  CURL *c = t->easy->curl;
  size_t n;
  const char *text = lua_tolstring(L, -1, &n);
  struct curl_blob blob = {(void *)(uintptr_t)text, n, CURL_BLOB_COPY};
  curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
  curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(c, CURLOPT_PROXY_CAINFO_BLOB, &blob);
  return curl_easy_setopt(c, CURLOPT_PROXY_CAPATH, NULL);
}

static CURLcode set_unverified(lua_State *L, np_curl *t) {
  (void)L;
  curl_easy_setopt(t->easy->curl, CURLOPT_SSL_VERIFYPEER, 0L);
  return curl_easy_setopt(t->easy->curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

/* A number of seconds in ns. */
static uint64_t duration(lua_State *L, np_curl *t) {
  uint64_t end = np_deadline(t->host, lua_tonumber(L, -1));
  return end == NP_FOREVER ? NP_FOREVER : end - np_now(t->host);
}

static CURLcode set_first_byte(lua_State *L, np_curl *t) {
  t->easy->patience = duration(L, t);
  return CURLE_OK;
}

static CURLcode set_idle(lua_State *L, np_curl *t) {
  t->easy->idle = duration(L, t);
  return CURLE_OK;
}

static CURLcode set_max_head(lua_State *L, np_curl *t) {
  t->easy->max_head = (size_t)lua_tointeger(L, -1);
  return CURLE_OK;
}

/* ---- TLS keys for Wireshark ---------------------------------------------- */

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
static CURLcode set_keylog(lua_State *L, np_curl *t) {
  np_curl_pool *p = t->pool;
  const char *path = lua_tostring(L, -1);
  if (!p->keylog) p->keylog = strdup(path);
  curl_easy_setopt(t->easy->curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
  return curl_easy_setopt(t->easy->curl, CURLOPT_SSL_CTX_DATA, p->keylog);
}

/* ---- the list ------------------------------------------------------------ */

static const struct option {
  const char *name;
  kind kind;
  CURLoption option;
  own_setter *set;
  bool each; /* each request sets it, or np_curl_setup does before */
} options[] = {
    {"url", OWN, 0, set_url, true},
    {"method", TEXT, CURLOPT_CUSTOMREQUEST, NULL, true},
    {"fields", OWN, 0, set_fields, true},
    {"resolve", OWN, 0, set_resolve, false},
    {"body", OWN, 0, set_body, false},
    {"connect", MS, CURLOPT_CONNECTTIMEOUT_MS, NULL, true},
    {"first_byte", OWN, 0, set_first_byte, true},
    {"idle", OWN, 0, set_idle, true},
    {"version", NUMBER, CURLOPT_HTTP_VERSION, NULL, true},
    {"pipewait", FLAG, CURLOPT_PIPEWAIT, NULL, true},
    {"no_body", FLAG, CURLOPT_NOBODY, NULL, false},
    {"upload", OWN, 0, set_upload, false},
    {"cookie", TEXT, CURLOPT_COOKIE, NULL, false},
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
static CURLcode set(lua_State *L, np_curl *t, const struct option *o) {
  CURL *c = t->easy->curl;
  struct curl_blob blob = {.flags = CURL_BLOB_COPY};
  if (!o->each) t->easy->special = true;
  switch (o->kind) {
    case TEXT: return curl_easy_setopt(c, o->option, lua_tostring(L, -1));
    case FLAG:
      return curl_easy_setopt(c, o->option, (long)lua_toboolean(L, -1));
    case NUMBER:
      return curl_easy_setopt(c, o->option, (long)lua_tointeger(L, -1));
    case MS:
      return curl_easy_setopt(c, o->option, milliseconds(lua_tonumber(L, -1)));
    case BLOB:
      blob.data = (void *)(uintptr_t)lua_tolstring(L, -1, &blob.len);
      return curl_easy_setopt(c, o->option, &blob);
    case OWN: break;
  }
  return o->set(L, t);
}

/* What is the same for all requests of a pool. */
static void set_common(np_curl_easy *e, np_curl_pool *p) {
  CURL *c = e->curl;
  curl_easy_setopt(c, CURLOPT_SHARE, p->share);
  if (!e->no_cookies) curl_easy_setopt(c, CURLOPT_COOKIEFILE, "");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_PROXY, "");    // Lua reads the environment
  curl_easy_setopt(c, CURLOPT_NOPROXY, "");  // of this, too
  curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, (long)RESOLVED_FOR);
  curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, np_curl_open_socket);
  curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, np_curl_close_socket);
  curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, p);
  curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, np_curl_on_request);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, np_curl_on_head);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, np_curl_on_body);
  curl_easy_setopt(c, CURLOPT_READFUNCTION, np_curl_on_send);
  curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, np_curl_on_seek);
  curl_easy_setopt(c, CURLOPT_PRIVATE, (void *)e);
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, e->text);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, e);
  curl_easy_setopt(c, CURLOPT_PREREQDATA, e);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, e);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
  curl_easy_setopt(c, CURLOPT_READDATA, e);
  curl_easy_setopt(c, CURLOPT_SEEKDATA, e);
  e->set = true;
}

/* One that is not fully set has no plan, and is set anew when it is taken. */
void np_curl_setup(lua_State *L, np_curl *t, int arg, uint64_t plan) {
  np_curl_easy *e = t->easy;
  t->planned = plan != 0;
  if (!e->set) set_common(e, t->pool);
  e->max_head = MAX_HEAD;
  e->patience = e->idle = NP_FOREVER;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    const char *name = lua_tostring(L, -2);
    const struct option *o = find(name);
    CURLcode r = o ? set(L, t, o) : CURLE_UNKNOWN_OPTION;
    if (r != CURLE_OK)
      luaL_error(L, "libcurl refuses '%s': %s", name, curl_easy_strerror(r));
    lua_pop(L, 1);
  }
  e->plan = plan;
}
