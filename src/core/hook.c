/*
 * hook.c: the timer, its signal and the hook that stop code that computes.
 *
 * A task is ended by yielding from the hook and never resuming it: nothing in
 * the script can hold that, and its <close> handlers run when its coroutines
 * are closed. Where Lua cannot yield (a comparator of table.sort) the hook
 * raises, and stays on, so that each pcall there is left at its next
 * instruction. It raises as Lua does for want of memory, which calls no message
 * handler: while a handler of a hook's error runs, Lua calls no hooks.
 *
 * Code of neap's own is never stopped half way: the hook comes again once it
 * has been left.
 */
#include "core/hook.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "core/coro.h"
#include "core/limits.h"
#include "core/open.h"
#include "core/task.h"
#include "core/warn.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define MILLISECOND    UINT64_C(1000000)
#define TICK_MIN       UINT64_C(50000)     /* ns */
#define TICK_MAX       (50 * MILLISECOND)  /* ns */
#define INTERRUPT      (100 * MILLISECOND) /* ns of computing till CANCELLED */
#define INTERRUPT_TICK (10 * MILLISECOND)  /* ns */

enum {
  OWN_COUNT = 100,    /* instructions till the hook looks again */
  OWN_PATIENCE = 100, /* ticks that code of our own may take at most */
  OWN_DEPTH = 16,     /* levels at which critical code of ours is looked for */
};

/* ---- arming ------------------------------------------------------------ */

static void hook(lua_State *L, lua_Debug *ar);

static void set_ticking(np_guard *g, bool on) {
  struct itimerspec spec = {0};
  if (on) {
    spec.it_value.tv_sec = (time_t)(g->tick / 1000000000);
    spec.it_value.tv_nsec = (long)(g->tick % 1000000000);
    spec.it_interval = spec.it_value;
  }
  g->ticking = on;
  timer_settime(g->timer, 0, &spec, NULL);
}

static uint32_t slice_of(np_guard *g) {
  return *(volatile uint32_t *)&g->slice;
}

/* Sets our hook on the running coroutine; a hook of the script's comes back
 * when ours has fired. In the signal handler, or in the task itself. It is set
 * once, not at each tick: Lua visits every frame of the coroutine then, which
 * for a deep recursion can take longer than a tick. */
