/*
 * curl_get.c: requests by libcurl's multi interface on epoll and nothing else:
 * what a client on libcurl could reach at best. Handles are used again, bodies
 * are counted and dropped.
 *
 *   curl_get URL REQUESTS AT_ONCE     prints the CPU seconds and the bytes
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

static CURLM *multi;
static int poller;
static long timeout_ms = -1;
static unsigned long long bytes;

static size_t on_body(char *data, size_t size, size_t n, void *ud) {
  (void)data, (void)ud;
  bytes += size * n;
  return size * n;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ud,
                     void *known) {
  (void)easy, (void)ud;
  struct epoll_event e = {.data.fd = fd};
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(poller, EPOLL_CTL_DEL, fd, &e);
    return 0;
  }
  if (what != CURL_POLL_OUT) e.events |= EPOLLIN;
  if (what != CURL_POLL_IN) e.events |= EPOLLOUT;
  epoll_ctl(poller, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
  curl_multi_assign(multi, fd, &multi);
  return 0;
}

static int on_timeout(CURLM *m, long ms, void *ud) {
  (void)m, (void)ud;
  timeout_ms = ms;
  return 0;
}

static void begin(CURL *easy, const char *url) {
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_multi_add_handle(multi, easy);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const char *url = argv[1];
  long left = atol(argv[2]), at_once = atol(argv[3]);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  poller = epoll_create1(0);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, at_once);
  long under_way = 0;
  for (; under_way < at_once && left > 0; under_way++, left--)
    begin(curl_easy_init(), url);
  while (under_way > 0) {
    struct epoll_event found[64];
    int running, rest;
    int n = epoll_wait(poller, found, 64, (int)timeout_ms);
    if (n == 0)
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    for (int i = 0; i < n; i++) {
      int events = 0;
      if (found[i].events & EPOLLIN) events |= CURL_CSELECT_IN;
      if (found[i].events & EPOLLOUT) events |= CURL_CSELECT_OUT;
      if (found[i].events & (EPOLLERR | EPOLLHUP)) events |= CURL_CSELECT_ERR;
      curl_multi_socket_action(multi, found[i].data.fd, events, &running);
    }
    CURLMsg *m;
    while ((m = curl_multi_info_read(multi, &rest)) != NULL) {
      CURL *easy = m->easy_handle;
      if (m->data.result != CURLE_OK) {
        fprintf(stderr, "%s\n", curl_easy_strerror(m->data.result));
        return 1;
      }
      curl_multi_remove_handle(multi, easy);
      if (left > 0) {
        left--;
        begin(easy, url);
      } else {
        curl_easy_cleanup(easy);
        under_way--;
      }
    }
  }
  printf("%.3f %llu\n", (double)clock() / CLOCKS_PER_SEC, bytes);
  curl_multi_cleanup(multi);
  return 0;
}
