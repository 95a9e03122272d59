/*
 * load_websocket.c: load for a WebSocket echo server: binary messages, masked
 * as a client's are, and not compressed.
 *
 *   load_websocket port [connections] [messages] [bytes] [server pid]
 */
#include "load.h"

static const char request[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static void greet(int fd) {
  char c, last[5] = "";
  send_all(fd, request, sizeof(request) - 1);
  while (strcmp(last, "\r\n\r\n") != 0) {
    if (read(fd, &c, 1) != 1) fail("handshake");
    memmove(last, last + 1, 3);
    last[3] = c;
  }
}

/* Writes the length; how many bytes that takes. */
static size_t put_length(char *p, size_t n, int mask) {
  int extended = n < 126 ? 0 : n < 65536 ? 2 : 8;
  p[0] = (char)(mask | (n < 126 ? (int)n : n < 65536 ? 126 : 127));
  for (int i = 0; i < extended; i++)
    p[1 + i] = (char)(n >> 8 * (extended - 1 - i));
  return 1 + (size_t)extended;
}

static void prepare(load *l, size_t bytes) {
  static const char key[4] = {0x11, 0x22, 0x33, 0x44};
  l->message[0] = (char)0x82;
  size_t head = 1 + put_length(l->message + 1, bytes, 0x80);
  l->answer = head + bytes;
  memcpy(l->message + head, key, sizeof(key));
  head += sizeof(key);
  for (size_t i = 0; i < bytes; i++) l->message[head + i] = 'x' ^ key[i % 4];
  l->size = head + bytes;
  l->greet = greet;
}

int main(int argc, char **argv) {
  static load l;
  return load_main(argc, argv, &l, prepare);
}