static void arm(np_host *h, uint32_t want) {
  np_guard *g = &h->guard;
  lua_State *L = *(lua_State *volatile *)&h->running;
  lua_Hook old = lua_gethook(L);
  bool set = old == hook && lua_gethookmask(L) != 0;
  if (old && old != hook) {
    g->foreign.hook = old;
    g->foreign.mask = lua_gethookmask(L);
    g->foreign.count = lua_gethookcount(L);
    g->foreign.L = L;
  }
  if (g->want_slice != slice_of(g) || g->want < want) g->want = want;
  g->want_slice = slice_of(g);
  np_guard_work(g, NP_SLICE_HOOKED, 0);
  if (!set) lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

/* Takes our hook off L. */
static void disarm(np_guard *g, lua_State *L) {
  if (lua_gethook(L) != hook) return;
  if (g->foreign.L == L) {
    lua_sethook(L, g->foreign.hook, g->foreign.mask, g->foreign.count);
    g->foreign.L = NULL;
  } else {
    lua_sethook(L, NULL, 0, 0);
  }
}

void np_guard_stop(np_host *h, uint32_t want) { arm(h, want); }

/* What the running task deserves. Slices between which it was only suspended
 * count as one, but for a turn. */
static uint32_t judge(const np_guard *g, const np_task *t) {
  uint32_t held = g->ticks + (t->streak >= NP_PREEMPTED ? t->spent : 0);
  if (g->time_ticks && held >= g->time_ticks) return NP_WANT_TIME;
  if (g->interrupted && held >= g->cancel_ticks) return NP_WANT_CANCEL;
  if (g->turn_ticks && g->ticks >= g->turn_ticks) return NP_WANT_TURN;
  if (g->trace_ticks && g->ticks == g->trace_ticks) return NP_WANT_TRACE;
  return NP_WANT_NOTHING;
}

static void on_tick(int signum, siginfo_t *info, void *context) {
  (void)signum, (void)context;
  if (info->si_code != SI_TIMER) return; /* not from our timer */
  np_host *h = info->si_value.sival_ptr;
  np_guard *g = &h->guard;
  int saved = errno;
  bool inside =
      *(np_task *volatile *)&h->current && *(lua_State *volatile *)&h->running;
  if (!pthread_equal(g->thread, pthread_self())) {
    /* the host has moved on to another thread */
  } else if (slice_of(g) != g->seen) {
    g->seen = slice_of(g);
    g->ticks = 0;
  } else if (!inside) {
    set_ticking(g, false);
    np_guard_work(g, NP_SLICE_ASLEEP, 0);
  } else {
    g->ticks++;
    uint32_t want = judge(g, h->current);
    if (want || h->dump_due) arm(h, want);
  }
  errno = saved;
}

/* ---- the hook ---------------------------------------------------------- */

/* The host of a state; the second way is that of a state of others. */
static np_host *host_of(lua_State *L) {
  void *ud;
  return lua_getallocf(L, &ud) == np_pool_alloc ? ud : np_host_of(L);
}

static bool is_own(const char *source) {
  return strncmp(source, "@neap/", 6) == 0;
}

/* Whether neap's own Lua code runs, or has called what runs from where its
 * state is half changed. */
static bool in_own_code(lua_State *L, lua_Debug *ar) {
  lua_Debug up;
  lua_getinfo(L, "S", ar);
  if (is_own(ar->source)) return true;
  for (int i = 1; i < OWN_DEPTH && lua_getstack(L, i, &up); i++) {
    lua_getinfo(L, "S", &up);
    if (strcmp(up.source, "@neap/sync/heap.lua") == 0) return true;
  }
  return false;
}

/* Notes the line of the script that runs, or that called code of ours. */
static void note_where(np_guard *g, lua_State *L) {
  lua_Debug ar;
  g->where[0] = '\0';
  for (int i = 0; i < OWN_DEPTH && lua_getstack(L, i, &ar); i++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline < 0 || is_own(ar.source)) continue;
    snprintf(g->where, sizeof g->where, "%s:%d", ar.short_src, ar.currentline);
    return;
  }
}

/* Suspends the running task in the hook. */
static void yield_task(lua_State *L, np_host *h) {
  h->current->leaf = L;
  h->current->wait = NULL;
  h->parking = true;
  lua_yield(L, 0); /* from a hook it returns, and Lua yields after it */
}

static void end_task(lua_State *L, np_host *h, uint32_t want) {
  np_guard *g = &h->guard;
  if (g->verdict == NP_WANT_NOTHING) {
    note_where(g, L);
    g->verdict = want;
  }
  if (np_canyield(L, h)) {
    yield_task(L, h);
    return;
  }
  lua_sethook(L, hook, LUA_MASKCOUNT, 1);
  lua_pushliteral(L, "not enough memory"); /* exists: nothing is allocated */
  lua_error(L);
}

/* CANCELLED, each time the running task has computed for so long; after the
 * grace time it is ended. One that nothing cancelled goes on. */
static void cancel_task(lua_State *L, np_host *h) {
  np_guard *g = &h->guard;
  np_task *t = h->current;
  bool acted = g->on_interrupt && g->on_interrupt(h);
  if (acted && !t->root.cancelled) np_task_cancel(h, t);
  g->ticks = t->spent = 0; /* the next one comes as late */
  if (!t->root.cancelled && !np_scope_cause(h, t)) return;
  double passed = (double)++g->cancels * (double)INTERRUPT / 1e9;
  if (passed > h->grace)
    end_task(L, h, NP_WANT_CANCEL);
  else if (np_scope_cause(h, t)) /* else it is shielded */
    np_scope_raise(L, h, t);
}

/* [L1 as light userdata] */
static int push_trace(lua_State *L) {
  luaL_traceback(L, lua_touserdata(L, 1), NULL, 1);
  return 1;
}

