/*
 * load_http.c: load for a web server: requests as wrk sends them. How large an
 * answer is, is learned from the first one, which is not counted.
 *
 *   load_http port [connections] [requests] [path] [server pid]
 */
#include "load.h"

static char request[512];
static size_t answer;

/* The size of an answer with a Content-Length. */
static size_t ask(int port) {
  static char in[MAX_BYTES];
  size_t used = 0, size = 0;
  int fd = connect_to(port);
  send_all(fd, request, strlen(request));
  while (size == 0 || used < size) {
    ssize_t n = read(fd, in + used, sizeof(in) - 1 - used);
    if (n <= 0) fail("read");
    used += (size_t)n;
    in[used] = '\0';
    char *end = strstr(in, "\r\n\r\n");
    char *length = strcasestr(in, "Content-Length:");
    if (!end) continue;
    if (!length || length > end || strncmp(in, "HTTP/1.1 200", 12) != 0) {
      fprintf(stderr, "load_http: %.60s\n", in);
      exit(1);
    }
    size = (size_t)(end + 4 - in) + (size_t)atol(length + 15);
  }
  close(fd);
  return size;
}

static void prepare(load *l, size_t bytes) {
  (void)bytes;
  l->size = strlen(request);
  l->answer = answer;
  memcpy(l->message, request, l->size);
}

int main(int argc, char **argv) {
  static load l;
  const char *path = argc > 4 && *argv[4] == '/' ? argv[4] : "/";
  snprintf(request, sizeof(request),
           "GET %s HTTP/1.1\r\nHost: 127.0.0.1:18080\r\n\r\n", path);
  answer = ask(argc > 1 ? atoi(argv[1]) : 8888);
  return load_main(argc, argv, &l, prepare);
}
