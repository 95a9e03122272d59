/*
 * http1_head.c: what a request head says, and whether it may be believed.
 *
 * A head is taken apart here line by line, by the rules of RFC 9112, strictly:
 * what two readers could understand differently is refused, as one of them
 * may stand in front of us. Then the same bytes go through the system's parser
 * (llhttp, or its predecessor http_parser), which knows the methods, and
 * refuses what it holds to be wrong. Both must agree that the head ends where
 * its bytes end. Pure functions: bytes in, spans into those bytes out.
 */
#include <string.h>

#include "proto/http1.h"

#ifdef NP_LLHTTP
#include <llhttp.h>
#else
#include <http_parser.h>
#endif

/* What the fields that matter here have said so far. */
typedef struct seen {
  int hosts, lengths;
  np_span host;
  bool coded;   /* a Transfer-Encoding */
  bool chunked; /* and its last coding is chunked */
  bool unknown; /* one of them is another one */
  bool close, keep_alive, upgrade_option, upgrade;
} seen;

static int refuse(np_head *head, int status, const char *problem) {
  head->problem = problem;
  return head->status = status;
}

/* ---- the system's parser ------------------------------------------------ */

/* The method's name, or NULL if the parser refuses the head; `method` tells
 * that it only does not know the method. */
#ifdef NP_LLHTTP
static const char *parse(const char *data, size_t n, bool *method) {
  llhttp_settings_t settings;
  llhttp_t parser;
  llhttp_settings_init(&settings);
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  llhttp_errno_t r = llhttp_execute(&parser, data, n);
  *method = r == HPE_INVALID_METHOD;
  if (r == HPE_PAUSED_UPGRADE && llhttp_get_error_pos(&parser) == data + n) {
    r = HPE_OK;
  }
  if (r != HPE_OK) return NULL;
  return llhttp_method_name((llhttp_method_t)llhttp_get_method(&parser));
}
#else
static const char *parse(const char *data, size_t n, bool *method) {
  static const http_parser_settings settings;
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  size_t parsed = http_parser_execute(&parser, &settings, data, n);
  *method = HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD;
  if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || parsed != n) return NULL;
  return http_method_str((enum http_method)parser.method);
}
#endif

/* ---- the request line --------------------------------------------------- */

/* A host, and a port unless there is none; `must` there be a port? */
static bool is_authority(np_span text, bool must) {
  const char *colon = NULL;
  np_span host = text;
  if (text.size > 0 && text.at[0] == '[') {
    const char *end = memchr(text.at, ']', text.size);
    if (!end) return false;
    np_span inside = {text.at + 1, (size_t)(end - text.at - 1)};
    host = (np_span){text.at, (size_t)(end + 1 - text.at)};
    for (size_t i = 0; i < inside.size; i++) {
      char c = inside.at[i];
      if (c != ':' && c != '.' &&
          !(np_http_chars[(unsigned char)c] & NP_CHAR_HEX)) {
        return false;
      }
    }
    if (inside.size < 2) return false;
    if (host.size < text.size) colon = end + 1;
    if (colon && *colon != ':') return false;
  } else {
    colon = memchr(text.at, ':', text.size);
    if (colon) host.size = (size_t)(colon - text.at);
    if (!np_http_all(host, NP_CHAR_HOST) || !np_http_encoded(host))
      return false;
  }
  if (host.size == 0) return false;
  if (!colon) return !must;
  int port = 0;
  for (const char *p = colon + 1; p < text.at + text.size; p++) {
    if (*p < '0' || *p > '9') return false;
    port = port * 10 + *p - '0';
    if (port > 65535) return false;
  }
  return !must || port > 0;
}

/* The target in absolute form, "http://authority/path". */
static bool parse_absolute(np_head *head, np_span *target) {
  size_t scheme = 0;
  if (target->size > 7 && np_span_is((np_span){target->at, 7}, "http://"))
    scheme = 7;
  if (target->size > 8 && np_span_is((np_span){target->at, 8}, "https://"))
    scheme = 8;
  if (scheme == 0) return false;
  np_span rest = {target->at + scheme, target->size - scheme};
  size_t size = 0;
  while (size < rest.size && rest.at[size] != '/' && rest.at[size] != '?')
    size++;
  head->authority = (np_span){rest.at, size};
  head->absolute = true;
  *target = (np_span){rest.at + size, rest.size - size};
  return is_authority(head->authority, false);
}

