/*
 * ws_utf8.c: the check of UTF-8. Only the second byte of a character has a
 * range that depends on the first; table 3-7 of the Unicode standard lists
 * them.
 */
#include "proto/ws_utf8.h"

#include <stdint.h>
#include <string.h>

/* How many of the n bytes at s are ASCII, counted in eights. */
static size_t skip_ascii(const char *s, size_t n) {
  size_t i = 0;
  for (uint64_t eight; n - i >= sizeof eight; i += sizeof eight) {
    memcpy(&eight, s + i, sizeof eight);
    if (eight & UINT64_C(0x8080808080808080)) break;
  }
  return i;
}

/* The first byte of a character of more than one; false if none begins so. */
static bool begin(np_utf8 *u, unsigned char c) {
  u->low = 0x80;
  u->high = 0xbf;
  if (c < 0xc2 || c > 0xf4) return false;
  u->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
  if (c == 0xe0) u->low = 0xa0;
  if (c == 0xed) u->high = 0x9f;
  if (c == 0xf0) u->low = 0x90;
  if (c == 0xf4) u->high = 0x8f;
  return true;
}

bool np_utf8_feed(np_utf8 *u, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (u->need > 0) {
      if (c < u->low || c > u->high) return false;
      u->need--;
      u->low = 0x80;
      u->high = 0xbf;
    } else if (c < 0x80) {
      size_t skipped = skip_ascii(s + i, n - i);
      if (skipped > 0) i += skipped - 1;
    } else if (!begin(u, c)) {
      return false;
    }
  }
  return true;
}
