/*
 * uv_spawn.c: `true` started again and again with uv_spawn and nothing else,
 * each after the one before has ended.
 *
 *   uv_spawn count     prints seconds
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static int left;

static void begin(void);

static void on_close(uv_handle_t *handle) { free(handle); }

static void on_exit_of(uv_process_t *process, int64_t status, int signum) {
  if (status != 0 || signum != 0) exit(1);
  uv_close((uv_handle_t *)process, on_close);
  begin();
}

static void begin(void) {
  if (left-- == 0) return;
  char *argv[] = {"true", NULL};
  uv_stdio_container_t stdio[3];
  for (int i = 0; i < 3; i++) {
    stdio[i].flags = UV_INHERIT_FD;
    stdio[i].data.fd = i;
  }
  uv_process_options_t options = {.file = "true",
                                  .args = argv,
                                  .exit_cb = on_exit_of,
                                  .stdio = stdio,
                                  .stdio_count = 3};
  uv_process_t *process = malloc(sizeof(*process));
  int r = uv_spawn(uv_default_loop(), process, &options);
  if (r < 0) {
    fprintf(stderr, "uv_spawn: %s\n", uv_strerror(r));
    exit(1);
  }
}

int main(int argc, char **argv) {
  left = argc > 1 ? atoi(argv[1]) : 1000;
  uint64_t start = uv_hrtime();
  begin();
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  printf("%.6f\n", (double)(uv_hrtime() - start) / 1e9);
  return 0;
}
