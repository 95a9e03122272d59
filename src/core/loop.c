/*
 * loop.c: the ready queue, its turns on the libuv loop, and the end of a
 * program.
 *
 * A turn runs ready tasks, from a prepare and a check handle, so an
 * application's own uv_run drives us too. What becomes ready meanwhile goes
 * to the end of the queue; after 256 resumptions or 1 ms the turn ends so
 * that I/O and timers are looked at. An idle handle is active while tasks are
 * ready; it alone keeps the loop alive.
 */
#include "core/loop.h"

#include <lauxlib.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"
#include "core/warn.h"

enum { TURN_RESUMPTIONS = 256, CHECK_EVERY_MAX = 32 };
#define TURN_NS UINT64_C(1000000)

/* ---- the ready queue --------------------------------------------------- */

static void on_idle(uv_idle_t *idle) { (void)idle; /* it only keeps awake */ }

void np_loop_kick(np_host *h) {
  if (h->idle_on) return;
  h->idle_on = true;
  uv_idle_start(&h->idle, on_idle);
}

static inline void unlink_after(np_host *h, np_task *before, np_task *t) {
  if (before)
    before->next_ready = t->next_ready;
  else
    h->ready_head = t->next_ready;
  if (h->ready_tail == t) h->ready_tail = before;
  h->nready--;
  t->ready = false;
}

void np_unready(np_host *h, np_task *t) {
  if (!t->ready) return;
  np_task *before = NULL;
  for (np_task *x = h->ready_head; x != t; x = x->next_ready) before = x;
  unlink_after(h, before, t);
}

/* xorshift64: repeatable, good enough to shuffle a queue. */
static uint64_t next_random(np_host *h) {
  uint64_t x = h->shuffle_state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return h->shuffle_state = x;
}

static np_task *take_any(np_host *h) {
  np_task *before = NULL, *t = h->ready_head;
  for (uint64_t i = next_random(h) % h->nready; i > 0; i--) {
    before = t;
    t = t->next_ready;
  }
  unlink_after(h, before, t);
  return t;
}

static inline np_task *take_ready(np_host *h) {
  if (h->shuffle) return take_any(h);
  np_task *t = h->ready_head;
  unlink_after(h, NULL, t);
  if (h->ready_head) {
    /* Of very many tasks few are in the cache: what the next one begins with
     * is fetched while this one runs. */
    uintptr_t next = (uintptr_t)h->ready_head;
    uintptr_t co = (uintptr_t)h->ready_head->co;
    __builtin_prefetch((void *)(next + 64));
    __builtin_prefetch((void *)(next + 128));
    __builtin_prefetch((void *)co);
    __builtin_prefetch((void *)(co + 64));
    __builtin_prefetch((void *)(co + 128));
  }
  return t;
}

/* ---- turns ------------------------------------------------------------- */

static void note_turn(np_host *h, uint64_t ns) {
  h->turns++;
  if (ns > h->longest_turn) h->longest_turn = ns;
}

/* In debug mode: a task that holds the loop long is warned of. */
static void resume_watched(np_host *h) {
  np_task *t = take_ready(h);
  char name[48];
  np_task_label(t, name, sizeof name);
  np_task_push(h->scratch, h, t); /* nothing frees it meanwhile */
  uint64_t start = uv_hrtime();
  np_task_resume(h, t);
  uint64_t ns = uv_hrtime() - start;
  if (ns > NP_SLOW_NS) np_warn_slow(h, name, ns);
  lua_pop(h->scratch, 1);
}

/* Runs ready tasks. The clock is read as seldom as the tasks are short. */
static void drain(np_host *h) {
  uint64_t start = uv_hrtime(), elapsed = 0;
  uint32_t n = 0;
  h->look = 1;
  h->turn_over = false;
  h->draining = true;
  while (h->ready_head) {
    if (h->debug)
      resume_watched(h);
    else
      np_task_resume(h, take_ready(h));
    if (++n == TURN_RESUMPTIONS) break;
    if (n < h->look) continue;
    elapsed = uv_hrtime() - start;
    if (elapsed >= TURN_NS || h->guard.met || h->turn_over) break;
    uint64_t ahead = (TURN_NS - elapsed) * n / (elapsed + 1) / 2;
    h->look =
        n + (ahead > CHECK_EVERY_MAX ? CHECK_EVERY_MAX : (uint32_t)ahead + 1);
  }
  h->draining = false;
  note_turn(h, elapsed);
}

static bool ended(np_host *h);

static void look_for_end(np_host *h) {
  void (*on_ended)(np_host *) = h->on_ended;
  if (!on_ended || !ended(h)) return;
  h->on_ended = NULL;
  on_ended(h);
}

