/*
 * embed.c: what a host costs an application that embeds neap: the time to
 * create and close one, its memory, its descriptors, and many at once.
 *
 *   build/bench/limits/embed        prints a line for each
 *
 * With more than 1 ms or 150 KiB per host it ends with status 1.
 */
#include <dirent.h>
#include <malloc.h>
#include <neap.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 200, HOSTS = 500 };

static int descriptors(void) {
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (dir && readdir(dir)) n++;
  if (dir) closedir(dir);
  return n;
}

static size_t allocated(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

static neap_host *open_host(void) {
  neap_host *host;
  int err = neap_open(&host, NULL);
  if (err == 0) return host;
  fprintf(stderr, "embed: no host: %s\n", neap_strerror(err));
  exit(2);
}

int main(void) {
  static neap_host *hosts[HOSTS];
  neap_free(open_host()); /* what is made once per process */
  uint64_t start = uv_hrtime();
  for (int i = 0; i < ROUNDS; i++) neap_free(open_host());
  double ms = (double)(uv_hrtime() - start) / 1e6 / ROUNDS;

  size_t before = allocated();
  int fds = descriptors();
  start = uv_hrtime();
  for (int i = 0; i < HOSTS; i++) hosts[i] = open_host();
  double all = (double)(uv_hrtime() - start) / 1e6;
  double kib = (double)(allocated() - before) / 1024 / HOSTS;
  double each = (double)(descriptors() - fds) / HOSTS;
  for (int i = 0; i < HOSTS; i++) neap_free(hosts[i]);

  printf("create and close: %.3f ms\n", ms);
  printf("memory of a host: %.0f KiB\n", kib);
  printf("descriptors of a host: %.1f\n", each);
  printf("%d hosts at once: %.0f ms to create\n", HOSTS, all);
  printf("left after closing: %.0f KiB\n",
         ((double)allocated() - (double)before) / 1024);
  return ms <= 1 && kib <= 150 ? 0 : 1;
}
