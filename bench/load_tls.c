/*
 * load_tls.c: load for an echo server with TLS 1.3.
 *
 *   load_tls port pid echo messages bytes   messages per CPU second of the
 *                                           server, on 8 connections
 *   load_tls port pid handshake count       full handshakes per CPU second
 *   load_tls port pid idle count            resident bytes of the server for
 *                                           each idle connection
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cpu.h"

enum { CONNECTIONS = 8, MAX_BYTES = 1 << 20 };

static SSL_CTX *ctx;
static int port;
static char message[MAX_BYTES], answer[MAX_BYTES];

static void fail(const char *what) {
  fprintf(stderr, "load_tls: %s failed\n", what);
  exit(1);
}

static SSL *open_one(void) {
  struct sockaddr_in addr = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port)};
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  SSL *ssl = SSL_new(ctx);
  SSL_set_fd(ssl, fd);
  if (SSL_connect(ssl) != 1) fail("handshake");
  return ssl;
}

static void close_one(SSL *ssl) {
  int fd = SSL_get_fd(ssl);
  SSL_free(ssl);
  close(fd);
}

static void send_one(SSL *ssl, int bytes) {
  if (SSL_write(ssl, message, bytes) != bytes) fail("write");
}

static void take_one(SSL *ssl, int bytes) {
  for (int n = 0; n < bytes;) {
    int got = SSL_read(ssl, answer, bytes - n);
    if (got <= 0) fail("read");
    n += got;
  }
}

static long resident(int pid) {
  char path[64];
  long all, pages = 0;
  snprintf(path, sizeof(path), "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%ld %ld", &all, &pages) != 2) fail("statm");
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static void echo(int pid, int messages, int bytes) {
  SSL *all[CONNECTIONS];
  for (int i = 0; i < CONNECTIONS; i++) {
    all[i] = open_one();
    send_one(all[i], bytes);
    take_one(all[i], bytes);
  }
  double before = cpu_of(pid);
  for (int n = 0; n < messages; n += CONNECTIONS) {
    for (int i = 0; i < CONNECTIONS; i++) send_one(all[i], bytes);
    for (int i = 0; i < CONNECTIONS; i++) take_one(all[i], bytes);
  }
  printf("%.0f\n", messages / (cpu_of(pid) - before));
}

static void handshakes(int pid, int count) {
  for (int i = 0; i < 20; i++) close_one(open_one());
  double before = cpu_of(pid);
  for (int i = 0; i < count; i++) {
    SSL *ssl = open_one();
    send_one(ssl, 1);
    take_one(ssl, 1);
    close_one(ssl);
  }
  printf("%.0f\n", count / (cpu_of(pid) - before));
}

static void idle(int pid, int count) {
  SSL **all = calloc((size_t)count, sizeof(*all));
  for (int i = 0; i < 20; i++) close_one(open_one());
  long before = resident(pid);
  for (int i = 0; i < count; i++) {
    all[i] = open_one();
    send_one(all[i], MAX_BYTES / 64);
    take_one(all[i], MAX_BYTES / 64);
  }
  printf("%ld\n", (resident(pid) - before) / count);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  port = atoi(argv[1]);
  int pid = atoi(argv[2]), n = atoi(argv[4]);
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  memset(message, 'x', sizeof(message));
  if (strcmp(argv[3], "echo") == 0) {
    echo(pid, n, argc > 5 ? atoi(argv[5]) : 16384);
  } else if (strcmp(argv[3], "handshake") == 0) {
    handshakes(pid, n);
  } else {
    idle(pid, n);
  }
  return 0;
}
