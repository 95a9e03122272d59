/*
 * uv_http.c: a web server with libuv and nothing else: what any on libuv could
 * reach at best. It does not parse: each empty line is answered with the same
 * text. It tries each write at once, reads all connections into one buffer,
 * and allocates nothing per request. (A request that comes in two pieces cut
 * in its last four bytes would not be seen; the load sends each in one.)
 *
 *   uv_http [port]     prints the port, and serves until its input ends
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Length: 6\r\n"
    "\r\n"
    "hello\n";

static char buffer[64 * 1024];

static void on_close(uv_handle_t *handle) { free(handle); }

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle, (void)suggested;
  *buf = uv_buf_init(buffer, sizeof(buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  if (n == 0) return;
  const char *p = buf->base, *end = p + (n > 0 ? n : 0);
  while (n > 0 && (p = memmem(p, (size_t)(end - p), "\r\n\r\n", 4)) != NULL) {
    uv_buf_t out = uv_buf_init((char *)answer, sizeof(answer) - 1);
    int sent = uv_try_write(stream, &out, 1);
    if (sent != (int)out.len) n = UV_EAGAIN;  // the load always reads
    p += 4;
  }
  if (n < 0) uv_close((uv_handle_t *)stream, on_close);
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
    fprintf(stderr, "uv_http: %s\n", uv_strerror(r));
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
