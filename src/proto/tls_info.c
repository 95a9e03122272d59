/*
 * tls_info.c: what a stream knows about its TLS: methods of Stream, in the
 * place of those that say nil. They do so, too, before the handshake is done
 * and without TLS.
 */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/tls.h"

/* The TLS wire of self if its handshake is done, or NULL. **raises** */
static np_tls *self_done(lua_State *L) {
  np_stream *s = np_stream_self(L);
  np_stream_checkopen(L, s);
  np_tls *t = np_tls_of(s);
  return t && SSL_is_init_finished(t->ssl) ? t : NULL;
}

static int stream_alpn(lua_State *L) {
  np_tls *t = self_done(L);
  const unsigned char *name = NULL;
  unsigned n = 0;
  if (t) SSL_get0_alpn_selected(t->ssl, &name, &n);
  if (n == 0) return lua_pushnil(L), 1;
  lua_pushlstring(L, (const char *)name, n);
  return 1;
}

static int stream_cipher(lua_State *L) {
  np_tls *t = self_done(L);
  lua_pushstring(L, t ? SSL_get_cipher_name(t->ssl) : NULL);
  return 1;
}

/* "1.2", "1.3": as the options name them. */
static int stream_tls_version(lua_State *L) {
  np_tls *t = self_done(L);
  if (!t) return lua_pushnil(L), 1;
  const char *name = SSL_get_version(t->ssl);  // "TLSv1.3"
  lua_pushstring(L, strncmp(name, "TLSv", 4) == 0 ? name + 4 : name);
  return 1;
}

/* tls_resumed(stream): whether a session was resumed. */
static int stream_tls_resumed(lua_State *L) {
  np_tls *t = self_done(L);
  lua_pushboolean(L, t && SSL_session_reused(t->ssl));
  return 1;
}

/* ---- the peer's certificate -------------------------------------------- */

/* [.. table] -> [.. table] */
static void set_name(lua_State *L, X509_NAME *name, const char *field) {
  char text[1024];
  np_tls_format_name(name, text, sizeof(text));
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static lua_Integer days_of(lua_Integer year, int month, int day) {
  if (month <= 2) year--, month += 12;
  lua_Integer era = (year >= 0 ? year : year - 399) / 400;
  lua_Integer of_era = year - era * 400;
  lua_Integer day_of_year = (153 * (month - 3) + 2) / 5 + day - 1;
  lua_Integer day_of_era =
      of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

/* Seconds since 1970, also where time_t is small. */
static void set_time(lua_State *L, const ASN1_TIME *time, const char *field) {
  struct tm tm;
  if (!time || ASN1_TIME_to_tm(time, &tm) != 1) return;
  lua_Integer days = days_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
  lua_Integer minutes = days * 24 * 60 + tm.tm_hour * 60 + tm.tm_min;
  lua_pushinteger(L, minutes * 60 + tm.tm_sec);
  lua_setfield(L, -2, field);
}

/* [..] -> [.. text] or nothing: a name of a subject; false. */
static bool push_alternative(lua_State *L, const GENERAL_NAME *name) {
  int type;
  const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
  const unsigned char *data;
  int n;
  char text[INET6_ADDRSTRLEN];
  if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI &&
      type != GEN_IPADD) {
    return false;
  }
  data = ASN1_STRING_get0_data(value);
  n = ASN1_STRING_length(value);
  if (type != GEN_IPADD) {
    lua_pushlstring(L, (const char *)data, (size_t)n);
    return true;
  }
  if (n != 4 && n != 16) return false;
  uv_inet_ntop(n == 4 ? AF_INET : AF_INET6, data, text, sizeof(text));
  lua_pushstring(L, text);
  return true;
}

/* The names are freed by what follows the protected part. */
static int fill_alternatives(lua_State *L) {
  GENERAL_NAMES *names = lua_touserdata(L, 1);
  lua_Integer count = 0;
  lua_newtable(L);
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    if (push_alternative(L, sk_GENERAL_NAME_value(names, i))) {
      lua_rawseti(L, -2, ++count);
    }
  }
  return 1;
}

/* [.. table] -> [.. table]  san: a list of names and addresses */
static void set_alternatives(lua_State *L, X509 *cert) {
  GENERAL_NAMES *names =
      X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  if (!names) {
    lua_newtable(L);
  } else {
    lua_pushcfunction(L, fill_alternatives);
    lua_pushlightuserdata(L, names);
    int status = lua_pcall(L, 1, 1, 0);
    GENERAL_NAMES_free(names);
    if (status != LUA_OK) lua_error(L);
  }
  lua_setfield(L, -2, "san");
}

/* [.. table] -> [.. table]  The memory for the text comes first, so that
 * nothing is orphaned. */
static void set_pem(lua_State *L, X509 *cert) {
  int der = i2d_X509(cert, NULL);
  if (der <= 0) return;
  int size = 2 * der + 128;  // base64 with line ends is 1.4 times as long
  char *text = lua_newuserdatauv(L, (size_t)size, 0);
  BIO *bio = BIO_new(BIO_s_mem());
  int n = 0;
  if (bio && PEM_write_bio_X509(bio, cert) == 1) n = BIO_read(bio, text, size);
  BIO_free(bio);
  lua_pushlstring(L, text, n > 0 ? (size_t)n : 0);
  lua_setfield(L, -3, "pem");
  lua_pop(L, 1);  // text
}

static int stream_peer_certificate(lua_State *L) {
  np_tls *t = self_done(L);
  X509 *cert = t ? SSL_get0_peer_certificate(t->ssl) : NULL;
  if (!cert) return lua_pushnil(L), 1;
  lua_createtable(L, 0, 6);
  set_name(L, X509_get_subject_name(cert), "subject");
  set_name(L, X509_get_issuer_name(cert), "issuer");
  set_time(L, X509_get0_notBefore(cert), "not_before");
  set_time(L, X509_get0_notAfter(cert), "not_after");
  set_alternatives(L, cert);
  set_pem(L, cert);
  return 1;
}

const luaL_Reg np_tls_info[] = {
    {"alpn", stream_alpn},
    {"cipher", stream_cipher},
    {"tls_version", stream_tls_version},
    {"tls_resumed", stream_tls_resumed},
    {"peer_certificate", stream_peer_certificate},
    {NULL, NULL},
};