static bool parse_target(np_head *head, np_span method, np_span target) {
  if (target.size == 0) return false;
  if (np_span_is(method, "connect")) {
    head->authority = head->path = target;
    return is_authority(target, true);
  }
  if (target.size == 1 && target.at[0] == '*') {
    head->path = target;
    return np_span_is(method, "options");
  }
  if (target.at[0] != '/' && !parse_absolute(head, &target)) return false;
  const char *mark = memchr(target.at, '?', target.size);
  head->path = target;
  if (mark) {
    head->path.size = (size_t)(mark - target.at);
    head->query = (np_span){mark + 1, target.size - head->path.size - 1};
  }
  if (head->path.size == 0) head->path = (np_span){"/", 1};
  head->encoded = memchr(head->path.at, '%', head->path.size) != NULL;
  return np_http_all(head->path, NP_CHAR_PATH) &&
         np_http_all(head->query, NP_CHAR_QUERY) &&
         np_http_encoded(head->path) && np_http_encoded(head->query);
}

/* "HTTP/1.1" at the end of the request line. */
static int parse_version(np_head *head, np_span version) {
  const char *v = version.at;
  if (version.size != 8 || memcmp(v, "HTTP/", 5) != 0 || v[6] != '.' ||
      v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9') {
    return refuse(head, 400, "the request line has no HTTP version");
  }
  if (v[5] != '1' || v[7] > '1')
    return refuse(head, 505, "this server speaks HTTP/1.1");
  head->http10 = v[7] == '0';
  return 0;
}

static int parse_request_line(np_head *head, np_span line) {
  const char *end = line.at + line.size;
  const char *first = memchr(line.at, ' ', line.size);
  if (!first) return refuse(head, 400, "the request line has no target");
  const char *second = memchr(first + 1, ' ', (size_t)(end - first - 1));
  if (!second) return refuse(head, 400, "the request line has no version");
  np_span method = {line.at, (size_t)(first - line.at)};
  np_span target = {first + 1, (size_t)(second - first - 1)};
  np_span version = {second + 1, (size_t)(end - second - 1)};
  if (method.size == 0 || !np_http_all(method, NP_CHAR_TOKEN))
    return refuse(head, 400, "the method is no token");
  if (parse_version(head, version)) return head->status;
  if (!parse_target(head, method, target))
    return refuse(head, 400, "the request target is invalid");
  return 0;
}

/* ---- fields ------------------------------------------------------------- */

bool np_line_next(np_span *rest, np_span *line) {
  const char *lf = memchr(rest->at, '\n', rest->size);
  if (!lf || lf == rest->at || lf[-1] != '\r') return false;
  size_t size = (size_t)(lf - rest->at) + 1;
  *line = (np_span){rest->at, size - 2};
  rest->at += size;
  rest->size -= size;
  return true;
}

/* A name that is a token up to the colon: no space before it, and none at the
 * start of a line (which once continued the line before). */
bool np_field_parse(np_span line, np_span *name, np_span *value) {
  size_t i = 0;
  while (i < line.size &&
         (np_http_chars[(unsigned char)line.at[i]] & NP_CHAR_TOKEN)) {
    i++;
  }
  if (i == 0 || i == line.size || line.at[i] != ':') return false;
  *name = (np_span){line.at, i};
  *value = np_span_trim((np_span){line.at + i + 1, line.size - i - 1});
  return np_http_all(*value, NP_CHAR_VALUE);
}

static int take_length(np_head *head, seen *s, np_span value) {
  if (s->lengths++ > 0) return refuse(head, 400, "Content-Length is repeated");
  if (value.size == 0) return refuse(head, 400, "Content-Length is empty");
  uint64_t n = 0;
  for (size_t i = 0; i < value.size; i++) {
    char c = value.at[i];
    if (c < '0' || c > '9')
      return refuse(head, 400, "Content-Length is no number");
    // 2^53: what a Lua number holds as well
    if (n > (UINT64_C(1) << 53)) continue;
    n = n * 10 + (uint64_t)(c - '0');
  }
  if (n > (UINT64_C(1) << 53))
    return refuse(head, 413, "Content-Length is too large");
  head->length = (int64_t)n;
  return 0;
}

