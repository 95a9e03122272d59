/*
 * timer.c: the heap of deadlines behind one uv_timer_t, the clock, sleep.
 *
 * The uv timer is armed for the earliest deadline and is left armed when that
 * one is stopped, also if it was the only one: it then fires for nothing and is
 * armed anew, which is cheaper than keeping it exact. The virtual clock stands
 * still until loop.c finds nothing ready and asks for a jump; meanwhile the uv
 * timer is armed for good, since by it our timers keep the loop alive.
 * Afterwards the clock goes on from where it was, so it never runs backwards.
 */
#include "core/timer.h"

#include <math.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/loop.h"
#include "core/task.h"

#define MILLISECOND UINT64_C(1000000)

uint64_t np_now(np_host *h) {
  if (h->virtual_on) return h->virtual_now;
  return uv_hrtime() + h->clock_offset;
}

uint64_t np_deadline(np_host *h, lua_Number seconds) {
  uint64_t now = np_now(h);
  if (!(seconds > 0)) return now;
  if (seconds >= 9e9) return NP_FOREVER; /* 2^63 ns and more */
  uint64_t ns = (uint64_t)ceil(seconds * 1e9);
  return ns < NP_NEVER - now ? now + ns : NP_FOREVER;
}

/* ---- the heap ---------------------------------------------------------- */

/*
 * Each place has up to four others below it. Beside the pointer to its timer it
 * has the upper bits of the deadline, in units of 4 ms since the first timer,
 * so that a comparison seldom looks at timers, which are all over the memory.
 * Deadlines in half a year share the last unit.
 */
enum { ARITY = 4, UNIT_BITS = 22 };

static uint32_t unit_of(const np_host *h, uint64_t when) {
  uint64_t unit = when > h->epoch ? (when - h->epoch) >> UNIT_BITS : 0;
  return unit < UINT32_MAX ? (uint32_t)unit : UINT32_MAX;
}

/* Numbers of 31 bits that go round. */
static bool started_before(uint32_t a, uint32_t b) {
  return (int32_t)((a - b) << 1) < 0;
}

/* Both are in the same unit. */
static bool is_before(const np_timer *a, const np_timer *b) {
  if (a->when != b->when) return a->when < b->when;
  return started_before(a->seq, b->seq);
}

/* The deadline at place i is before that of t. */
static inline bool earlier_at(const np_host *h, uint32_t i, const np_timer *t,
                              uint32_t unit) {
  if (h->units[i - 1] != unit) return h->units[i - 1] < unit;
  return is_before(h->heap[i - 1], t);
}

static inline bool earlier_of(const np_host *h, uint32_t a, uint32_t b) {
  return earlier_at(h, a, h->heap[b - 1], h->units[b - 1]);
}

static inline void place(np_host *h, np_timer *t, uint32_t unit, uint32_t i) {
  h->heap[i - 1] = t;
  h->units[i - 1] = unit;
  t->index = i;
}

static inline void move(np_host *h, uint32_t from, uint32_t to) {
  place(h, h->heap[from - 1], h->units[from - 1], to);
}

static uint32_t above(uint32_t i) { return (i - 2) / ARITY + 1; }

static void sift_up(np_host *h, np_timer *t, uint32_t unit, uint32_t i) {
  while (i > 1 && !earlier_at(h, above(i), t, unit)) {
    move(h, above(i), i);
    i = above(i);
  }
  place(h, t, unit, i);
}

static void sift_down(np_host *h, np_timer *t, uint32_t unit, uint32_t i) {
  for (;;) {
    uint32_t child = (i - 1) * ARITY + 2, end = child + ARITY;
    if (child > h->nheap) break;
    if (end > h->nheap + 1) end = h->nheap + 1;
    uint32_t first = child;
    while (++child < end)
      if (earlier_of(h, child, first)) first = child;
    if (!earlier_at(h, first, t, unit)) break;
    move(h, first, i);
    i = first;
  }
  place(h, t, unit, i);
}

/* The units lie behind the pointers. */
enum { PLACE_SIZE = sizeof(np_timer *) + sizeof(uint32_t) };

void np_timer_close(np_host *h) {
  np_free(h, h->heap, (size_t)h->heap_capacity * PLACE_SIZE);
  h->heap = NULL;
  h->heap_capacity = h->nheap = 0;
}

