/*
 * embed_async.c: a C function that a script calls in a straight line, while a
 * thread does the work and the loop goes on.
 *
 *   make examples && build/examples/embed_async
 *
 * Prints
 *   tick 1
 *   tick 2
 *   the sum is 5000000050000000
 */
#include <neap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char script[] =
    "local neap, slow = require('neap'), require('slow')\n"
    "local task = neap.spawn(slow.sum, 100000000)\n"
    "for i = 1, 2 do print('tick ' .. i) neap.sleep(0.01) end\n"
    "print('the sum is ' .. task:await())\n";

typedef struct job {
  neap_future *future;
  lua_Integer n;
} job;

/* On a thread of its own. */
static void *work(void *ud) {
  job *j = ud;
  lua_Integer sum = 0;
  usleep(50000); /* it takes long */
  for (lua_Integer i = 1; i <= j->n; i++) sum += i;
  neap_value result = neap_integer(sum);
  neap_future_set(j->future, &result, 1); /* wakes the task, if it waits */
  neap_future_free(j->future);
  free(j);
  return NULL;
}

static int sum_done(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 2; /* all above the argument and the future */
}

/* sum(n): waits for the thread and returns its result. */
static int sum(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  lua_settop(L, 1);
  neap_future *future = neap_future_new(L);
  job *j = malloc(sizeof *j);
  pthread_t thread;
  if (j) *j = (job){future, n};
  if (!j || pthread_create(&thread, NULL, work, j) != 0) {
    neap_future_free(future);
    free(j);
    return luaL_error(L, "there is no thread to be had");
  }
  pthread_detach(thread);
  return neap_await(L, 2, 0, sum_done);
}

static const luaL_Reg slow[] = {{"sum", sum}, {NULL, NULL}};

int main(void) {
  neap_host *host;
  if (neap_open(&host, NULL) != 0) return 1;
  neap_register(host, "slow", slow);
  int err = neap_load_buffer(host, script, strlen(script), "=script");
  if (err == 0) err = neap_run(host);
  if (err != 0) fprintf(stderr, "%s\n", neap_error_text(host));
  neap_free(host);
  return err != 0;
}
