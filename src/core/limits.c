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
#include "core/task.h"

enum {
  DAY = 86400,   /* s */
  THREAD = 1200, /* bytes that a task needs when it begins */
  REFUSALS = 8,  /* of memory, after which a task is ended */
};

/* ns between two refusals after which they are not counted together */
#define REFUSALS_APART UINT64_C(1000000000)

static bool is_time(double seconds) { return seconds >= 0 && seconds <= DAY; }

static bool is_signal(int signum) {
  return signum == 0 || (signum >= SIGRTMIN && signum <= SIGRTMAX);
}

/* ---- memory ------------------------------------------------------------ */

/* What may be exceeded for a task that needs a little while others hold the
 * most, and for C, until garbage is collected. */
static size_t reserve(const np_host *h) { return h->limits.memory / 8; }

/* Garbage is collected again when half of what is left has been taken. So it
 * is collected before the limit is met, which matters for what asks only once
 * (luaL_Buffer, C) and for what only finalizers give back. */
static void look_again(np_host *h) {
  size_t limit = h->limits.memory, held = h->pool_memory.held;
  size_t left = held < limit ? (limit - held) / 2 : 0;
  size_t at = held + (left > limit / 32 ? left : limit / 32);
  h->guard.looked_at = held;
  h->guard.collect_at = at;
  h->pool_memory.limit = at < limit ? at : limit;
}

void np_limits_want(np_host *h) {
  h->guard.collect_at = SIZE_MAX;
  if (h->current) {
    h->guard.gc_due = true;
    np_guard_stop(h, NP_WANT_NOTHING);
  } else {
    h->guard.met = true;
  }
}

/* The running task needs a little and has little: the reserve is for it. The
 * one that holds half of it all, if there is one, is to end. */
static bool spare(np_host *h, np_task *t, size_t more) {
  np_guard *g = &h->guard;
  np_pool *p = &h->pool_memory;
  size_t limit = h->limits.memory;
  int64_t own = t->memory + (int64_t)p->used - (int64_t)g->used_last;
  if (own + (int64_t)more > (int64_t)reserve(h)) return false;
  if (p->held + more > limit + reserve(h)) return false;
  if (g->top_order && g->top_order != t->order &&
      g->top_memory >= (int64_t)(limit / 2))
    g->hog_order = g->top_order;
  return true;
}

static void count_refusal(np_host *h, np_task *t) {
  if (t->service) return;
  uint64_t now = uv_hrtime();
  if (now - h->guard.refused_at > REFUSALS_APART) t->refusals = 0;
  h->guard.refused_at = now;
  if (t->refusals < REFUSALS) t->refusals++;
  if (t->refusals == REFUSALS) np_guard_stop(h, NP_WANT_MEMORY);
}

bool np_limits_refuse(np_host *h, const void *block, size_t more) {
  np_guard *g = &h->guard;
  np_pool *p = &h->pool_memory;
  np_task *t = h->current;
  if ((!t && !g->in_c) || h->closed) return false;
  if (p->held + more > g->collect_at) np_limits_want(h);
  size_t limit = h->limits.memory + (g->in_c ? reserve(h) : 0);
  if (p->held + more <= limit) {
    g->asked_size = 0;
    return false;
  }
  bool again = g->in_c || (g->asked == block && g->asked_size == more);
  g->asked = block;
  g->asked_size = again ? 0 : more;
  np_pool_trim(p);
  if (p->held + more <= limit) return false;
  if (!again) return true;
  g->met = true;
  if (t && !g->in_c && spare(h, t, more)) return false;
  if (t) count_refusal(h, t);
  return true;
}

bool np_limits_full(np_host *h) {
  size_t limit = h->limits.memory, held = h->pool_memory.held;
  if (limit == 0 || held <= limit + reserve(h)) return false;
  if (held > h->guard.collect_at) np_limits_want(h);
  return true;
}