/* False if memory is out. */
static bool grow(np_host *h) {
  uint32_t n = h->heap_capacity ? h->heap_capacity * 2 : 64, used = h->nheap;
  np_timer **heap = np_alloc(h, (size_t)n * PLACE_SIZE);
  if (!heap) return false;
  uint32_t *units = (uint32_t *)(heap + n);
  if (used > 0) {
    memcpy(heap, h->heap, used * sizeof *heap);
    memcpy(units, h->units, used * sizeof *units);
    np_timer_close(h);
  } else if (h->epoch == 0) {
    h->epoch = np_now(h);
  }
  h->heap = heap;
  h->units = units;
  h->heap_capacity = n;
  h->nheap = used;
  return true;
}

/* ---- the uv timer ------------------------------------------------------ */

static void on_timer(uv_timer_t *uvtimer);

/* The same time on uv's clock; before its start and past its end those count.
 * Ours goes on where the virtual one was, ahead of it or behind. */
static uint64_t uv_time(const np_host *h, uint64_t when) {
  uint64_t ahead = h->clock_offset, behind = 0 - ahead;
  if (ahead < behind) return when > ahead ? when - ahead : 0;
  return when < NP_NEVER - behind ? when + behind : NP_NEVER;
}

/* Arms it for the first deadline, unless it fires early enough already. */
static void arm(np_host *h) {
  if (h->nheap == 0 || h->virtual_on) return;
  uint64_t when = uv_time(h, h->heap[0]->when);
  if (when >= h->armed) return;
  uint64_t ms = when / MILLISECOND + (when % MILLISECOND != 0);
  uint64_t now = uv_now(h->uv);
  h->armed = when;
  uv_timer_start(&h->uvtimer, on_timer, ms > now ? ms - now : 0, 0);
}

static void disarm(np_host *h) {
  h->armed = NP_FOREVER;
  uv_timer_start(&h->uvtimer, on_timer, NP_NEVER / MILLISECOND, 0);
}

static void count_strong(np_host *h, int n) {
  bool before = h->nstrong > 0;
  h->nstrong += (uint32_t)n;
  if (before == (h->nstrong > 0)) return;
  if (before)
    uv_unref((uv_handle_t *)&h->uvtimer);
  else
    uv_ref((uv_handle_t *)&h->uvtimer);
}

int np_timer_start(np_host *h, np_timer *t, uint64_t when) {
  if (h->nheap == h->heap_capacity && !grow(h)) return UV_ENOMEM;
  t->when = when;
  t->seq = h->timer_seq++ & INT32_MAX;
  h->nheap++;
  sift_up(h, t, unit_of(h, when), h->nheap);
  if (!t->weak) count_strong(h, 1);
  if (t->index == 1) arm(h);
  return 0;
}

int np_timer_start_asked(np_host *h, np_timer *t, uint64_t when) {
  if (h->limits.timers && h->current && h->nheap >= h->limits.timers)
    return NP_ETIMERS;
  return np_timer_start(h, t, when);
}

int np_timer_refused(lua_State *L, int err) {
  if (err != NP_ETIMERS) return luaL_error(L, "not enough memory");
  return np_raise(L, "LIMIT", "more than %I timers at once",
                  (LUAI_UACINT)np_gethost(L)->limits.timers);
}

void np_timer_stop(np_host *h, np_timer *t) {
  uint32_t i = t->index;
  if (i == 0) return;
  t->index = 0;
  uint32_t last = h->nheap--;
  if (i < last) {
    np_timer *moved = h->heap[last - 1];
    uint32_t unit = h->units[last - 1];
    if (i > 1 && !earlier_at(h, above(i), moved, unit))
      sift_up(h, moved, unit, i);
    else
      sift_down(h, moved, unit, i);
  }
  if (!t->weak) count_strong(h, -1);
}

/* Fires what is due. Timers that are started meanwhile wait for the next
 * round, even if they are due at once. */
static void fire_due(np_host *h) {
  uint64_t now = np_now(h);
  uint32_t limit = h->timer_seq;
  while (h->nheap > 0 && h->heap[0]->when <= now &&
         started_before(h->heap[0]->seq, limit)) {
    np_timer *t = h->heap[0];
    np_timer_stop(h, t);
    t->fire(t);
  }
}

static void on_timer(uv_timer_t *uvtimer) {
  np_host *h = np_container_of(uvtimer, np_host, uvtimer);
  h->armed = NP_FOREVER;
  if (h->virtual_on) return;
  fire_due(h);
  arm(h);
}

bool np_timer_canjump(const np_host *h) {
  return h->nheap > 0 && h->heap[0]->when < NP_NEVER;
}

