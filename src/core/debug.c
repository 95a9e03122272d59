/*
 * debug.c: counts of what a host holds.
 */
#include <sys/random.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"

static int count_handle(lua_State *L, const char *name, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
  return 0;
}

/* stats() -> { tasks, ready, handles, timers, memory, turns, longest_turn } */
static int stats(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_Integer handles = 0;
  for (np_link *l = h->handles.next; l != &h->handles; l = l->next) handles++;
  lua_createtable(L, 0, 8);
  count_handle(L, "tasks", h->ntasks);
  count_handle(L, "ready", h->nready);
  count_handle(L, "handles", handles);
  count_handle(L, "timers", h->nheap);
  count_handle(L, "keepers", h->nkeep);
  count_handle(
      L, "memory",
      (lua_Integer)lua_gc(L, LUA_GCCOUNT) * 1024 + lua_gc(L, LUA_GCCOUNTB));
  count_handle(L, "turns", (lua_Integer)h->turns);
  lua_pushnumber(L, (lua_Number)h->longest_turn / 1e9);
  lua_setfield(L, -2, "longest_turn");
  return 1;
}

static int random_bytes(lua_State *L) {
  lua_Integer n = np_checkinteger(L, 1, 0, 1 << 24);
  luaL_Buffer b;
  char *p = luaL_buffinitsize(L, &b, (size_t)n);
  int err = n > 0 ? uv_random(NULL, NULL, p, (size_t)n, 0, NULL) : 0;
  if (err < 0) return luaL_error(L, "random_bytes: %s", uv_strerror(err));
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

static int cpu_count(lua_State *L) {
#if UV_VERSION_HEX >= 0x012C00
  lua_pushinteger(L, uv_available_parallelism());
#else
  lua_pushinteger(L, sysconf(_SC_NPROCESSORS_ONLN));
#endif
  return 1;
}

/* forever(), unforever(): around a wait that is no deadlock. */
static int forever(lua_State *L) {
  np_forever(np_gethost(L));
  return 0;
}

static int unforever(lua_State *L) {
  np_unforever(np_gethost(L));
  return 0;
}

static const luaL_Reg funcs[] = {
    {"stats", stats},         {"random_bytes", random_bytes},
    {"cpu_count", cpu_count}, {"forever", forever},
    {"unforever", unforever}, {NULL, NULL},
};

void np_debug_open(lua_State *L, np_host *h) { np_setfuncs(L, h, funcs); }
