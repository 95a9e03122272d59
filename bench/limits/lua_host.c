/*
 * lua_host.c: what any host of Lua coroutines could reach at best: coroutines
 * resumed from a ready queue in C, without futures, errors, cancellation or a
 * loop to poll. Finished coroutines are used again.
 *
 *   lua_host switch|switch_many|spawn|gather N     prints the CPU seconds
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
  "local spawn, turn, what, n = ...\n"
  "local function nothing() end\n"
  "local function turns() for _ = 1, n // 2 do turn() end end\n"
  "local ops = {}\n"
  "function ops.switch() spawn(turns) spawn(turns) end\n"
  "function ops.switch_many()\n"
  "  for _ = 1, 10000 do\n"
  "    spawn(function() for _ = 1, n // 10000 do turn() end end)\n"
  "  end\n"
  "end\n"
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
  "ops[what]()\n";

int main(int argc, char **argv) {
  if (argc < 3) return 1;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  if (luaL_loadstring(L, program) != LUA_OK) return 1;
  lua_pushcfunction(L, spawn);
  lua_pushcfunction(L, turn);
  lua_pushstring(L, argv[1]);
  lua_pushinteger(L, atoll(argv[2]));
  clock_t start = clock();
  if (lua_pcall(L, 4, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 1;
  }
  run(L);
  printf("%.6f\n", (double)(clock() - start) / CLOCKS_PER_SEC);
  lua_close(L);
  return 0;
}
