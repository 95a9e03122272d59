/*
 * limits.c: the numbers a host is held to.
 */
#include "core/limits.h"

#include <signal.h>
#include <stdbool.h>

#include "core/host.h"

enum { DAY = 86400 };

static bool is_time(double seconds) { return seconds >= 0 && seconds <= DAY; }

static bool is_signal(int signum) {
  return signum == 0 || (signum >= SIGRTMIN && signum <= SIGRTMAX);
}

int np_limits_set(np_host *h, const np_limits *limits) {
  if (!is_time(limits->time) || !is_time(limits->preempt)) return UV_EINVAL;
  if (!is_signal(limits->signum)) return UV_EINVAL;
  h->limits = *limits;
  return 0;
}