/* Debug mode: what the slow slice is doing. */
static void note_trace(lua_State *L, np_guard *g) {
  if (g->trace || !lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, push_trace);
  lua_pushlightuserdata(L, L);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) g->trace = strdup(lua_tostring(L, -1));
  lua_pop(L, 1);
}

static void hook(lua_State *L, lua_Debug *ar) {
  np_host *h = host_of(L);
  np_guard *g = &h->guard;
  uint32_t want = g->want;
  disarm(g, L);
  if (g->gc_due) np_limits_collect(h, L);
  if (h->dump_due && L == h->running) np_dump(h);
  if (!h->current || g->want_slice != g->slice) return; /* an old slice's */
  if (want == NP_WANT_TRACE) {
    g->want = NP_WANT_NOTHING;
    note_trace(L, g);
    return;
  }
  bool own = ar->event != LUA_HOOKCOUNT || in_own_code(L, ar);
  if (want == NP_WANT_TURN) {
    if (own || !np_canyield(L, h)) return; /* the next tick tries again */
    g->want = NP_WANT_NOTHING;
    np_task *t = h->current;
    t->spent = g->ticks + (t->streak >= NP_PREEMPTED ? t->spent : 0);
    t->streak = NP_PREEMPTED;
    np_ready(h, t);
    yield_task(L, h);
    return;
  }
  if (own && g->ticks < g->time_ticks + g->cancel_ticks + OWN_PATIENCE) {
    lua_sethook(L, hook, LUA_MASKCOUNT, OWN_COUNT);
  } else if (want == NP_WANT_CANCEL) {
    g->want = NP_WANT_NOTHING;
    cancel_task(L, h);
  } else if (want != NP_WANT_NOTHING) {
    end_task(L, h, want);
  }
}

/* ---- slices ------------------------------------------------------------ */

void np_guard_enter(np_host *h) {
  np_guard *g = &h->guard;
  if (!(g->work & NP_SLICE_ASLEEP)) return;
  np_guard_work(g, 0, NP_SLICE_ASLEEP);
  if (g->made) set_ticking(g, true);
}

bool np_guard_leave(np_host *h, np_task *t) {
  np_guard *g = &h->guard;
  if (g->work & NP_SLICE_HOOKED) {
    np_guard_work(g, 0, NP_SLICE_HOOKED);
    disarm(g, t->co);
    if (t->base.parked && t->leaf != t->co) disarm(g, t->leaf);
    g->foreign.L = NULL;
    h->look = 0; /* it was long: the turn ends */
  }
  g->want = NP_WANT_NOTHING;
  if (t->streak < NP_PREEMPTED) g->cancels = 0;
  return g->verdict != NP_WANT_NOTHING;
}

int np_guard_error(lua_State *L) {
  np_task *t = lua_touserdata(L, 1);
  np_host *h = np_task_host(t);
  np_guard *g = &h->guard;
  const char *at = g->where[0] ? " at " : "";
  switch (g->verdict) {
    case NP_WANT_TIME:
      np_pusherror(L, "TIMEOUT", "held the loop for more than %f s%s%s",
                   (lua_Number)h->limits.time, at, g->where);
      break;
    case NP_WANT_MEMORY:
      np_pusherror(L, "LIMIT", "not enough memory (at most %I bytes)%s%s",
                   (LUAI_UACINT)h->limits.memory, at, g->where);
      break;
    default: np_scope_pusherror(L, h, t, &t->root);
  }
  return 1;
}

/* ---- the timer --------------------------------------------------------- */

/* The handler stays installed for good: a signal that is still on its way
 * when its timer is deleted would end the process. */
static int install(int signum) {
  struct sigaction now, ours = {.sa_flags = SA_SIGINFO | SA_RESTART};
  if (sigaction(signum, NULL, &now) < 0) return UV_EINVAL;
  if (now.sa_flags & SA_SIGINFO)
    return now.sa_sigaction == on_tick ? 0 : UV_EBUSY;
  /* one that the parent told us to ignore is nobody's */
  if (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN) return UV_EBUSY;
  ours.sa_sigaction = on_tick;
  sigemptyset(&ours.sa_mask);
  return sigaction(signum, &ours, NULL) < 0 ? UV_EINVAL : 0;
}

