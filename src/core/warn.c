/*
 * warn.c: the warnings of debug mode. Where a resource was made is noted in a
 * table with weak keys: an object that is collected is still a key there while
 * its finalizer runs, which is when it is asked for.
 */
#include "core/warn.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/class.h"
#include "core/open.h"
#include "core/trace.h"

/* The address is the registry key of the table: userdata -> traceback. */
static const char origins_key = 0;

void np_warn(np_host *h, const char *fmt, ...) {
  char small[1024], *text = small;
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(small, sizeof small, fmt, args);
  va_end(args);
  if (n >= (int)sizeof small) {
    char *large = malloc((size_t)n + 1);
    if (large) {
      va_start(args, fmt);
      vsnprintf(large, (size_t)n + 1, fmt, args);
      va_end(args);
      text = large;
    }
  }
  if (h->on_warning) {
    h->on_warning(h->on_warning_ud, text);
  } else {
    fflush(stdout);
    fprintf(stderr, "neap: warning: %s\n", text);
  }
  if (text != small) free(text);
}

/* ---- where things were made -------------------------------------------- */

void np_warn_made(lua_State *L, np_host *h) {
  if (!h->debug) return;
  luaL_checkstack(L, 6, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &origins_key);
  lua_pushvalue(L, -2);
  np_trace_push(L, L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void np_warn_expected(lua_State *L, np_host *h) {
  if (!h->debug) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &origins_key);
  lua_pushvalue(L, -2);
  lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void np_warn_pushorigin(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &origins_key);
  if (lua_istable(L, -1)) {
    lua_pushvalue(L, idx);
    lua_rawget(L, -2);
  } else {
    lua_pushnil(L);
  }
  lua_replace(L, -2);
}

/* "stack traceback:\n\ta\n\tb" is shown as what follows its first line. */
static const char *lines_of(const char *trace) {
  const char *end = strchr(trace, '\n');
  return end ? end + 1 : trace;
}

/* [host, ud] */
static int warn_unclosed(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  np_warn_pushorigin(L, 2);
  const char *origin = lua_tostring(L, -1);
  if (origin) {
    np_warn(h, "%s was not closed before it was collected; it was made at:\n%s",
            luaL_tolstring(L, 2, NULL), lines_of(origin));
  }
  return 0;
}

void np_warn_unclosed(lua_State *L, np_host *h) {
  if (!h->debug || h->closed) return;
  int top = lua_gettop(L);
  lua_pushcfunction(L, warn_unclosed);
  lua_pushlightuserdata(L, h);
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_settop(L, top);
}

/* ---- tasks ------------------------------------------------------------- */

/* [task, trace] -> text: the trace (a C string or NULL), or where the task
 * stands if it lives; and where it was spawned */
static int describe_task(lua_State *L) {
  np_task *t = lua_touserdata(L, 1);
  const char *trace = lua_touserdata(L, 2);
  if (!trace && t->future.state == NP_PENDING) {
    np_trace_task(L, t);
    trace = lua_tostring(L, -1);
  }
  if (trace)
    lua_pushfstring(L, "\n%s", lines_of(trace));
  else
    lua_pushliteral(L, "");
  lua_replace(L, 2);
  np_trace_pushspawned(L, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 1;
  }
  lua_pushliteral(L, "\n");
  lua_insert(L, -2);
  lua_concat(L, 3);
  return 1;
}

/* Warns of the task on top of h->scratch: a sentence, and where it is, or was
 * when a traceback is given. */
static void warn_of(np_host *h, const char *sentence, const char *trace) {
  lua_State *S = h->scratch;
  int top = lua_gettop(S);
  const char *text = "";
  lua_pushcfunction(S, describe_task);
  lua_pushvalue(S, top);
  lua_pushlightuserdata(S, (void *)trace);
  if (lua_pcall(S, 2, 1, 0) == LUA_OK) text = lua_tostring(S, -1);
  np_warn(h, "%s%s", sentence, text);
  lua_settop(S, top);
}

void np_warn_slow(np_host *h, const char *name, uint64_t ns) {
  char sentence[128];
  snprintf(sentence, sizeof sentence,
           "%.48s held the loop for %.3f s, without a wait", name,
           (double)ns / 1e9);
  warn_of(h, sentence, h->guard.trace);
  free(h->guard.trace);
  h->guard.trace = NULL;
}

void np_warn_waiting(np_host *h, np_task *t) {
  char name[48], wait[160], sentence[256];
  if (!h->debug || !t->begun || t->daemon || !t->wait || t->ready) return;
  if (t->future.state != NP_PENDING || t->root.cancelled) return;
  np_task_label(t, name, sizeof name);
  np_task_describe(t, wait, sizeof wait);
  snprintf(sentence, sizeof sentence,
           "%s still waits on %s while the host closes", name, wait);
  warn_of(h, sentence, NULL);
}

/* ---- the switch -------------------------------------------------------- */

/* debug([on]) -> whether it was on */
static int debug(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_pushboolean(L, h->debug);
  if (!lua_isnoneornil(L, 1)) {
    if (!lua_isboolean(L, 1)) return np_typeerror(L, 1, "boolean");
    h->debug = lua_toboolean(L, 1);
    np_guard_set(h); /* without its timer, warnings say less */
  }
  return 1;
}

/* origin(object) -> where it was made, or nil */
static int origin(lua_State *L) {
  np_warn_pushorigin(L, 1);
  return 1;
}

static const luaL_Reg funcs[] = {
    {"debug", debug}, {"origin", origin}, {NULL, NULL}};

void np_warn_open(lua_State *L, np_host *h) {
  const char *on = getenv("NEAP_DEBUG");
  np_setfuncs(L, h, funcs);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &origins_key);
  lua_getfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  if (on && *on && strcmp(on, "0") != 0 && !lua_toboolean(L, -1))
    h->debug = true;
  if (h->debug) np_guard_set(h);
  lua_pop(L, 1);
}