static void turn(np_host *h) {
  if (h->draining || h->closed) return; /* the loop was run inside a task */
  if (h->guard.made) np_guard_thread(h);
  if (h->posts_due) {
    h->posts_due = false;
    h->on_posts(h);
    look_for_end(h); /* before a task that is ready goes on */
    if (h->closed) return;
  }
  bool worked = h->ready_head != NULL;
  if (h->guard.met) np_limits_settle(h);
  if (h->failures_due) np_failures_report(h, false);
  if (h->dump_due) np_dump(h);
  if (worked) drain(h);
  bool jumps = h->virtual_on && h->clock_holds == 0;
  if (jumps && !worked && !h->ready_head && !h->polling) np_timer_jump(h);
  look_for_end(h);
  if (h->closed) return;
  bool busy = h->ready_head || h->posts_due || (jumps && np_timer_canjump(h)) ||
              (h->on_ended && ended(h));
  if (busy) {
    np_loop_kick(h);
  } else if (h->idle_on) {
    h->idle_on = false;
    uv_idle_stop(&h->idle);
  }
}

static void on_prepare(uv_prepare_t *prepare) {
  np_host *h = np_container_of(prepare, np_host, prepare);
  turn(h);
  h->polling = true;
}

static void on_check(uv_check_t *check) {
  np_host *h = np_container_of(check, np_host, check);
  h->polling = false;
  turn(h);
}

static void on_async(uv_async_t *async) { (void)async; }

/* ---- what keeps the program alive -------------------------------------- */

void np_keep(np_host *h) { h->nkeep++; }

void np_unkeep(np_host *h) {
  h->nkeep--;
  np_loop_recheck(h);
}

void np_forever(np_host *h) {
  if (h->nforever++ == 0) uv_ref((uv_handle_t *)&h->async);
}

void np_unforever(np_host *h) {
  if (--h->nforever == 0) uv_unref((uv_handle_t *)&h->async);
}

static bool ended(np_host *h) {
  if (h->unwinding) return h->ntasks == 0 || h->grace_over;
  if (h->exit_called || h->main_failed) return true;
  if (h->main_done && h->end_with_main) return true;
  return h->main_done && h->ntasks == h->ndaemons && h->nkeep == 0;
}

void np_loop_recheck(np_host *h) {
  if (!ended(h)) return;
  if (h->on_ended)
    np_loop_kick(h);
  else if (h->in_run)
    uv_stop(h->uv);
}

/* ---- running to the end ------------------------------------------------ */

/* Runs until the program has ended; false if everything waits for good. */
static bool run(np_host *h) {
  bool alive = true;
  h->in_run = true;
  while (!ended(h) && (alive || h->ready_head))
    alive = uv_run(h->uv, UV_RUN_DEFAULT) != 0;
  h->in_run = false;
  return ended(h);
}

/* In a protected call: [host] the report of a deadlock. */
static int report_deadlock(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  luaL_Buffer b;
  char text[160];
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "waiting tasks:");
  for (uint32_t i = 1; i <= h->nslots; i++) {
    lua_rawgeti(h->slots, NP_SLOT_LIVE, i);
    np_task *t = lua_touserdata(h->slots, -1);
    lua_pop(h->slots, 1);
    if (!t || !t->begun || !t->wait) continue;
    luaL_addstring(&b, "\n\t");
    np_task_label(t, text, sizeof text);
    luaL_addstring(&b, text);
    luaL_addstring(&b, ": waiting on ");
    np_task_describe(t, text, sizeof text);
    luaL_addstring(&b, text);
  }
  luaL_pushresult(&b);
  lua_createtable(L, 0, 3);
  lua_insert(L, -2);
  lua_setfield(L, -2, "traceback");
  np_pusherror(L, "DEADLOCK",
               "every task waits, and nothing is left that could wake one");
  lua_setfield(L, -2, "error");
  lua_pushliteral(L, "deadlock");
  lua_setfield(L, -2, "message");
  np_report(L, h);
  return 0;
}

void np_loop_run(np_host *h) {
  if (!run(h)) np_loop_deadlock(h);
}

void np_loop_deadlock(np_host *h) {
  h->deadlocked = h->failed = true;
  lua_pushcfunction(h->scratch, report_deadlock);
  lua_pushlightuserdata(h->scratch, h);
  if (lua_pcall(h->scratch, 1, 0, 0) != LUA_OK) lua_pop(h->scratch, 1);
}

/* Calls fn for each task that is live now (also callbacks that have not
 * begun), maybe for some that it makes. */
static void each_task(np_host *h, void (*fn)(np_host *, np_task *)) {
  uint32_t left = h->nslots - h->nfree;
  uint64_t newest = h->next_order;
  for (uint32_t i = 1; left > 0 && i <= h->nslots; i++) {
    lua_rawgeti(h->slots, NP_SLOT_LIVE, i);
    np_task *t = lua_touserdata(h->slots, -1);
    lua_xmove(h->slots, h->scratch, 1); /* nothing frees it meanwhile */
    if (t && t->order <= newest) left--;
    if (t) fn(h, t);
    lua_pop(h->scratch, 1);
  }
}

static void cancel_one(np_host *h, np_task *t) {
  if (!t->begun)
    np_callback_cancel(h, t);
  else if (t->kind != NP_TASK_REPORT)
    np_task_cancel(h, t);
}

static void on_grace(np_timer *timer) {
  np_host *h = np_container_of(timer, np_host, grace_timer);
  h->grace_over = true;
  np_loop_recheck(h);
}

