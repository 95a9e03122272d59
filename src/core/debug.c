/*
 * debug.c: what a host holds, in numbers and in words.
 */
#include "core/debug.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/trace.h"

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
  handles -= (h->inbox != NULL) + (h->crew != NULL); /* not the script's */
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

/* ---- origins ----------------------------------------------------------- */

void np_origin(np_host *h, char *buf, size_t size) {
  lua_Debug ar;
  buf[0] = '\0';
  if (!h->running) return;
  for (int level = 0; lua_getstack(h->running, level, &ar); level++) {
    lua_getinfo(h->running, "Sl", &ar);
    if (ar.currentline <= 0) continue;
    bool ours = strncmp(ar.source + 1, "neap/", 5) == 0;
    if (!ours || !*buf)
      snprintf(buf, size, "%s:%d", ar.short_src, ar.currentline);
    if (!ours) return;
  }
}

void np_task_note_origin(lua_State *L, np_host *h) {
  char origin[128];
  np_origin(h, origin, sizeof origin);
  if (!*origin) return;
  np_future_extra(L, -1);
  lua_pushstring(L, origin);
  lua_rawseti(L, -2, NP_EX_ORIGIN);
  lua_pop(L, 1);
}

/* spawned_at(task) -> where it was spawned, or nil */
static int spawned_at(lua_State *L) {
  np_future_extra(L, 1);
  lua_rawgeti(L, -1, NP_EX_ORIGIN);
  return 1;
}

/* trace_origins(on): tasks and handles made from now on know where. Calls with
 * true add up, and each wants one with false. */
static int trace_origins(lua_State *L) {
  np_host *h = np_gethost(L);
  if (lua_toboolean(L, 1))
    h->tracing++;
  else if (h->tracing > 0)
    h->tracing--;
  return 0;
}

/* interrupt(on): whether code that computes in a task which was cancelled gets
 * that error, without a wait. */
static int interrupt(lua_State *L) {
  np_host *h = np_gethost(L);
  if (!lua_toboolean(L, 1))
    np_guard_calm(h);
  else if (np_guard_watch(h) == 0)
    np_guard_interrupt(h);
  return 0;
}

/* pending_timers() -> { [number] = origin or "" } of timed callbacks */
static int pending_timers(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, 0);
  lua_newtable(L);
  for (uint32_t i = 1; i <= h->nslots; i++) {
    np_pushslot(L, h, NP_SLOT_LIVE);
    lua_rawgeti(L, -1, i);
    np_task *t = lua_touserdata(L, -1);
    if (t && t != h->watchman && !t->begun && t->future.state == NP_PENDING) {
      np_future_extra(L, 3);
      if (lua_rawgeti(L, -1, NP_EX_ORIGIN) != LUA_TSTRING)
        lua_pushliteral(L, "");
      lua_rawseti(L, 1, t->number);
    }
    lua_settop(L, 1);
  }
  return 1;
}

/* ---- the dump ---------------------------------------------------------- */

/* [.. list] -> [.. list]  Adds a line for the task, and where it stands. */
static void add_task(lua_State *L, np_task *t, int list) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  char wait[160];
  np_task_describe(t, wait, sizeof wait);
  np_task_name(L, lua_gettop(L));
  lua_pushfstring(L, ": %s%s%s%s\n", np_task_status(t), *wait ? " on " : "",
                  wait, t->daemon ? " (daemon)" : "");
  lua_State *running = np_task_host(t)->running;
  if (t == np_task_host(t)->current)
    np_trace_push(L, running, running == L ? 1 : 0);
  else
    np_trace_task(L, t);
  lua_concat(L, 3);
  lua_rawseti(L, list, n + 1);
}

/* dump() -> a text of all live tasks: state, wait, traceback */
static int dump(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, 0);
  lua_createtable(L, (int)h->ntasks, 0);
  for (uint32_t i = 1; i <= h->nslots; i++) {
    np_pushslot(L, h, NP_SLOT_LIVE);
    lua_rawgeti(L, -1, i);
    np_task *t = lua_touserdata(L, -1);
    if (t && t->begun && t->future.state == NP_PENDING) add_task(L, t, 1);
    lua_settop(L, 1);
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
    lua_rawgeti(L, 1, i);
    luaL_addvalue(&b);
    luaL_addchar(&b, '\n');
  }
  luaL_pushresult(&b);
  return 1;
}

void np_dump(np_host *h) {
  lua_State *S = h->scratch;
  h->dump_due = false;
  np_pushslot(S, h, NP_SLOT_CORE);
  lua_getfield(S, -1, "dump");
  if (lua_pcall(S, 0, 1, 0) == LUA_OK) fputs(lua_tostring(S, -1), stderr);
  lua_pop(S, 2);
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
    {"stats", stats},
    {"dump", dump},
    {"spawned_at", spawned_at},
    {"trace_origins", trace_origins},
    {"interrupt", interrupt},
    {"pending_timers", pending_timers},
    {"random_bytes", random_bytes},
    {"cpu_count", cpu_count},
    {"forever", forever},
    {"unforever", unforever},
    {NULL, NULL},
};

void np_debug_open(lua_State *L, np_host *h) { np_setfuncs(L, h, funcs); }
