/*
 * alloc_fail.c: a script is run again and again while one allocation fails:
 * the first, the second, and so on. Whatever fails, the host must close with
 * nothing left. With "from" it goes on failing from that allocation on.
 *
 *   alloc_fail script.lua [step] [from]     prints how many runs there were
 */
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lib.h"
#include "core/loop.h"
#include "core/task.h"

typedef struct failing {
  long count, fail_at;
  bool on, from;
  long failed;
} failing;

static void *fail_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  failing *f = ud;
  (void)osize;
  if (nsize == 0) {
    free(ptr);
    return NULL;
  }
  bool grows = !ptr || nsize > osize; /* Lua relies on shrinking */
  if (f->on && grows && ++f->count >= f->fail_at &&
      (f->from || f->count == f->fail_at)) {
    f->failed++;
    return NULL;
  }
  return realloc(ptr, nsize);
}

static int body(lua_State *L) {
  const char *path = lua_touserdata(L, lua_upvalueindex(1));
  if (luaL_loadfile(L, path) != LUA_OK) return lua_error(L);
  lua_callk(L, 0, 0, 0, NULL);
  return 0;
}

static int open_all(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  luaL_openlibs(L);
  np_lib_open(L, h);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, body, 1);
  h->main = np_spawn(L, h, 0, NP_TASK_PLAIN);
  h->main->pinned = true;
  lua_setfield(L, LUA_REGISTRYINDEX, "main");
  return 0;
}

/* True if the failure was reached. */
static bool run(const char *path, long fail_at, bool from) {
  static np_host host;
  failing f = {.fail_at = fail_at, .from = from};
  memset(&host, 0, sizeof host);
  lua_State *L = lua_newstate(fail_alloc, &f);
  if (!L || np_host_init(&host, NULL) < 0) abort();
  host.L = L;
  host.owns_state = true;
  host.alloc = fail_alloc;
  host.alloc_ud = &f;
  *(void **)lua_getextraspace(L) = NULL;
  lua_pushcfunction(L, open_all);
  lua_pushlightuserdata(L, &host);
  lua_pushlightuserdata(L, (void *)path);
  f.on = true;
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) {
    np_loop_run(&host);
    f.on = f.on && from;
    np_loop_unwind(&host, 0.05);
  } else if (host.slots) {
    np_loop_unwind(&host, 0);
  }
  f.on = false;
  np_lib_close(&host);
  return f.failed > 0;
}

int main(int argc, char **argv) {
  long step = argc > 2 ? atol(argv[2]) : 1, n = 0;
  bool from = argc > 3 && strcmp(argv[3], "from") == 0;
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2 || step < 1) return 2;
  for (long at = 1; run(argv[1], at, from); at += step) n++;
  printf("%ld runs\n", n);
  return n > 0 ? 0 : 1;
}