static int choose_signal(np_host *h) {
  int signum = h->limits.signum;
  if (signum) {
    if (install(signum) < 0) return UV_EINVAL;
    return h->guard.signum = signum, 0;
  }
  for (signum = SIGRTMIN + 4; signum <= SIGRTMAX; signum++) {
    if (install(signum) == 0) return h->guard.signum = signum, 0;
  }
  return UV_EBUSY;
}

/* A timer that signals this thread, which must not block that signal. */
static int make_timer(np_host *h) {
  np_guard *g = &h->guard;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID};
  event.sigev_signo = g->signum;
  event.sigev_value.sival_ptr = h;
  event.sigev_notify_thread_id = gettid();
  if (timer_create(CLOCK_MONOTONIC, &event, &g->timer) < 0)
    return uv_translate_sys_error(errno);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, g->signum);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  g->thread = pthread_self();
  g->made = true;
  g->ticking = false;
  return 0;
}

static void delete_timer(np_guard *g) {
  if (!g->made) return;
  g->made = false;
  timer_delete(g->timer);
}

void np_guard_thread(np_host *h) {
  np_guard *g = &h->guard;
  if (pthread_equal(g->thread, pthread_self())) return;
  delete_timer(g);
  if (make_timer(h) == 0) np_guard_work(g, NP_SLICE_ASLEEP, 0);
}

static uint32_t ticks_of(uint64_t ns, uint64_t tick) {
  return ns ? (uint32_t)((ns + tick - 1) / tick) : 0;
}

static void choose_tick(np_host *h) {
  np_guard *g = &h->guard;
  uint64_t time = (uint64_t)(h->limits.time * 1e9);
  uint64_t turn = (uint64_t)(h->limits.preempt * 1e9);
  uint64_t tick = INTERRUPT_TICK;
  if (time) tick = time / 10 < TICK_MAX ? time / 10 : TICK_MAX;
  if (turn && turn / 2 < tick) tick = turn / 2;
  if (tick < TICK_MIN) tick = TICK_MIN;
  g->tick = tick;
  g->time_ticks = ticks_of(time, tick);
  g->turn_ticks = turn ? ticks_of(turn / 2, tick) : 0;
  g->cancel_ticks = ticks_of(INTERRUPT, tick);
  g->trace_ticks = h->debug ? ticks_of(NP_SLOW_NS, tick) : 0;
}

static int start(np_host *h) {
  if (h->guard.made) return 0;
  int err = choose_signal(h);
  return err < 0 ? err : make_timer(h);
}

int np_guard_set(np_host *h) {
  np_guard *g = &h->guard;
  bool timed = h->limits.time > 0 || h->limits.preempt > 0 || h->debug;
  g->counting = h->limits.memory > 0;
  g->used_last = h->pool_memory.used;
  int err = timed ? start(h) : 0;
  if (err < 0) return err;
  choose_tick(h);
  if (!g->made) return 0;
  bool on = timed || g->interrupted;
  bool running = on && h->current;
  if (running || g->ticking) set_ticking(g, running);
  bool asleep = on && !running;
  np_guard_work(g, asleep ? NP_SLICE_ASLEEP : 0, asleep ? 0 : NP_SLICE_ASLEEP);
  return 0;
}

int np_guard_watch(np_host *h) {
  int err = start(h);
  if (err == 0) choose_tick(h);
  return err;
}

void np_guard_interrupt(np_host *h) {
  np_guard *g = &h->guard;
  if (!g->made || g->interrupted) return;
  g->interrupted = true;
  if (!g->ticking) set_ticking(g, true);
}

void np_guard_look(np_host *h) {
  np_guard *g = &h->guard;
  if (g->made && !g->ticking) set_ticking(g, true);
}

void np_guard_calm(np_host *h) {
  h->guard.interrupted = false;
  np_guard_set(h);
}

void np_guard_close(np_host *h) {
  delete_timer(&h->guard);
  free(h->guard.trace);
}
