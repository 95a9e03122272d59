/*
 * failure.c: no failure is silent. A future that fails while nobody waits for
 * it gets a watchman: a userdata with a finalizer, held by the future alone
 * and linked into host->unretrieved, oldest first. It reports to the exception
 * handler when the future is collected, 5 s after the failure or when the host
 * closes, unless somebody takes the error before.
 */
#include <lauxlib.h>
#include <stdio.h>

#include "base/class.h"
#include "base/err.h"
#include "core/loop.h"
#include "core/task.h"

typedef struct np_watchman {
  np_link link;
  np_host *host;
  uint64_t due; /* ns */
  bool done;    /* reported, or the error was taken */
} np_watchman;

/* Its user value is the future: what is reachable from an object with a
 * finalizer lives until that has run. */
enum { MAN_FUTURE = 1 };

/* Long enough for a program to come to its await. */
#define REPORT_AFTER (5 * NP_SECOND)

/* The address is the registry key of a weak table: watchman -> userdata. */
static const char men_key = 0;

static void man_stop(np_watchman *m) {
  m->done = true;
  np_list_remove(&m->link);
}

/* [.. future] -> [.. future context] */
static void push_context(lua_State *L) {
  np_future *f = lua_touserdata(L, -1);
  lua_createtable(L, 0, 4);
  lua_getiuservalue(L, -2, NP_UV_VALUE);
  lua_setfield(L, -2, "error");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, f->is_task ? "task" : "future");
  if (f->is_task) {
    np_future_extra(L, -2);
    lua_rawgeti(L, -1, NP_EX_TRACE);
    lua_setfield(L, -3, "traceback");
    lua_pop(L, 1);
    np_task_name(L, lua_gettop(L) - 1);
  } else {
    lua_pushliteral(L, "a future");
  }
  lua_pushfstring(L, "%s failed, and nobody took its error",
                  lua_tostring(L, -1));
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
}

/* [.. man] -> [.. man] */
static void man_report(lua_State *L, np_watchman *m) {
  man_stop(m);
  lua_getiuservalue(L, -1, MAN_FUTURE);
  push_context(L);
  np_report(L, m->host);
  lua_pop(L, 1);
}

static int man__gc(lua_State *L) {
  np_watchman *m = lua_touserdata(L, 1);
  if (m->done) return 0;
  if (m->host->ending || m->host->closed)
    m->done = true;
  else
    man_report(L, m);
  return 0;
}

static const luaL_Reg man_meta[] = {{"__gc", man__gc}, {NULL, NULL}};
static const np_class man_class = {"Watchman", NULL, man_meta};

static void on_due(np_timer *timer) {
  np_host *h = np_container_of(timer, np_host, failures_timer);
  h->failures_due = true;
  np_loop_kick(h);
}

static void arm(np_host *h) {
  np_link *l = np_list_first(&h->unretrieved);
  if (!l || np_timer_running(&h->failures_timer)) return;
  h->failures_timer.fire = on_due;
  h->failures_timer.weak = 1;
  np_timer_start(h, &h->failures_timer,
                 np_container_of(l, np_watchman, link)->due);
}

void np_future_watch_failure(lua_State *L, int idx) {
  np_future *f = lua_touserdata(L, idx);
  if (f->state != NP_FAILED || f->retrieved || f->guarded) return;
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, NULL);
  np_watchman *m = lua_newuserdatauv(L, sizeof *m, 1);
  *m = (np_watchman){.host = np_future_host(f), .done = true};
  np_list_init(&m->link);
  np_class_set(L, &man_class);
  lua_pushvalue(L, idx);
  lua_setiuservalue(L, -2, MAN_FUTURE);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &men_key);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, m);
  lua_pop(L, 1);
  np_future_setcalls(L, idx);
  f->guarded = true;
  m->done = false;
  m->due = np_now(np_future_host(f)) + REPORT_AFTER;
  np_list_append(&np_future_host(f)->unretrieved, &m->link);
  arm(np_future_host(f));
}

void np_future_report_failure(lua_State *L, int idx) {
  np_future *f = lua_touserdata(L, idx);
  np_future_watch_failure(L, idx);
  if (!f->guarded) return;
  np_future_pushcalls(L, idx);
  man_report(L, lua_touserdata(L, -1));
  lua_pop(L, 1);
  f->retrieved = true;
}

