/*
 * embed_threads.c: four hosts on four threads. They share nothing; what
 * another thread hands over reaches the one it is for.
 *
 *   make examples && build/examples/embed_threads
 *
 * Prints
 *   host 1 counted to 5000, and heard hello
 *   host 2 counted to 5000, and heard hello
 *   host 3 counted to 5000, and heard hello
 *   host 4 counted to 5000, and heard hello
 */
#include <neap.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { HOSTS = 4 };

static const char script[] =
    "local neap = require('neap')\n"
    "local tasks, n = {}, 0\n"
    "for i = 1, 50 do\n"
    "  tasks[i] = neap.spawn(function()\n"
    "    for _ = 1, 100 do n = n + 1 neap.sleep(0) end\n"
    "  end)\n"
    "end\n"
    "neap.gather(tasks)\n"
    "return ('counted to %d, and heard %s'):format(n, greeting():await())\n";

/* On a thread that belongs to no host, and may outlive the host. */
static void *greet(void *future) {
  neap_value text = neap_string("hello");
  neap_future_set(future, &text, 1);
  neap_future_free(future);
  return NULL;
}

/* greeting(): a Future that another thread completes. */
static int greeting(lua_State *L) {
  pthread_t thread;
  neap_future *future = neap_future_new(L);
  if (pthread_create(&thread, NULL, greet, future) == 0)
    pthread_detach(thread);
  else
    neap_future_free(future); /* it is cancelled */
  return 1;
}

static void *run(void *text) {
  neap_host *host;
  neap_value result = neap_nil();
  if (neap_open(&host, NULL) != 0) return NULL;
  lua_register(neap_state(host), "greeting", greeting);
  neap_load_buffer(host, script, strlen(script), "=script");
  if (neap_run(host) == 0) neap_result(host, 0, &result);
  snprintf(text, 80, "%s", result.type == NEAP_STRING ? result.as.string.data
                                                      : neap_error_text(host));
  neap_free(host);
  return NULL;
}

int main(void) {
  pthread_t threads[HOSTS];
  char texts[HOSTS][80] = {{0}};
  for (int i = 0; i < HOSTS; i++)
    pthread_create(&threads[i], NULL, run, texts[i]);
  for (int i = 0; i < HOSTS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < HOSTS; i++) printf("host %d %s\n", i + 1, texts[i]);
  return 0;
}
