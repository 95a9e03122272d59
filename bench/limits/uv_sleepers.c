/*
 * uv_sleepers.c: N timers of up to a second on libuv, nothing else.
 *
 *   uv_sleepers N     prints the CPU seconds
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

static void on_timer(uv_timer_t *timer) { (void)timer; }

int main(int argc, char **argv) {
  unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  uv_timer_t *timers = calloc(n, sizeof *timers);
  clock_t start = clock();
  if (!timers) return 1;
  for (unsigned long i = 0; i < n; i++) {
    uv_timer_init(uv_default_loop(), &timers[i]);
    uv_timer_start(&timers[i], on_timer, i * 7919 % 1000 + 1, 0);
  }
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  printf("%.6f\n", (double)(clock() - start) / CLOCKS_PER_SEC);
  free(timers);
  return 0;
}
