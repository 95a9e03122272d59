/*
 * load_http.c: load for the web server that says hello: requests as wrk sends
 * them. The size of a message is the request's own, whatever is asked for.
 *
 *   load_http port [connections] [requests] [-] [server pid]
 */
#include "load.h"

static const char request[] =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:18080\r\n"
    "\r\n";

static const char answer[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Length: 6\r\n"
    "\r\n"
    "hello\n";

static void prepare(load *l, size_t bytes) {
  (void)bytes;
  l->size = sizeof(request) - 1;
  l->answer = sizeof(answer) - 1;
  memcpy(l->message, request, l->size);
}

int main(int argc, char **argv) {
  static load l;
  return load_main(argc, argv, &l, prepare);
}
