/*
 * trace.c: tracebacks of tasks. A task that fails keeps the text, made where
 * the error was raised. Where that error is raised again in a task that
 * awaited it, the text of that one begins with it: where it failed, then where
 * it was awaited, task by task; in debug mode also where each was spawned.
 */
#include "core/trace.h"

#include <lauxlib.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"

/* As much as is kept of what was awaited: chains of tasks may be long. */
enum { CAUSE_MAX = 2048 };

static const char header[] = "stack traceback:\n";

void np_trace_push(lua_State *L, lua_State *L1, int level) {
  static const char base[] = "\n\t[C]: in ?";
  size_t len;
  luaL_traceback(L, L1, NULL, level);
  const char *text = lua_tolstring(L, -1, &len);
  size_t tail = sizeof base - 1;
  if (len < tail || memcmp(text + len - tail, base, tail) != 0) return;
  lua_pushlstring(L, text, len - tail);
  lua_remove(L, -2);
}

/* [.. text] -> [.. text]  Without the line "stack traceback:". */
static void cut_header(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  if (strncmp(text, header, sizeof header - 1) != 0) return;
  lua_pushstring(L, text + sizeof header - 1);
  lua_remove(L, -2);
}

void np_trace_task(lua_State *L, np_task *t) {
  lua_State *chain[256];
  int n = 0;
  for (lua_State *co = t->started ? t->co : NULL; co && n < 256;) {
    chain[n++] = co;
    co = co == t->leaf || !t->base.parked ? NULL : lua_tothread(co, -1);
  }
  lua_pushliteral(L, "");
  while (n-- > 0) {
    np_trace_push(L, chain[n], 0);
    if (n > 0) lua_pushliteral(L, "\n");
    lua_concat(L, n > 0 ? 3 : 2);
  }
}

/* ---- failures ---------------------------------------------------------- */

/* [err .. extra text] -> [err .. extra text]  The text behind that of the task
 * that was awaited, if this is its error. */
static void add_cause(lua_State *L, int task) {
  lua_rawgeti(L, -2, NP_EX_CAUSE_ERR);
  bool same = !lua_isnil(L, -1) && lua_rawequal(L, -1, 1);
  lua_pop(L, 1);
  if (!same) return;
  cut_header(L);
  lua_rawgeti(L, -2, NP_EX_CAUSE);
  lua_insert(L, -2);
  np_task_name(L, task);
  lua_pushfstring(L, "\nawaited by %s:\n", lua_tostring(L, -1));
  lua_replace(L, -2);
  lua_insert(L, -2);
  lua_concat(L, 3);
}

/* [.. text] -> [.. text]  And where the task was spawned, if that is known. */
static void add_spawned(lua_State *L, int task) {
  np_trace_pushspawned(L, task);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  lua_pushliteral(L, "\n");
  lua_insert(L, -2);
  lua_concat(L, 3);
}

/* Unless an inner protected call has noted it nearer to its cause. */
int np_msgh(lua_State *L) {
  np_host *h = np_gethost(L);
  np_task *t = h->current;
  const char *code = np_errcode(L, 1);
  if (!t || !t->slot || (code && strcmp(code, "CANCELLED") == 0)) return 1;
  luaL_checkstack(L, 10, NULL);
  np_task_push(L, h, t);
  np_future_extra(L, 2);
  lua_rawgeti(L, -1, NP_EX_TRACE_ERR);
  bool noted = lua_rawequal(L, -1, 1) && !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (!noted) {
    np_trace_push(L, L, 1);
    add_cause(L, 2);
    add_spawned(L, 2);
    lua_rawseti(L, 3, NP_EX_TRACE);
    lua_pushvalue(L, 1);
    lua_rawseti(L, 3, NP_EX_TRACE_ERR);
  }
  lua_settop(L, 1);
  return 1;
}

void np_trace_awaited(lua_State *L, np_host *h, int idx) {
  int err = lua_gettop(L);
  idx = lua_absindex(L, idx);
  if (!h->current || !h->current->slot) return;
  luaL_checkstack(L, 8, NULL);
  if (lua_getiuservalue(L, idx, NP_UV_EXTRA) == LUA_TTABLE) {
    size_t len;
    lua_rawgeti(L, -1, NP_EX_TRACE);
    const char *text = lua_tolstring(L, -1, &len);
    if (text) {
      np_task_push(L, h, h->current);
      np_future_extra(L, -1);
      lua_pushlstring(L, text, len < CAUSE_MAX ? len : CAUSE_MAX);
      if (len >= CAUSE_MAX) {
        lua_pushliteral(L, "\n\t...");
        lua_concat(L, 2);
      }
      lua_rawseti(L, -2, NP_EX_CAUSE);
      lua_pushvalue(L, err);
      lua_rawseti(L, -2, NP_EX_CAUSE_ERR);
    }
  }
  lua_settop(L, err);
}

/* ---- where it was spawned ---------------------------------------------- */

void np_trace_spawned(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, NULL);
  np_future_extra(L, idx);
  np_trace_push(L, L, 1);
  lua_rawseti(L, -2, NP_EX_SPAWNED);
  lua_pop(L, 1);
}

void np_trace_pushspawned(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (lua_getiuservalue(L, idx, NP_UV_EXTRA) != LUA_TTABLE) return; /* nil */
  lua_rawgeti(L, -1, NP_EX_SPAWNED);
  lua_replace(L, -2);
  if (!lua_isstring(L, -1)) return;
  cut_header(L);
  np_task_name(L, idx);
  lua_pushfstring(L, "%s was spawned at:\n", lua_tostring(L, -1));
  lua_replace(L, -2);
  lua_insert(L, -2);
  lua_concat(L, 2);
}
