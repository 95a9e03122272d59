/*
 * uv_timers.c: N timers on libuv, and nothing else.
 *
 *   uv_timers sleeps N     CPU seconds of N that fire within a second
 *   uv_timers timers N     ns to start one and stop it, with N at once
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

static void on_timer(uv_timer_t *timer) { (void)timer; }

static void begin(uv_timer_t *timers, unsigned long n, unsigned long most,
                  unsigned long least) {
  for (unsigned long i = 0; i < n; i++) {
    uv_timer_init(uv_default_loop(), &timers[i]);
    uv_timer_start(&timers[i], on_timer, i * 7919 % most + least, 0);
  }
}

int main(int argc, char **argv) {
  unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  uv_timer_t *timers = calloc(n, sizeof *timers);
  if (!timers || n == 0) return 1;
  int sleeps = strcmp(argv[1], "sleeps") == 0;
  clock_t start = clock();
  if (sleeps) {
    begin(timers, n, 1000, 1);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  } else {
    begin(timers, n, 100000000, 10000);
    for (unsigned long i = 0; i < n; i++) {
      uv_timer_stop(&timers[i * 7919 % n]);
    }
  }
  double used = (double)(clock() - start) / CLOCKS_PER_SEC;
  printf("%.6f\n", sleeps ? used : used / (double)n * 1e9);
  free(timers);
  return 0;
}
