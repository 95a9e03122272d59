/*
 * uv_echo.c: an echo server with libuv and nothing else: what any server on
 * libuv could reach at best. It tries each write at once, reads all
 * connections into one buffer, and allocates nothing per message.
 *
 *   uv_echo [port]     prints the port, and serves until its input ends
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct rest {
  uv_write_t req;
  char data[];
} rest;

static char buffer[64 * 1024];

static void on_close(uv_handle_t *handle) { free(handle); }

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle, (void)suggested;
  *buf = uv_buf_init(buffer, sizeof(buffer));
}

static void on_written(uv_write_t *req, int status) {
  (void)status;
  free(req);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  if (n == 0) return;
  uv_buf_t out = uv_buf_init(buf->base, n > 0 ? (unsigned)n : 0);
  int sent = n > 0 ? uv_try_write(stream, &out, 1) : (int)n;
  if (sent == UV_EAGAIN) sent = 0;
  if (sent < 0) {
    uv_close((uv_handle_t *)stream, on_close);
    return;
  }
  size_t left = (size_t)(n - sent);
  if (left == 0) return;
  rest *r = malloc(sizeof(*r) + left);
  memcpy(r->data, buf->base + sent, left);
  out = uv_buf_init(r->data, (unsigned)left);
  uv_write(&r->req, stream, &out, 1, on_written);
}

static void on_connection(uv_stream_t *server, int status) {
  if (status < 0) return;
  uv_tcp_t *client = malloc(sizeof(*client));
  uv_tcp_init(server->loop, client);
  if (uv_accept(server, (uv_stream_t *)client) < 0) {
    uv_close((uv_handle_t *)client, on_close);
    return;
  }
  uv_tcp_nodelay(client, 1);
  uv_read_start((uv_stream_t *)client, on_alloc, on_read);
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
    fprintf(stderr, "uv_echo: %s\n", uv_strerror(r));
    return 1;
  }
  uv_tcp_getsockname(&server, (struct sockaddr *)&addr, &len);
  printf("%d\n", ntohs(addr.sin_port));
  fflush(stdout);
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, on_alloc, on_input);
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