void np_limits_checkcount(lua_State *L, np_host *h) {
  uint32_t most = h->limits.tasks;
  if (most > 0 && h->current && h->ntasks >= most)
    np_raise(L, "LIMIT", "more than %I tasks at once", (LUAI_UACINT)most);
}

void np_limits_checkspawn(lua_State *L, np_host *h) {
  size_t limit = h->limits.memory, more = h->nready * (size_t)THREAD;
  /* tasks fit in small blocks that are free: those were taken already */
  if (limit == 0 || h->pool_memory.used + more <= limit) return;
  if (!h->guard.gc_due && !h->guard.met) np_limits_want(h);
  lua_pushliteral(L, "not enough memory");
  lua_error(L);
}

void np_limits_account(np_host *h, np_task *t, bool alive) {
  np_guard *g = &h->guard;
  size_t held = h->pool_memory.held;
  /* what the collector closed has been freed since, by the loop */
  if (held + h->limits.memory / 32 < g->looked_at) look_again(h);
  int64_t more = (int64_t)h->pool_memory.used - (int64_t)g->used_last;
  g->used_last = h->pool_memory.used;
  if (!t->service) t->memory += more;
  bool top = g->top_order == t->order;
  if (top && !alive) {
    g->top_order = 0;
    g->top_memory = 0;
  } else if (top || t->memory > g->top_memory) {
    g->top_order = t->order;
    g->top_memory = t->memory;
  }
  if (g->met) h->look = 0; /* np_limits_settle comes in the next turn */
}

void np_limits_collect(np_host *h, lua_State *L) {
  h->guard.gc_due = false;
  lua_gc(L, LUA_GCCOLLECT);
  np_pool_trim(&h->pool_memory);
  if (h->limits.memory > 0) look_again(h);
  h->turn_over = true; /* what finalizers close is freed by the loop */
  h->look = 0;
}

/* The live task with this number; NULL: it has ended. */
static np_task *find_task(np_host *h, uint64_t order) {
  for (uint32_t i = 1; i <= h->nslots; i++) {
    lua_rawgeti(h->slots, NP_SLOT_LIVE, i);
    np_task *t = lua_touserdata(h->slots, -1);
    lua_pop(h->slots, 1);
    if (t && t->order == order) return t;
  }
  return NULL;
}

void np_limits_settle(np_host *h) {
  np_guard *g = &h->guard;
  np_task *hog = g->hog_order ? find_task(h, g->hog_order) : NULL;
  g->met = false;
  if (g->hog_order && !hog) g->top_order = 0, g->top_memory = 0; /* ended */
  g->hog_order = 0;
  if (hog && hog->future.state == NP_PENDING) np_task_hog(h, hog);
  np_limits_collect(h, h->scratch);
}

/* ---- setting them ------------------------------------------------------ */

int np_limits_set(np_host *h, const np_limits *limits) {
  if (!is_time(limits->time) || !is_time(limits->preempt)) return UV_EINVAL;
  if (!is_signal(limits->signum)) return UV_EINVAL;
  if (limits->memory && h->alloc && h->alloc != np_pool_alloc_c)
    return UV_ENOTSUP;
  np_limits old = h->limits;
  h->limits = *limits;
  int err = np_guard_set(h);
  if (err < 0) {
    h->limits = old;
    return err;
  }
  h->limited = limits->tasks > 0 || limits->memory > 0;
  h->pool_memory.limit = 0;
  if (limits->memory > 0) {
    if (old.memory == 0) np_pool_trim(&h->pool_memory); /* what it keeps */
    look_again(h);
  }
  return 0;
}

/* ---- for Lua ----------------------------------------------------------- */

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

/* serves_others(): what the running task takes from now on is for others, as
 * the connections of a server are. The limit of memory refuses it, but does
 * not end it. */
static int serves_others(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checktask(L, h)->service = true;
  return 0;
}

static const luaL_Reg funcs[] = {
    {"set_limits", set_limits}, {"serves_others", serves_others}, {NULL, NULL}};

void np_limits_open(lua_State *L, np_host *h) { np_setfuncs(L, h, funcs); }