void np_future_retrieved(lua_State *L, int idx) {
  np_future *f = lua_touserdata(L, idx);
  if (f->retrieved) return;
  f->retrieved = true;
  if (!f->guarded) return;
  f->guarded = false;
  np_future_pushcalls(L, idx);
  man_stop(lua_touserdata(L, -1));
  lua_pop(L, 1);
}

/* [host, all] */
static int report_due(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  bool all = lua_toboolean(L, 2);
  uint64_t now = np_now(h);
  np_link *l;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &men_key);
  while ((l = np_list_first(&h->unretrieved)) != NULL) {
    np_watchman *m = np_container_of(l, np_watchman, link);
    if (!all && m->due > now) break;
    if (lua_rawgetp(L, -1, m) == LUA_TUSERDATA)
      man_report(L, m);
    else
      np_list_remove(l); /* being collected: its finalizer reports */
    lua_pop(L, 1);
  }
  arm(h);
  return 0;
}

void np_failures_report(np_host *h, bool all) {
  lua_State *S = h->scratch;
  h->failures_due = false;
  if (np_list_empty(&h->unretrieved)) return;
  lua_pushcfunction(S, report_due);
  lua_pushlightuserdata(S, h);
  lua_pushboolean(S, all);
  if (lua_pcall(S, 2, 0, 0) != LUA_OK) lua_pop(S, 1); /* no memory */
}

/* ---- to the exception handler ------------------------------------------ */

void np_report(lua_State *L, np_host *h) {
  luaL_checkstack(L, 4, NULL);
  np_pushslot(L, h, NP_SLOT_HANDLER);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    np_report_broken(L, h);
    return;
  }
  lua_insert(L, -2);
  np_spawn(L, h, 1, NP_TASK_REPORT);
  np_future_extra(L, -1);
  lua_pushvalue(L, -3);
  lua_rawseti(L, -2, NP_EX_CONTEXT); /* in case the handler fails */
  lua_pop(L, 4);
}

/* [.. context] -> [.. context text] */
static void push_report(lua_State *L) {
  int context = lua_gettop(L);
  lua_getfield(L, context, "message");
  lua_getfield(L, context, "error");
  lua_getfield(L, context, "traceback");
  const char *message = luaL_tolstring(L, context + 1, NULL);
  const char *error = luaL_tolstring(L, context + 2, NULL);
  const char *trace = lua_tostring(L, context + 3);
  lua_pushfstring(L, "%s: %s%s%s", message, error, trace ? "\n" : "",
                  trace ? trace : "");
  lua_replace(L, context + 1);
  lua_settop(L, context + 1);
}

void np_report_broken(lua_State *L, np_host *h) {
  int context = lua_gettop(L);
  luaL_checkstack(L, 10, NULL);
  push_report(L);
  lua_pushfstring(L, "neap: in the exception handler: %s", lua_tostring(L, -1));
  if (lua_getfield(L, context, "context") == LUA_TTABLE) {
    push_report(L);
    lua_pushfstring(L, "%s\nit was told of: %s", lua_tostring(L, context + 2),
                    lua_tostring(L, -1));
  } else {
    lua_pop(L, 1);
  }
  const char *text = lua_tostring(L, -1);
  if (h->on_broken)
    h->on_broken(h, text);
  else
    fprintf(stderr, "%s\n", text);
  h->failed = true;
  lua_settop(L, context - 1);
}

/* core.set_handler(fn): fn(context) gets what nobody took. */
static int set_handler(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, 1);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_HANDLER);
  return 0;
}

/* core.report(context) */
static int report(lua_State *L) {
  np_checktable(L, 1);
  lua_settop(L, 1);
  np_report(L, np_gethost(L));
  return 0;
}

/* core.set_failed(): the default handler wrote something. */
static int set_failed(lua_State *L) {
  np_gethost(L)->failed = true;
  return 0;
}

static const luaL_Reg funcs[] = {{"set_handler", set_handler},
                                 {"report", report},
                                 {"set_failed", set_failed},
                                 {NULL, NULL}};

void np_failure_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &man_class);
  np_list_init(&h->unretrieved);
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &men_key);
}
