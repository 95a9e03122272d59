/*
 * ws_utf8.h: is text UTF-8? Checked piece by piece, as it comes: a wrong byte
 * is seen where it stands, and a character may be cut anywhere.
 */
#ifndef NP_WS_UTF8_H
#define NP_WS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed at the start of a text. */
typedef struct np_utf8 {
  unsigned char need;      /* bytes that the character lacks */
  unsigned char low, high; /* the range of the next one of them */
} np_utf8;

/* The next n bytes; false once they cannot be UTF-8 (RFC 3629: no surrogates,
 * nothing over U+10FFFF, no overlong forms), whatever follows. */
bool np_utf8_feed(np_utf8 *u, const char *s, size_t n);

/* Whether the text may end here. */
static inline bool np_utf8_complete(const np_utf8 *u) { return u->need == 0; }

/* The whole of a text. */
static inline bool np_utf8_valid(const char *s, size_t n) {
  np_utf8 u = {0};
  return np_utf8_feed(&u, s, n) && np_utf8_complete(&u);
}

#endif
