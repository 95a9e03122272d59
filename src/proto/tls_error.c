/*
 * tls_error.c: why something failed, in words that say what to do about it,
 * with OpenSSL's own reason.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "proto/tls.h"

/* ---- names ------------------------------------------------------------- */

void np_tls_format_name(X509_NAME *name, char *buf, size_t size) {
  *buf = '\0';
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return;
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  int n = BIO_read(bio, buf, (int)size - 1);
  buf[n > 0 ? n : 0] = '\0';
  BIO_free(bio);
}

/* ---- certificates ------------------------------------------------------ */

static void format_date(const ASN1_TIME *time, char *buf, size_t size) {
  struct tm tm;
  *buf = '\0';
  if (time && ASN1_TIME_to_tm(time, &tm) == 1) {
    strftime(buf, size, "%Y-%m-%d", &tm);
  }
}

/* What a user may not see at once in OpenSSL's text for a code. */
static const struct {
  int code;
  const char *text;
} meanings[] = {
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     "certificate is self-signed and not among the trusted ones (option `ca`)"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     "the authority of the certificate is not trusted (option `ca`)"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "the issuer of the certificate is not known (option `ca`, or the peer "
     "does not send its chain)"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
     "the issuer of the certificate is not known (option `ca`, or the peer "
     "does not send its chain)"},
};

static const char *meaning_of(int code) {
  for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
    if (meanings[i].code == code) return meanings[i].text;
  }
  return X509_verify_cert_error_string(code);
}

void np_tls_verify_reason(X509_STORE_CTX *store, const char *peer, char *buf,
                          size_t size) {
  int code = X509_STORE_CTX_get_error(store);
  X509 *cert = X509_STORE_CTX_get_current_cert(store);
  char name[160] = "", date[32] = "";
  if (cert) {
    np_tls_format_name(X509_get_subject_name(cert), name, sizeof(name));
  }
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      format_date(X509_get0_notAfter(cert), date, sizeof(date));
      snprintf(buf, size, "certificate has expired (%s, %s)", name, date);
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      format_date(X509_get0_notBefore(cert), date, sizeof(date));
      snprintf(buf, size, "certificate is not yet valid (%s, %s)", name, date);
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      snprintf(buf, size, "certificate is not for '%s' (%s): %s",
               peer ? peer : "", name, X509_verify_cert_error_string(code));
      break;
    default: {
      const char *meaning = meaning_of(code);
      const char *text = X509_verify_cert_error_string(code);
      if (meaning == text) {
        snprintf(buf, size, "certificate is not accepted (%s): %s", name, text);
      } else {
        snprintf(buf, size, "%s (%s): %s", meaning, name, text);
      }
    }
  }
}

/* ---- OpenSSL's reasons ------------------------------------------------- */

static const struct {
  int reason;
  const char *text;
} explained[] = {
    {SSL_R_HTTP_REQUEST, "the peer sent plain HTTP"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the peer sent plain HTTP"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS here"},
    {SSL_R_NO_SHARED_CIPHER, "the peer shares no cipher with us"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer offers no version of TLS we accept"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "the client sent no certificate, and one is required"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "no protocol in common (option `alpn`)"},
    {SSL_R_RENEGOTIATION_MISMATCH, "renegotiation is refused"},
};

/* What a peer refuses with. OpenSSL has no name for each alert. */
static void describe_alert(int alert, const char *text, char *buf,
                           size_t size) {
  const char *name = SSL_alert_desc_string_long(alert);
  if (alert == SSL_AD_CERTIFICATE_REQUIRED)
    name = "it requires a certificate of ours (option `cert`)";
  if (strcmp(name, "unknown") == 0) {
    snprintf(buf, size, "the peer refused: %s", text);
  } else {
    snprintf(buf, size, "the peer refused: %s (%s)", name, text);
  }
}

static void describe_reason(unsigned long e, char *buf, size_t size) {
  int reason = ERR_GET_REASON(e);
  const char *text = ERR_reason_error_string(e);
  if (!text) text = "unknown reason";
  if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
    if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
      describe_alert(reason - SSL_AD_REASON_OFFSET, text, buf, size);
      return;
    }
    for (size_t i = 0; i < sizeof(explained) / sizeof(*explained); i++) {
      if (explained[i].reason == reason) {
        snprintf(buf, size, "%s (%s)", explained[i].text, text);
        return;
      }
    }
  }
  snprintf(buf, size, "%s", text);
}

void np_tls_reason(char *buf, size_t size) {
  unsigned long e = ERR_peek_error();
  if (e == 0) {
    snprintf(buf, size, "OpenSSL failed without a reason");
  } else {
    describe_reason(e, buf, size);
  }
  ERR_clear_error();
}
