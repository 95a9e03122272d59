/*
 * done.c: the done callbacks of futures. They lie in a list, [function, the
 * values of task_local where it was added or false, ...], in the future's
 * extra table. At the end each runs in a task of its own.
 */
#include <lauxlib.h>

#include "base/class.h"
#include "core/task.h"

/* In a protected call: [future, calls, tasks] makes a task for each. */
static int make_tasks(lua_State *L) {
  enum { FUTURE = 1, CALLS, TASKS };
  np_host *h = np_future_host(lua_touserdata(L, FUTURE));
  lua_Integer n = (lua_Integer)lua_rawlen(L, CALLS);
  for (lua_Integer i = 1; i < n; i += 2) {
    lua_rawgeti(L, CALLS, i);
    lua_pushvalue(L, FUTURE);
    np_task_new(L, h, 1, NP_TASK_CALLBACK, 0);
    lua_pushvalue(L, -1);
    lua_rawseti(L, TASKS, i / 2 + 1); /* has room */
    lua_rawgeti(L, CALLS, i + 1);
    np_task_setlocals(L, -2);
    lua_settop(L, TASKS);
  }
  return 0;
}

/* All or none: where a task cannot be made, the future does not end. */
void np_done_schedule(lua_State *L, int idx) {
  np_future *f = lua_touserdata(L, idx);
  np_host *h = np_future_host(f);
  luaL_checkstack(L, 8, NULL);
  np_future_pushcalls(L, idx);
  int n = (int)lua_rawlen(L, -1) / 2;
  lua_createtable(L, n, 0);
  int tasks = lua_gettop(L);
  lua_pushcfunction(L, make_tasks);
  lua_pushvalue(L, idx);
  lua_pushvalue(L, tasks - 1);
  lua_pushvalue(L, tasks);
  bool made = lua_pcall(L, 3, 0, 0) == LUA_OK;
  for (int i = 1; i <= n && lua_rawgeti(L, tasks, i) != LUA_TNIL; i++) {
    if (made)
      np_task_begin(h, lua_touserdata(L, -1));
    else
      np_task_discard(h, lua_touserdata(L, -1));
    lua_settop(L, tasks + !made);
  }
  lua_settop(L, tasks + !made);
  if (!made) lua_error(L);
  f->has_calls = false;
  lua_pushnil(L);
  np_future_setcalls(L, idx); /* the table is there: nothing is allocated */
  lua_settop(L, tasks - 2);
}

/* [.. ] -> [.. locals or false] of the running task. */
static void push_locals(lua_State *L, np_host *h) {
  if (h->current && h->current->has_locals) {
    np_task_push(L, h, h->current);
    np_future_extra(L, -1);
    lua_rawgeti(L, -1, NP_EX_LOCALS);
    lua_insert(L, -3);
    lua_pop(L, 2);
  } else {
    lua_pushboolean(L, 0);
  }
}

int np_done_add(lua_State *L) {
  np_future *f = np_checkself_future(L);
  np_checkfunction(L, 2);
  lua_settop(L, 2);
  if (f->state != NP_PENDING) { /* runs on the next turn */
    lua_pushvalue(L, 1);
    np_spawn(L, np_future_host(f), 1, NP_TASK_CALLBACK);
    return 0;
  }
  if (!f->has_calls) {
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, -1);
    np_future_setcalls(L, 1);
    f->has_calls = true;
  } else {
    np_future_pushcalls(L, 1);
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, 3);
  push_locals(L, np_future_host(f));
  lua_rawseti(L, 3, n + 2); /* first: a hole is no harm if this raises */
  lua_pushvalue(L, 2);
  lua_rawseti(L, 3, n + 1);
  return 0;
}

int np_done_remove(lua_State *L) {
  np_future *f = np_checkself_future(L);
  lua_Integer removed = 0, kept = 0;
  lua_settop(L, 2);
  if (f->has_calls) {
    np_future_pushcalls(L, 1);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 3);
    for (lua_Integer i = 1; i < n; i += 2) {
      lua_rawgeti(L, 3, i);
      lua_rawgeti(L, 3, i + 1);
      if (lua_rawequal(L, -2, 2)) {
        removed++;
        lua_pop(L, 2);
        continue;
      }
      lua_rawseti(L, 3, kept + 2);
      lua_rawseti(L, 3, kept + 1);
      kept += 2;
    }
    for (lua_Integer i = n; i > kept; i--) {
      lua_pushnil(L);
      lua_rawseti(L, 3, i);
    }
  }
  lua_pushinteger(L, removed);
  return 1;
}
