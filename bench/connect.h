/* connect.h: connections to a server on this machine, for loads. */
#ifndef BENCH_CONNECT_H
#define BENCH_CONNECT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static inline int connect_to(int port) {
  struct sockaddr_in addr = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port)};
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

static inline void send_all(int fd, const char *s, size_t size) {
  for (size_t sent = 0; sent < size;) {
    ssize_t n = write(fd, s + sent, size - sent);
    if (n < 0) fail("write");
    sent += (size_t)n;
  }
}

#endif