/* The codings of all Transfer-Encoding fields are one list. */
static int take_coding(np_head *head, seen *s, np_span value) {
  np_span coding;
  s->coded = true;
  while (np_span_next(&value, &coding)) {
    if (s->chunked)
      return refuse(head, 400, "chunked is not the last transfer coding");
    if (np_span_is(coding, "chunked")) {
      s->chunked = true;
    } else if (coding.size == 0 || !np_http_all(coding, NP_CHAR_TOKEN)) {
      return refuse(head, 400, "Transfer-Encoding is invalid");
    } else {
      s->unknown = true;
    }
  }
  return 0;
}

static int take_connection(np_head *head, seen *s, np_span value) {
  (void)head;
  np_span option;
  while (np_span_next(&value, &option)) {
    if (np_span_is(option, "close")) s->close = true;
    if (np_span_is(option, "keep-alive")) s->keep_alive = true;
    if (np_span_is(option, "upgrade")) s->upgrade_option = true;
  }
  return 0;
}

static int take_host(np_head *head, seen *s, np_span value) {
  if (s->hosts++ > 0) return refuse(head, 400, "Host is repeated");
  if (!is_authority(value, false)) return refuse(head, 400, "Host is invalid");
  s->host = value;
  return 0;
}

static int take_expect(np_head *head, seen *s, np_span value) {
  (void)s;
  if (!np_span_is(value, "100-continue"))
    return refuse(head, 417, "only 100-continue can be expected");
  head->expects = !head->http10;
  return 0;
}

static int take_upgrade(np_head *head, seen *s, np_span value) {
  (void)head;
  s->upgrade = value.size > 0;
  return 0;
}

/* Range, and If-Match and its kin. */
static bool is_condition(np_span name) {
  if (name.size == 5) return np_span_is(name, "range");
  return name.size > 5 && np_span_is((np_span){name.at, 3}, "if-");
}

static int take_field(np_head *head, seen *s, np_span name, np_span value) {
  static const struct {
    size_t size;
    const char *name;
    int (*take)(np_head *head, seen *s, np_span value);
  } known[] = {
      {4, "host", take_host},
      {10, "connection", take_connection},
      {14, "content-length", take_length},
      {17, "transfer-encoding", take_coding},
      {6, "expect", take_expect},
      {7, "upgrade", take_upgrade},
  };
  for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
    if (name.size == known[i].size && np_span_is(name, known[i].name))
      return known[i].take(head, s, value);
  }
  if (is_condition(name)) head->conditional = true;
  return 0;
}

/* What the fields say together. */
static int conclude(np_head *head, const seen *s) {
  if (!s->hosts && !head->http10) return refuse(head, 400, "Host is missing");
  if (s->coded) {
    if (s->lengths)
      return refuse(head, 400, "both Transfer-Encoding and Content-Length");
    if (head->http10) return refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
    if (!s->chunked)
      return refuse(head, 400, "chunked is not the last transfer coding");
    if (s->unknown) return refuse(head, 501, "the transfer coding is unknown");
    head->length = NP_BODY_CHUNKED;
  }
  head->keep = !s->close && (!head->http10 || s->keep_alive);
  head->upgrades = s->upgrade && s->upgrade_option && !head->http10;
  return 0;
}

static int parse_fields(np_head *head, np_span rest, int max_fields) {
  seen s = {0};
  np_span line, name, value;
  for (;;) {
    if (!np_line_next(&rest, &line))
      return refuse(head, 400, "a line does not end with CRLF");
    if (line.size == 0) break;
    if (++head->fields > max_fields)
      return refuse(head, 431, "too many header fields");
    if (!np_field_parse(line, &name, &value))
      return refuse(head, 400, "a header field is invalid");
    if (take_field(head, &s, name, value)) return head->status;
  }
  if (rest.size > 0) return refuse(head, 400, "the head does not end");
  return conclude(head, &s);
}

int np_head_parse(np_head *head, const char *data, size_t n, int max_fields) {
  np_span rest = {data, n}, line;
  bool method = false;
  *head = (np_head){0};
  if (!np_line_next(&rest, &line))
    return refuse(head, 400, "a line does not end with CRLF");
  if (parse_request_line(head, line)) return head->status;
  if (parse_fields(head, rest, max_fields)) return head->status;
  head->method = parse(data, n, &method);
  if (head->method) return 0;
  return method ? refuse(head, 501, "the method is unknown")
                : refuse(head, 400, "the request is malformed");
}
