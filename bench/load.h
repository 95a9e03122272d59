/*
 * load.h: load for a server that answers each message with one of a known
 * size. Each of N connections sends a message, waits until all of the answer
 * has come, and sends the next. Prints messages per second, and with a pid
 * also thousands of messages per second of CPU time that the server used.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "connect.h"
#include "cpu.h"

enum { MAX_EVENTS = 256, MAX_BYTES = 1 << 20, MAX_HEAD = 16 };

/* What is sent again and again, and how many bytes come back for it. */
typedef struct load {
  char message[MAX_HEAD + MAX_BYTES];
  size_t size, answer;
  void (*greet)(int fd); /* what comes first on a connection, or NULL */
} load;

static void run(const load *l, int epoll, size_t *left, int connections,
                long messages) {
  static char in[MAX_HEAD + MAX_BYTES];
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
      left[fd] = l->answer;
      if (started++ < messages) send_all(fd, l->message, l->size);
    }
  }
}

/* The `messages` argument is the total; `prepare` makes the message. */
static int load_main(int argc, char **argv, load *l,
                     void (*prepare)(load *l, size_t bytes)) {
  int port = argc > 1 ? atoi(argv[1]) : 8888;
  int connections = argc > 2 ? atoi(argv[2]) : 50;
  long messages = argc > 3 ? atol(argv[3]) : 200000;
  size_t bytes = argc > 4 ? (size_t)atol(argv[4]) : 64;
  int pid = argc > 5 ? atoi(argv[5]) : 0;
  if (bytes < 1 || bytes > MAX_BYTES) bytes = 64;
  if (messages < connections) messages = connections;
  prepare(l, bytes);

  int epoll = epoll_create1(0);
  size_t *left = calloc((size_t)connections + 64, sizeof(*left));
  int *fds = calloc((size_t)connections, sizeof(*fds));
  for (int i = 0; i < connections; i++) {
    int fd = fds[i] = connect_to(port);
    if (fd >= connections + 64) fail("descriptor");
    if (l->greet) l->greet(fd);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    left[fd] = l->answer;
  }
  double cpu = pid ? cpu_of(pid) : 0, start = now();
  for (int i = 0; i < connections; i++) send_all(fds[i], l->message, l->size);
  run(l, epoll, left, connections, messages);
  double elapsed = now() - start;
  printf("%.0f messages/s", (double)messages / elapsed);
  if (pid) {
    double used = cpu_of(pid) - cpu;
    printf(", %.1f k per CPU second", (double)messages / 1000 / used);
  }
  printf("\n");
  return 0;
}

#endif
