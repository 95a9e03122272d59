/*
 * embed_own_loop.c: an application with a libuv loop and timers of its own, on
 * which a script lives as well. The script calls the application, and the
 * application the script.
 *
 *   make examples && build/examples/embed_own_loop
 *
 * Prints
 *   script: ready
 *   script: beat 1
 *   script: beat 2
 *   script: beat 3
 *   application: the script ended with 0
 */
#include <neap.h>
#include <stdio.h>
#include <string.h>

static const char script[] =
    "local neap = require('neap')\n"
    "local queue = neap.sync.queue()\n"
    "function on_beat(n) queue:put(n) end\n"
    "print('script: ready')\n"
    "start_beats()\n"
    "for i = 1, 3 do print('script: beat ' .. queue:get()) end\n";

typedef struct application {
  neap_host *host;
  uv_timer_t timer;
  int beats;
} application;

static void on_timer(uv_timer_t *timer) {
  application *a = timer->data;
  neap_value n = neap_integer(++a->beats);
  neap_spawn(a->host, "on_beat", &n, 1, NULL, NULL);
}

/* start_beats(): from now on the application calls on_beat. */
static int start_beats(lua_State *L) {
  application *a = lua_touserdata(L, lua_upvalueindex(1));
  uv_timer_start(&a->timer, on_timer, 10, 10);
  return 0;
}

/* The program has ended; the loop goes on until the host is closed, too. */
static void on_end(neap_host *host, int result, void *ud) {
  application *a = ud;
  printf("application: the script ended with %d\n", result);
  if (result != 0) fprintf(stderr, "%s\n", neap_error_text(host));
  uv_close((uv_handle_t *)&a->timer, NULL);
  neap_close_async(host, 1, NULL, NULL);
}

int main(void) {
  application a = {0};
  neap_options options;
  uv_loop_t loop;
  uv_loop_init(&loop);
  uv_timer_init(&loop, &a.timer);
  a.timer.data = &a;

  neap_options_init(&options);
  options.loop = &loop;
  if (neap_open(&a.host, &options) != 0) return 1;
  lua_pushlightuserdata(neap_state(a.host), &a);
  lua_pushcclosure(neap_state(a.host), start_beats, 1);
  lua_setglobal(neap_state(a.host), "start_beats");
  int err = neap_load_buffer(a.host, script, strlen(script), "=script");
  if (err == 0) err = neap_start(a.host, on_end, &a);
  if (err == 0) uv_run(&loop, UV_RUN_DEFAULT);
  neap_free(a.host);
  return uv_loop_close(&loop) == 0 && err == 0 ? 0 : 1;
}
