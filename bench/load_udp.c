/*
 * load_udp.c: load for a datagram echo server: N sockets, each of which sends
 * a message, waits for it to come back, and sends the next.
 *
 *   load_udp port [sockets] [messages] [bytes] [server pid]
 *
 * `messages` is the total. Prints messages per second, and with a pid also
 * thousands of messages per second of CPU time that the server used.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cpu.h"

enum { MAX_SOCKETS = 256, MAX_BYTES = 65507, PATIENCE_MS = 5000 };

static char message[MAX_BYTES];

static void fail(const char *what) {
  fprintf(stderr, "load_udp: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int connect_to(int port) {
  struct sockaddr_in addr = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port)};
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) fail("connect");
  return fd;
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 0;
  int sockets = argc > 2 ? atoi(argv[2]) : 1;
  int messages = argc > 3 ? atoi(argv[3]) : 1000;
  size_t bytes = argc > 4 ? (size_t)atoi(argv[4]) : 64;
  if (sockets < 1 || sockets > MAX_SOCKETS || bytes > MAX_BYTES) return 1;
  int pid = argc > 5 ? atoi(argv[5]) : 0;
  struct pollfd fds[MAX_SOCKETS];
  double cpu = pid ? cpu_of(pid) : 0, start = now();
  int sent = 0, got = 0;
  for (int i = 0; i < sockets; i++) {
    fds[i] = (struct pollfd){.fd = connect_to(port), .events = POLLIN};
    if (send(fds[i].fd, message, bytes, 0) < 0) fail("send");
    sent++;
  }
  while (got < messages) {
    int n = poll(fds, (nfds_t)sockets, PATIENCE_MS);
    if (n == 0) errno = ETIMEDOUT;
    if (n <= 0) fail("poll");
    for (int i = 0; i < sockets; i++) {
      if (!(fds[i].revents & POLLIN)) continue;
      if (recv(fds[i].fd, message, bytes, 0) < 0) fail("recv");
      got++;
      if (sent == messages) continue;
      if (send(fds[i].fd, message, bytes, 0) < 0) fail("send");
      sent++;
    }
  }
  printf("%.0f messages/s", messages / (now() - start));
  if (pid) {
    printf(", %.1f k per CPU second", messages / 1000.0 / (cpu_of(pid) - cpu));
  }
  printf("\n");
  return 0;
}
