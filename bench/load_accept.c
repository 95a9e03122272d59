/*
 * load_accept.c: connections to an echo server that carry one message each.
 *
 *   load_accept port [connections] [server pid]
 *
 * Prints connections per second, and thousands of them per second of CPU time
 * that the server used. Each is reset at its end, so that no port stays
 * occupied.
 */
#include "connect.h"
#include "cpu.h"

enum { AT_ONCE = 16 };

static void end(int fd) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  shutdown(fd, SHUT_WR);
  char rest[64];
  while (read(fd, rest, sizeof(rest)) > 0) continue;
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  close(fd);
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 8888;
  int connections = argc > 2 ? atoi(argv[2]) : 10000;
  int pid = argc > 3 ? atoi(argv[3]) : 0;
  char text[64] = "a message of 64 bytes", answer[64];
  int fds[AT_ONCE], done = 0;
  double cpu = pid ? cpu_of(pid) : 0, start = now();
  for (; done < connections; done += AT_ONCE) {
    for (int i = 0; i < AT_ONCE; i++) fds[i] = connect_to(port);
    for (int i = 0; i < AT_ONCE; i++) send_all(fds[i], text, sizeof(text));
    for (int i = 0; i < AT_ONCE; i++) {
      if (recv(fds[i], answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
        fail("read");
      end(fds[i]);
    }
  }
  printf("%.0f connections/s", done / (now() - start));
  if (pid) printf(", %.2f k per CPU second", done / 1e3 / (cpu_of(pid) - cpu));
  printf("\n");
  return 0;
}
