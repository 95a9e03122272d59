/*
 * load_echo.c: load for an echo server. Each of N connections sends a message,
 * waits until all of it has come back, and sends the next.
 *
 *   load_echo port [connections] [messages] [bytes] [server pid]
 *
 * `messages` is the total. Prints messages per second, and with a pid also
 * thousands of messages per second of CPU time that the server used.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cpu.h"

enum { MAX_EVENTS = 256, MAX_BYTES = 1 << 20 };

static char message[MAX_BYTES];

static void fail(const char *what) {
  fprintf(stderr, "load_echo: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int connect_to(int port) {
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

static void send_message(int fd, size_t bytes) {
  for (size_t sent = 0; sent < bytes;) {
    ssize_t n = write(fd, message + sent, bytes - sent);
    if (n < 0) fail("write");
    sent += (size_t)n;
  }
}

static void run(int epoll, size_t *left, int connections, long messages,
                size_t bytes) {
  static char in[MAX_BYTES];
  struct epoll_event events[MAX_EVENTS];
  long started = connections, done = 0;
  while (done < messages) {
    int n = epoll_wait(epoll, events, MAX_EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      ssize_t got = read(fd, in, left[fd]);
      if (got <= 0) fail("read");
      left[fd] -= (size_t)got;
      if (left[fd] > 0) continue;
      done++;
      left[fd] = bytes;
      if (started++ < messages) send_message(fd, bytes);
    }
  }
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 8888;
  int connections = argc > 2 ? atoi(argv[2]) : 50;
  long messages = argc > 3 ? atol(argv[3]) : 200000;
  size_t bytes = argc > 4 ? (size_t)atol(argv[4]) : 64;
  int pid = argc > 5 ? atoi(argv[5]) : 0;
  if (bytes < 1 || bytes > MAX_BYTES) bytes = 64;
  if (messages < connections) messages = connections;
  memset(message, 'x', sizeof(message));

  int epoll = epoll_create1(0);
  size_t *left = calloc((size_t)connections + 64, sizeof(*left));
  int *fds = calloc((size_t)connections, sizeof(*fds));
  for (int i = 0; i < connections; i++) {
    int fd = fds[i] = connect_to(port);
    if (fd >= connections + 64) fail("descriptor");
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    left[fd] = bytes;
  }
  double cpu = pid ? cpu_of(pid) : 0, start = now();
  for (int i = 0; i < connections; i++) send_message(fds[i], bytes);
  run(epoll, left, connections, messages, bytes);
  double elapsed = now() - start;
  printf("%.0f messages/s", (double)messages / elapsed);
  if (pid) {
    double used = cpu_of(pid) - cpu;
    printf(", %.1f k per CPU second", (double)messages / 1000 / used);
  }
  printf("\n");
  return 0;
}
