/*
 * http1_text.c: the characters, names and dates of HTTP. Plain functions
 * without state.
 */
#include <string.h>

#include "proto/http1.h"

enum {
  T = NP_CHAR_TOKEN,
  V = NP_CHAR_VALUE,
  P = NP_CHAR_PATH,
  Q = NP_CHAR_QUERY,
  H = NP_CHAR_HOST,
  X = NP_CHAR_HEX,
  ALL = T | V | P | Q | H, /* letters, digits and -._~ are everywhere */
  SUB = V | P | Q | H,     /* what separates within a part of a URL */
};

/* Bytes from 0x80 are allowed in values alone: they are opaque there. A path
 * has no '\\', which others take for a slash. */
const unsigned char np_http_chars[256] = {
    ['\t'] = V,          [' '] = V,
    ['!'] = SUB | T,     ['"'] = V,
    ['#'] = V | T,       ['$'] = SUB | T,
    ['%'] = SUB | T,     ['&'] = SUB | T,
    ['\''] = SUB | T,    ['('] = SUB,
    [')'] = SUB,         ['*'] = SUB | T,
    ['+'] = SUB | T,     [','] = SUB,
    ['-'] = ALL,         ['.'] = ALL,
    ['/'] = V | P | Q,   ['0' ... '9'] = ALL | X,
    [':'] = V | P | Q,   [';'] = SUB,
    ['<'] = V,           ['='] = SUB,
    ['>'] = V,           ['?'] = V | Q,
    ['@'] = V | P | Q,   ['A' ... 'F'] = ALL | X,
    ['G' ... 'Z'] = ALL, ['['] = V | Q,
    ['\\'] = V | Q,      [']'] = V | Q,
    ['^'] = V | Q | T,   ['_'] = ALL,
    ['`'] = V | Q | T,   ['a' ... 'f'] = ALL | X,
    ['g' ... 'z'] = ALL, ['{'] = V | Q,
    ['|'] = V | Q | T,   ['}'] = V | Q,
    ['~'] = ALL,         [0x80 ... 0xff] = V,
};

bool np_http_all(np_span text, int chars) {
  for (size_t i = 0; i < text.size; i++) {
    if (!(np_http_chars[(unsigned char)text.at[i]] & chars)) return false;
  }
  return true;
}

bool np_http_encoded(np_span text) {
  if (text.size == 0) return true;
  const char *end = text.at + text.size;
  const char *p = text.at;
  while ((p = memchr(p, '%', (size_t)(end - p))) != NULL) {
    if (end - p < 3 || !np_http_all((np_span){p + 1, 2}, NP_CHAR_HEX) ||
        memcmp(p, "%00", 3) == 0) {
      return false;
    }
    p += 3;
  }
  return true;
}

static char lower_of(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool np_span_is(np_span text, const char *lower) {
  for (size_t i = 0; i < text.size; i++) {
    if (lower_of(text.at[i]) != lower[i] || !lower[i]) return false;
  }
  return lower[text.size] == '\0';
}

bool np_span_same(np_span a, np_span b) {
  if (a.size != b.size) return false;
  for (size_t i = 0; i < a.size; i++)
    if (lower_of(a.at[i]) != lower_of(b.at[i])) return false;
  return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

np_span np_span_trim(np_span text) {
  while (text.size > 0 && is_blank(text.at[0])) text.at++, text.size--;
  while (text.size > 0 && is_blank(text.at[text.size - 1])) text.size--;
  return text;
}

bool np_span_next(np_span *rest, np_span *element) {
  if (!rest->at) return false;
  const char *comma = memchr(rest->at, ',', rest->size);
  size_t size = comma ? (size_t)(comma - rest->at) : rest->size;
  *element = np_span_trim((np_span){rest->at, size});
  rest->at = comma ? comma + 1 : NULL;
  rest->size = comma ? rest->size - size - 1 : 0;
  return true;
}

static const struct {
  int status;
  const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

const char *np_http_reason(int status) {
  for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
    if (reasons[i].status == status) return reasons[i].reason;
  }
  return "";
}

static char *put_number(char *p, int value, int digits) {
  for (int i = digits - 1; i >= 0; i--, value /= 10) {
    p[i] = (char)('0' + value % 10);
  }
  return p + digits;
}

void np_http_date(time_t when, char date[NP_DATE_SIZE]) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm t = {0};
  gmtime_r(&when, &t);
  memcpy(date, "Day, 00 Mon 0000 00:00:00 GMT", NP_DATE_SIZE);
  memcpy(date, days + (size_t)t.tm_wday * 3, 3);
  put_number(date + 5, t.tm_mday, 2);
  memcpy(date + 8, months + (size_t)t.tm_mon * 3, 3);
  put_number(date + 12, t.tm_year + 1900, 4);
  put_number(date + 17, t.tm_hour, 2);
  put_number(date + 20, t.tm_min, 2);
  put_number(date + 23, t.tm_sec, 2);
}
