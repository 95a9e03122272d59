/*
 * ws_key.c: the key of the opening handshake and the answer that proves that a
 * server has understood it: the SHA-1 of the key and a constant, in base64
 * (RFC 6455, 4.2.2). SHA-1 (RFC 3174) is here because nothing else needs it,
 * and WebSockets have to work where there is no OpenSSL.
 */
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

#include "base/class.h"
#include "base/err.h"
#include "proto/ws.h"

enum { BLOCK = 64, DIGEST = 20, KEY = 16, MAX_KEY = 128 };

static const char constant[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* ---- SHA-1 ------------------------------------------------------------- */

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void sha1_block(uint32_t h[5], const unsigned char *p) {
  uint32_t w[80];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
           (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 80; i++)
    w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  for (int i = 0; i < 80; i++) {
    uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d), k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d, k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d, k = 0xca62c1d6;
    }
    uint32_t next = rotate(a, 5) + f + e + k + w[i];
    e = d, d = c, c = rotate(b, 30), b = a, a = next;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

/* Of less than 4 GiB / 8; `end` has room for the padding of any text. */
static void sha1(const unsigned char *s, size_t n, unsigned char *digest) {
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  size_t whole = n / BLOCK * BLOCK, rest = n - whole;
  for (size_t i = 0; i < whole; i += BLOCK) sha1_block(h, s + i);
  unsigned char end[2 * BLOCK] = {0};
  memcpy(end, s + whole, rest);
  end[rest] = 0x80;
  size_t size = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
  for (int i = 0; i < 4; i++)
    end[size - 1 - (size_t)i] = (unsigned char)(n * 8 >> 8 * i);
  for (size_t i = 0; i < size; i += BLOCK) sha1_block(h, end + i);
  for (int i = 0; i < DIGEST; i++)
    digest[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
}

/* ---- base64 ------------------------------------------------------------ */

/* [..] -> [.. text] */
static void push_base64(lua_State *L, const unsigned char *s, size_t n) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, (n + 2) / 3 * 4);
  size_t k = 0;
  for (size_t i = 0; i < n; i += 3) {
    uint32_t three = (uint32_t)s[i] << 16;
    if (i + 1 < n) three |= (uint32_t)s[i + 1] << 8;
    if (i + 2 < n) three |= s[i + 2];
    out[k++] = digits[three >> 18];
    out[k++] = digits[three >> 12 & 63];
    out[k++] = i + 1 < n ? digits[three >> 6 & 63] : '=';
    out[k++] = i + 2 < n ? digits[three & 63] : '=';
  }
  luaL_pushresultsize(&b, k);
}

/* base64(bytes) -> text */
int ws_base64(lua_State *L) {
  size_t n;
  const char *s = np_checkstring(L, 1, &n);
  push_base64(L, (const unsigned char *)s, n);
  return 1;
}

/* new_key() -> a key for a handshake */
int ws_new_key(lua_State *L) {
  unsigned char key[KEY];
  int status = uv_random(NULL, NULL, key, sizeof key, 0, NULL);
  if (status < 0) return np_raise(L, "ENOSYS", "no random bytes");
  push_base64(L, key, sizeof key);
  return 1;
}

/* accept_key(key) -> what a server answers to it */
int ws_accept_key(lua_State *L) {
  size_t n;
  const char *key = np_checkstring(L, 1, &n);
  if (n > MAX_KEY) return np_argerror(L, 1, "the key is too long");
  unsigned char text[MAX_KEY + sizeof constant], digest[DIGEST];
  memcpy(text, key, n);
  memcpy(text + n, constant, sizeof constant - 1);
  sha1(text, n + sizeof constant - 1, digest);
  push_base64(L, digest, sizeof digest);
  return 1;
}
