/*
 * lua_host.c: what any host of Lua coroutines could reach at best: coroutines
 * resumed from a ready queue in C, without futures, errors, cancellation or a
 * loop to poll. Finished coroutines are used again.
 *
 *   lua_host NAME N     prints the CPU seconds, or the bytes of a coroutine
 *                       that is parked
 * NAME: switch switch_many spawn gather lock lock_contended queue_bounded event
 * generator sleeping
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX = 1 << 20 };

static lua_State *ready[MAX];
static unsigned head, tail;
static lua_State *pool[MAX];
static unsigned npool;

static void push_ready(lua_State *co) { ready[tail++ % MAX] = co; }

static int turn(lua_State *L) {
  push_ready(L);
  return lua_yield(L, 0);
}

/* A coroutine anchored in the registry for good. */
static lua_State *take(lua_State *L) {
  if (npool > 0) return pool[--npool];
  lua_State *co = lua_newthread(L);
  luaL_ref(L, LUA_REGISTRYINDEX);
  return co;
}

/* spawn(fn) */
static int spawn(lua_State *L) {
  lua_State *co = take(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  push_ready(co);
  return 0;
}

/* Those who wait for one thing, in turn. */
typedef struct line {
  lua_State *waiting[128];
  unsigned first, end;
} line;

static int wait_in(line *l, lua_State *L, lua_KFunction again) {
  l->waiting[l->end++ % 128] = L;
  return lua_yieldk(L, 0, 0, again);
}

static void wake_one(line *l) {
  if (l->first != l->end) push_ready(l->waiting[l->first++ % 128]);
}

static struct {
  int held;
  line waiters;
} lock;

/* A lock that is given back with someone waiting stays held, and is theirs. */
static int acquired(lua_State *L, int status, lua_KContext ctx) {
  (void)L, (void)status, (void)ctx;
  return 0;
}

static int acquire(lua_State *L) {
  if (lock.held) return wait_in(&lock.waiters, L, acquired);
  lock.held = 1;
  return 0;
}

static int release(lua_State *L) {
  (void)L;
  lock.held = lock.waiters.first != lock.waiters.end;
  wake_one(&lock.waiters);
  return 0;
}

enum { PLACES = 10 };

static struct {
  lua_Integer items[PLACES];
  unsigned first, end;
  line getters, putters;
} queue;

static int put(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  if (queue.end - queue.first == PLACES) return wait_in(&queue.putters, L, put);
  queue.items[queue.end++ % PLACES] = lua_tointeger(L, 1);
  wake_one(&queue.getters);
  return 0;
}

static int get(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  if (queue.end == queue.first) return wait_in(&queue.getters, L, get);
  lua_pushinteger(L, queue.items[queue.first++ % PLACES]);
  wake_one(&queue.putters);
  return 1;
}

static int queue_put(lua_State *L) { return put(L, 0, 0); }

static int queue_get(lua_State *L) { return get(L, 0, 0); }

static struct {
  int set;
  line waiters;
} event;

static int event_wait(lua_State *L) {
  return event.set ? 0 : wait_in(&event.waiters, L, acquired);
}

static int event_set(lua_State *L) {
  (void)L;
  event.set = 1;
  while (event.waiters.first != event.waiters.end) wake_one(&event.waiters);
  return 0;
}

static int event_clear(lua_State *L) {
  (void)L;
  event.set = 0;
  return 0;
}

static int park(lua_State *L) { return lua_yield(L, 0); }

static const luaL_Reg functions[] = {
    {"spawn", spawn},
    {"turn", turn},
    {"acquire", acquire},
    {"release", release},
    {"put", queue_put},
    {"get", queue_get},
    {"event_wait", event_wait},
    {"event_set", event_set},
    {"event_clear", event_clear},
    {"park", park},
    {NULL, NULL},
};

static void run(lua_State *L) {
  while (head != tail) {
    int nresults;
    lua_State *co = ready[head++ % MAX];
    int status = lua_resume(co, L, 0, &nresults);
    if (status == LUA_YIELD) continue;
    if (status != LUA_OK) {
      fprintf(stderr, "%s\n", lua_tostring(co, -1));
      exit(1);
    }
    lua_settop(co, 0);
    pool[npool++] = co;
  }
}

static const char program[] =
    "local host, what, n, places = ...\n"
    "local spawn, turn = host.spawn, host.turn\n"
    "local function nothing() end\n"
    "local function turns() for _ = 1, n // 2 do turn() end end\n"
    "local ops = {}\n"
    "function ops.switch() spawn(turns) spawn(turns) end\n"
    "local function among(count)\n"
    "  for _ = 1, count do\n"
    "    spawn(function() for _ = 1, n // count do turn() end end)\n"
    "  end\n"
    "end\n"
    "function ops.switch_many() among(10000) end\n"
    "function ops.switch_among() among(places) end\n"
    "function ops.spawn()\n"
    "  spawn(function() for _ = 1, n do spawn(nothing) turn() end end)\n"
    "end\n"
    "function ops.gather()\n"
    "  spawn(function()\n"
    "    for _ = 1, n // 10000 do\n"
    "      for _ = 1, 10000 do spawn(nothing) end\n"
    "      turn()\n"
    "    end\n"
    "  end)\n"
    "end\n"
    "function ops.lock()\n"
    "  local acquire, release = host.acquire, host.release\n"
    "  for _ = 1, n do acquire() release() end\n"
    "end\n"
    "function ops.lock_contended()\n"
    "  local acquire, release = host.acquire, host.release\n"
    "  for _ = 1, 100 do\n"
    "    spawn(function()\n"
    "      for _ = 1, n // 100 do acquire() turn() release() end\n"
    "    end)\n"
    "  end\n"
    "end\n"
    "function ops.queue_bounded()\n"
    "  local put, get = host.put, host.get\n"
    "  spawn(function() for i = 1, n do put(i) end end)\n"
    "  spawn(function() for _ = 1, n do get() end end)\n"
    "end\n"
    "function ops.event()\n"
    "  local wait, set, clear = host.event_wait, host.event_set,\n"
    "    host.event_clear\n"
    "  spawn(function() for _ = 1, n do wait() clear() end end)\n"
    "  spawn(function() for _ = 1, n do turn() set() end end)\n"
    "end\n"
    "function ops.generator()\n"
    "  for _ in coroutine.wrap(function()\n"
    "    for i = 1, n do coroutine.yield(i) end\n"
    "  end) do end\n"
    "end\n"
    "function ops.sleeping()\n"
    "  for _ = 1, n do spawn(host.park) end\n"
    "end\n"
    "ops[what]()\n";

static long resident(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*d %ld", &pages) != 1) exit(1);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv) {
  if (argc < 3) return 1;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  if (luaL_loadstring(L, program) != LUA_OK) return 1;
  luaL_newlib(L, functions);
  lua_pushstring(L, argv[1]);
  lua_pushinteger(L, atoll(argv[2]));
  lua_pushinteger(L, argc > 3 ? atoll(argv[3]) : 0);
  long before = resident();
  clock_t start = clock();
  if (lua_pcall(L, 4, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 1;
  }
  run(L);
  if (strcmp(argv[1], "sleeping") == 0) {
    printf("%lld\n", (resident() - before) / atoll(argv[2]));
  } else {
    printf("%.6f\n", (double)(clock() - start) / CLOCKS_PER_SEC);
  }
  return 0;
}
