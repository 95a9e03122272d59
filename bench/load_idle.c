/*
 * load_idle.c: idle connections to an echo server, each after one message; or
 * to a web server, after a request that "hello" answers.
 *
 *   load_idle port connections pid [total | http]
 *
 * Prints the server's resident bytes per connection; with a total, the MB that
 * so many would take, from what it had before and what each took. No more are
 * opened than descriptors may be, in either process. They come from several
 * loopback addresses, so that ports do not run out, and are reset at the end,
 * so that no port stays occupied.
 */
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>

#include "connect.h"
#include "cpu.h"

enum { PER_ADDRESS = 10000, SPARE = 100 };

static int connect_from(int i, int port) {
  struct sockaddr_in from = {.sin_family = AF_INET};
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((unsigned short)port)};
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (unsigned)i / PER_ADDRESS);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0) fail("bind");
  if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) fail("connect");
  return fd;
}

/* How many of n may be open at once. */
static int allowed(int n) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) fail("getrlimit");
  int most = (int)(limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20) - SPARE;
  if (most < n) fprintf(stderr, "load: only %d connections\n", most);
  return most < n ? most : n;
}

/* The message has been echoed: so the server waits for the next one. */
static void greet(int fd) {
  char answer[64] = "hello";
  send_all(fd, answer, sizeof(answer));
  if (recv(fd, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
    fail("read");
}

/* The same of a web server. */
static void ask(int fd) {
  static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  char answer[4096];
  size_t size = 0;
  send_all(fd, request, sizeof(request) - 1);
  do {
    ssize_t n = recv(fd, answer + size, sizeof(answer) - 1 - size, 0);
    if (n <= 0) fail("read");
    size += (size_t)n;
    answer[size] = '\0';
  } while (!strstr(answer, "hello"));
}

static void pause_seconds(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds,
                       .tv_nsec = (long)((seconds - (long)seconds) * 1e9)};
  nanosleep(&t, NULL);
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: load_idle port connections pid [total]\n");
    return 1;
  }
  int port = atoi(argv[1]), n = allowed(atoi(argv[2])), pid = atoi(argv[3]);
  bool http = argc > 4 && strcmp(argv[4], "http") == 0;
  double total = argc > 4 && !http ? atof(argv[4]) : 0;
  void (*begin)(int) = http ? ask : greet;
  for (int i = 0; i < 10; i++) begin(connect_from(i, port));
  pause_seconds(0.2);
  long before = memory_of(pid);
  for (int i = 0; i < n; i++) begin(connect_from(i, port));
  pause_seconds(0.5);
  double each = (double)(memory_of(pid) - before) / n;
  printf("%.0f\n", total > 0 ? ((double)before + each * total) / 1e6 : each);
  return 0;
}
