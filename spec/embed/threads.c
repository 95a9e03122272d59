/*
 * threads.c: limits of time and preemption in hosts on several threads, and in
 * one that another thread runs than the one that opened it.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "neap.h"

enum { THREADS = 4 };

static const char spin[] =
    "local neap = require 'neap'\n"
    "local others = 0\n"
    "neap.spawn(function() while true do neap.sleep(0) others = others + 1 end "
    "end):set_daemon(true)\n"
    "local task = neap.spawn(function() while others < 3 do end end)\n"
    "task:await()\n"
    "while true do pcall(function() while true do end end) end\n";

static neap_host *open_host(void) {
  neap_options options;
  neap_host *host;
  neap_options_init(&options);
  options.time_limit = 0.2;
  options.preempt = 0.002;
  return neap_open(&host, &options) == 0 ? host : NULL;
}

/* 1 if the script was preempted and then ended. */
static int run_host(neap_host *host) {
  if (!host) return 0;
  int err = neap_load_buffer(host, spin, sizeof spin - 1, "=spin");
  if (err == 0) err = neap_run(host);
  int ended = err == NEAP_ESCRIPT &&
              strstr(neap_error_text(host), "held the loop for more than 0.2 s");
  if (!ended) fprintf(stderr, "%d: %s\n", err, neap_error_text(host));
  return ended;
}

static void *own_host(void *good) {
  neap_host *host = open_host();
  *(int *)good = run_host(host) && neap_free(host) == 0;
  return NULL;
}

typedef struct moved {
  neap_host *host;
  int good;
} moved;

static void *run_moved(void *arg) {
  moved *m = arg;
  m->good = neap_adopt(m->host) == 0 && run_host(m->host) &&
            neap_free(m->host) == 0;
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS], other;
  int good[THREADS] = {0}, all = 1;
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, own_host, &good[i]);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    all = all && good[i];
  }
  moved m = {.host = open_host()};
  pthread_create(&other, NULL, run_moved, &m);
  pthread_join(other, NULL);
  printf("threads %s, moved %s\n", all ? "good" : "bad",
         m.good ? "good" : "bad");
  return all && m.good ? 0 : 1;
}