static void start_grace(np_host *h, double grace, bool weak) {
  h->grace_over = false;
  h->grace_timer = (np_timer){.fire = on_grace, .weak = weak};
  if (np_timer_start(h, &h->grace_timer, np_deadline(h, grace)) < 0)
    h->grace_over = true; /* no memory to wait */
}

static void run_out(np_host *h, double grace) {
  start_grace(h, grace, true);
  run(h);
  np_timer_stop(h, &h->grace_timer);
}

static void begin_unwind(np_host *h) {
  h->unwinding = true;
  if (h->guard.made) np_guard_thread(h);
  np_timer_virtual(h, false);
  if (h->debug && !h->deadlocked) each_task(h, np_warn_waiting);
  each_task(h, cancel_one);
}

static void kill_one(np_host *h, np_task *t) {
  if (t->begun)
    np_task_kill(h, t);
  else
    np_callback_cancel(h, t); /* made while the others unwound */
}

/* Those that are left after the grace; then the handler hears of failures. */
static void end_by_force(np_host *h) {
  each_task(h, kill_one);
  np_groups_report(h);
  np_failures_report(h, true);
}

static void end_unwind(np_host *h) {
  h->ending = true;
  each_task(h, kill_one);
  h->unwinding = false;
}

void np_loop_unwind(np_host *h, double grace) {
  begin_unwind(h);
  run_out(h, grace);
  end_by_force(h);
  run_out(h, grace);
  end_unwind(h);
}

/* ---- the same on a loop that somebody else runs ------------------------- */

/* The grace keeps the loop alive: the application counts on the end. */
static void wait_out(np_host *h, double grace, void (*next)(np_host *)) {
  start_grace(h, grace, false);
  h->on_ended = next;
  np_loop_kick(h);
}

static void on_reported(np_host *h) {
  np_timer_stop(h, &h->grace_timer);
  end_unwind(h);
  h->on_unwound(h);
}

static void on_out(np_host *h) {
  np_timer_stop(h, &h->grace_timer);
  end_by_force(h);
  wait_out(h, h->unwind_grace, on_reported);
}

void np_loop_unwind_start(np_host *h, double grace, void (*done)(np_host *h)) {
  h->on_unwound = done;
  h->unwind_grace = grace;
  begin_unwind(h);
  wait_out(h, grace, on_out);
}

/* ---- opening and closing ----------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  np_host_handle_gone(handle->data);
}

void np_loop_close_handle(np_host *h, void *handle) {
  uv_handle_t *u = handle;
  u->data = h;
  uv_close(u, on_closed);
}

int np_loop_init(np_host *h) {
  int err = uv_async_init(h->uv, &h->async, on_async);
  if (err < 0) return err;
  uv_prepare_init(h->uv, &h->prepare); /* these five cannot fail */
  uv_check_init(h->uv, &h->check);
  uv_idle_init(h->uv, &h->idle);
  uv_timer_init(h->uv, &h->uvtimer);
  uv_timer_init(h->uv, &h->watchdog);
  uv_prepare_start(&h->prepare, on_prepare);
  uv_check_start(&h->check, on_check);
  uv_unref((uv_handle_t *)&h->prepare);
  uv_unref((uv_handle_t *)&h->check);
  uv_unref((uv_handle_t *)&h->async);
  uv_unref((uv_handle_t *)&h->uvtimer);
  h->armed = NP_FOREVER;
  h->nhandles = 6;
  return 0;
}

void np_loop_close(np_host *h) {
  np_loop_close_handle(h, &h->async);
  np_loop_close_handle(h, &h->prepare);
  np_loop_close_handle(h, &h->check);
  np_loop_close_handle(h, &h->idle);
  np_loop_close_handle(h, &h->uvtimer);
  np_loop_close_handle(h, &h->watchdog);
}

/* core.shuffle(seed | nil) */
static int shuffle(lua_State *L) {
  np_host *h = np_gethost(L);
  h->shuffle = !lua_isnoneornil(L, 1);
  h->shuffle_state = (uint64_t)luaL_optinteger(L, 1, 1) * 2654435761u + 1;
  if (h->shuffle_state == 0) h->shuffle_state = 1;
  return 0;
}

static int keep(lua_State *L) {
  np_keep(np_gethost(L));
  return 0;
}

static int unkeep(lua_State *L) {
  np_unkeep(np_gethost(L));
  return 0;
}

/* core.exit(code): the first call counts; unwinding begins at once. */
static int exit_(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Integer code = luaL_optinteger(L, 1, 0);
  if (!h->exit_called) h->exit_code = (int)code;
  h->exit_called = true;
  np_loop_recheck(h);
  if (h->current) h->current->root.cancelled = true;
  return 0;
}

static const luaL_Reg funcs[] = {{"shuffle", shuffle},
                                 {"keep", keep},
                                 {"unkeep", unkeep},
                                 {"exit", exit_},
                                 {NULL, NULL}};

void np_loop_open(lua_State *L, np_host *h) { np_setfuncs(L, h, funcs); }
