/*
 * load_echo.c: load for an echo server.
 *
 *   load_echo port [connections] [messages] [bytes] [server pid]
 */
#include "load.h"

static void prepare(load *l, size_t bytes) {
  memset(l->message, 'x', bytes);
  l->size = l->answer = bytes;
}

int main(int argc, char **argv) {
  static load l;
  return load_main(argc, argv, &l, prepare);
}
