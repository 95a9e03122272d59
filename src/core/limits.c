/*
 * limits.c: the numbers a host is held to.
 */
#include "core/limits.h"

#include <signal.h>
#include <stdbool.h>

#include "base/class.h"
#include "base/err.h"
#include "base/opts.h"
#include "core/host.h"
#include "core/open.h"

enum { DAY = 86400 };

static bool is_time(double seconds) { return seconds >= 0 && seconds <= DAY; }

static bool is_signal(int signum) {
  return signum == 0 || (signum >= SIGRTMIN && signum <= SIGRTMAX);
}

int np_limits_set(np_host *h, const np_limits *limits) {
  if (!is_time(limits->time) || !is_time(limits->preempt)) return UV_EINVAL;
  if (!is_signal(limits->signum)) return UV_EINVAL;
  if (limits->memory && h->alloc && h->alloc != np_pool_alloc)
    return UV_ENOTSUP;
  np_limits old = h->limits;
  h->limits = *limits;
  int err = np_guard_set(h);
  if (err < 0) h->limits = old;
  return err;
}

/* core.set_limits { memory =, time =, preempt =, tasks =, .. }, for specs. */
static int set_limits(lua_State *L) {
  enum { MOST = 0x7fffffff };
  typedef struct options {
    lua_Integer memory, tasks, handles, timers, processes, signum;
    lua_Number time, preempt;
  } options;
  static const np_opt list[] = {
      {"memory", NP_OPT_INTEGER, offsetof(options, memory), 0, LUA_MAXINTEGER},
      {"time", NP_OPT_NUMBER, offsetof(options, time), 0, 0},
      {"preempt", NP_OPT_NUMBER, offsetof(options, preempt), 0, 0},
      {"tasks", NP_OPT_INTEGER, offsetof(options, tasks), 0, MOST},
      {"handles", NP_OPT_INTEGER, offsetof(options, handles), 0, MOST},
      {"timers", NP_OPT_INTEGER, offsetof(options, timers), 0, MOST},
      {"processes", NP_OPT_INTEGER, offsetof(options, processes), 0, MOST},
      {"signum", NP_OPT_INTEGER, offsetof(options, signum), 0, MOST},
      {0},
  };
  options o = {0};
  np_opts_read(L, 1, list, &o);
  np_limits limits = {
      .memory = (size_t)o.memory,
      .time = o.time,
      .preempt = o.preempt,
      .tasks = (uint32_t)o.tasks,
      .handles = (uint32_t)o.handles,
      .timers = (uint32_t)o.timers,
      .processes = (uint32_t)o.processes,
      .signum = (int)o.signum,
  };
  int err = np_limits_set(np_gethost(L), &limits);
  if (err < 0) return np_fail_uv(L, err, "set_limits");
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg funcs[] = {{"set_limits", set_limits}, {NULL, NULL}};

void np_limits_open(lua_State *L, np_host *h) { np_setfuncs(L, h, funcs); }
