/*
 * tls_echo.c: an echo server with libuv and OpenSSL and nothing else, as one
 * would write it: memory BIOs, each write tried at once, one buffer for what
 * is read and one for what goes out.
 *
 *   tls_echo cert key     prints the port, and serves until its input ends
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct client {
  uv_tcp_t tcp;
  SSL *ssl;
  BIO *in, *out;
} client;

typedef struct rest {
  uv_write_t req;
  char data[];
} rest;

static char cipher[64 * 1024], plain[64 * 1024];
static SSL_CTX *ctx;

static void on_close(uv_handle_t *handle) {
  client *c = (client *)handle;
  SSL_free(c->ssl);
  free(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle, (void)suggested;
  *buf = uv_buf_init(cipher, sizeof(cipher));
}

static void on_written(uv_write_t *req, int status) {
  (void)status;
  free(req);
}

/* Sends what OpenSSL has made; false if the peer is gone. */
static int flush(client *c) {
  char *data;
  long n = BIO_get_mem_data(c->out, &data);
  if (n <= 0) return 1;
  uv_buf_t buf = uv_buf_init(data, (unsigned)n);
  int sent = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
  if (sent == UV_EAGAIN) sent = 0;
  if (sent < 0) return 0;
  if (sent < n) {
    rest *r = malloc(sizeof(*r) + (size_t)(n - sent));
    memcpy(r->data, data + sent, (size_t)(n - sent));
    buf = uv_buf_init(r->data, (unsigned)(n - sent));
    uv_write(&r->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
  }
  BIO_reset(c->out);
  return 1;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  client *c = (client *)stream;
  int got, ok = n >= 0;
  if (n == 0) return;
  if (ok) BIO_write(c->in, buf->base, (int)n);
  while (ok && (got = SSL_read(c->ssl, plain, sizeof(plain))) > 0) {
    SSL_write(c->ssl, plain, got);
  }
  ok = ok && SSL_get_error(c->ssl, 0) != SSL_ERROR_ZERO_RETURN &&
       SSL_get_shutdown(c->ssl) == 0;
  if (!flush(c) || !ok) {
    if (!uv_is_closing((uv_handle_t *)stream)) {
      uv_close((uv_handle_t *)stream, on_close);
    }
  }
}

static void on_connection(uv_stream_t *server, int status) {
  if (status < 0) return;
  client *c = calloc(1, sizeof(*c));
  c->ssl = SSL_new(ctx);
  c->in = BIO_new(BIO_s_mem());
  c->out = BIO_new(BIO_s_mem());
  SSL_set_bio(c->ssl, c->in, c->out);
  SSL_set_accept_state(c->ssl);
  uv_tcp_init(server->loop, &c->tcp);
  if (uv_accept(server, (uv_stream_t *)&c->tcp) < 0) {
    uv_close((uv_handle_t *)&c->tcp, on_close);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  if (n < 0) uv_stop(stream->loop);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1) {
    fprintf(stderr, "tls_echo: bad certificate or key\n");
    return 1;
  }
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t server;
  uv_pipe_t input;
  struct sockaddr_in addr;
  int len = sizeof(addr);
  uv_ip4_addr("127.0.0.1", 0, &addr);
  uv_tcp_init(loop, &server);
  uv_tcp_bind(&server, (struct sockaddr *)&addr, 0);
  uv_listen((uv_stream_t *)&server, 1024, on_connection);
  uv_tcp_getsockname(&server, (struct sockaddr *)&addr, &len);
  printf("%d\n", ntohs(addr.sin_port));
  fflush(stdout);
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, on_alloc, on_input);
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
