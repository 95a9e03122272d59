/*
 * uv_udp_echo.c: a datagram echo server with libuv and nothing else. It sends
 * at once, out of the buffer it reads into; what the system does not take is
 * lost.
 *
 *   uv_udp_echo [port]     prints the port, and serves until its input ends
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static char buffer[64 * 1024];

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle, (void)suggested;
  *buf = uv_buf_init(buffer, sizeof(buffer));
}

static void on_recv(uv_udp_t *socket, ssize_t n, const uv_buf_t *buf,
                    const struct sockaddr *peer, unsigned flags) {
  (void)flags;
  if (n < 0 || !peer) return;
  uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);
  uv_udp_try_send(socket, &out, 1, peer);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  if (n < 0) uv_stop(stream->loop);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  uv_udp_t socket;
  uv_pipe_t input;
  struct sockaddr_in addr;
  int len = sizeof(addr);
  uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &addr);
  uv_udp_init(loop, &socket);
  int r = uv_udp_bind(&socket, (struct sockaddr *)&addr, 0);
  if (r < 0) {
    fprintf(stderr, "uv_udp_echo: %s\n", uv_strerror(r));
    return 1;
  }
  uv_udp_recv_start(&socket, on_alloc, on_recv);
  uv_udp_getsockname(&socket, (struct sockaddr *)&addr, &len);
  printf("%d\n", ntohs(addr.sin_port));
  fflush(stdout);
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, on_alloc, on_input);
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