void np_timer_jump(np_host *h) {
  if (!np_timer_canjump(h)) return;
  if (h->heap[0]->when > h->virtual_now) h->virtual_now = h->heap[0]->when;
  fire_due(h);
}

void np_timer_virtual(np_host *h, bool on) {
  if (on == h->virtual_on) return;
  if (on) {
    h->virtual_now = np_now(h);
    h->virtual_on = true;
    disarm(h);
  } else {
    h->virtual_on = false;
    h->clock_offset = h->virtual_now - uv_hrtime();
    arm(h);
  }
}

void np_checkreal(lua_State *L, np_host *h, const char *what) {
  if (!h->virtual_on || h->virtual_lenient) return;
  np_raise(
      L, "INVALID_STATE", "%s takes real time, and the virtual clock is on%s",
      what,
      strstr(what, "socket") ? " (testing.stream_pair works with it)" : "");
}

void np_clock_hold(np_host *h) { h->clock_holds++; }

void np_clock_release(np_host *h) {
  if (--h->clock_holds == 0 && h->virtual_on) np_loop_kick(h);
}

/* ---- sleep ------------------------------------------------------------- */

static np_task *sleep_task(np_wait *w) {
  return np_container_of(w, np_task, own.wait);
}

static bool sleep_cancel(np_wait *w) {
  np_task *t = sleep_task(w);
  if (t->own_flag) {
    t->own_flag = false;
    np_unforever(np_task_host(t));
  } else {
    np_timer_stop(np_task_host(t), &t->own.u.timer);
  }
  return true;
}

/* [seconds, values ..]: the values are the results. */
static int sleep_finish(lua_State *L, np_wait *w) {
  (void)w;
  return lua_gettop(L) - 1;
}

static const np_wait_class sleep_class = {
    .name = "sleep", .cancel = sleep_cancel, .finish = sleep_finish};

static void sleep_fire(np_timer *timer) {
  np_wake(&np_container_of(timer, np_task, own.u.timer)->own.wait);
}

static int park_until(lua_State *L, np_host *h, uint64_t when) {
  np_task *t = h->current;
  np_timer *timer = &t->own.u.timer;
  *timer = (np_timer){.fire = sleep_fire};
  t->own_flag = when == NP_FOREVER && !t->daemon;
  if (t->own_flag) np_forever(h);
  int err = when != NP_FOREVER ? np_timer_start_asked(h, timer, when) : 0;
  if (err < 0) return np_timer_refused(L, err);
  return np_park(L, h, &t->own.wait, &sleep_class);
}

static int sleep_(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Number seconds = np_checknumber(L, 1);
  np_checkwait(L, h);
  if (seconds <= 0)
    return np_park_ready(L, h, &h->current->own.wait, &sleep_class);
  return park_until(L, h, np_deadline(h, seconds));
}

/* core.sleep_until(ns) waits till that time of core.now_ns(). */
static int sleep_until(lua_State *L) {
  np_host *h = np_gethost(L);
  uint64_t when = (uint64_t)luaL_checkinteger(L, 1);
  np_checkwait(L, h);
  return park_until(L, h, when);
}

static int now_ns(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)np_now(np_gethost(L)));
  return 1;
}

/* core.deadline(seconds) from now, in ns; -1 for one that does not come. */
static int deadline(lua_State *L) {
  uint64_t when = np_deadline(np_gethost(L), np_checknumber(L, 1));
  lua_pushinteger(L, (lua_Integer)when);
  return 1;
}

/* core.real_now(): seconds of the clock of the watchdog. */
static int real_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)uv_hrtime() / 1e9);
  return 1;
}

/* loop.time(): seconds of the monotonic clock. */
static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)np_now(np_gethost(L)) / 1e9);
  return 1;
}

/* virtual_clock(on [, lenient]) -> whether it was on */
static int virtual_clock(lua_State *L) {
  np_host *h = np_gethost(L);
  bool was = h->virtual_on;
  np_timer_virtual(h, lua_toboolean(L, 1));
  h->virtual_lenient = lua_toboolean(L, 2);
  lua_pushboolean(L, was);
  return 1;
}

static const luaL_Reg funcs[] = {
    {"sleep", sleep_},      {"sleep_until", sleep_until},
    {"now", now},           {"now_ns", now_ns},
    {"deadline", deadline}, {"virtual_clock", virtual_clock},
    {"real_now", real_now}, {NULL, NULL}};

void np_timer_open(lua_State *L, np_host *h) { np_setfuncs(L, h, funcs); }
