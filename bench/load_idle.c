/*
 * load_idle.c: idle connections to an echo server, each after one message.
 *
 *   load_idle port connections pid    prints the server's resident bytes per
 *                                     connection
 */
#include <time.h>

#include "connect.h"
#include "cpu.h"

/* The message has been echoed: so the server waits for the next one. */
static void greet(int fd) {
  char answer[64] = "hello";
  send_all(fd, answer, sizeof(answer));
  if (recv(fd, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
    fail("read");
}

static void pause_seconds(double seconds) {
  struct timespec t = {.tv_sec = (time_t)seconds,
                       .tv_nsec = (long)((seconds - (long)seconds) * 1e9)};
  nanosleep(&t, NULL);
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: load_idle port connections pid\n");
    return 1;
  }
  int port = atoi(argv[1]), connections = atoi(argv[2]), pid = atoi(argv[3]);
  for (int i = 0; i < 10; i++) greet(connect_to(port));
  pause_seconds(0.2);
  long before = memory_of(pid);
  for (int i = 0; i < connections; i++) greet(connect_to(port));
  pause_seconds(0.5);
  printf("%.0f\n", (double)(memory_of(pid) - before) / connections);
  return 0;
}
