/*
 * coro.c: the functions of the table `coroutine` that let a wait pass through.
 *
 * A wait yields from the innermost coroutine with host->parking set. Our
 * resume and wrap see the flag and yield too, up to np_task_resume; when the
 * task goes on, their continuation resumes inward again. Nothing but the flag
 * travels through the levels, so a script's own yields and values are never
 * mistaken. A frame that a wait passed through has the inner coroutine on top
 * of its stack. Where no wait is involved, results, errors and texts are
 * those of Lua's lcorolib.
 */
#include "core/coro.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/class.h"
#include "core/task.h"

/* A coroutine without a record that a wait passed through. */
static const np_coro parked_mark = {.parked = true};

int np_closethread(lua_State *co) {
#if LUA_VERSION_NUM > 504 || LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, NULL);
#else
  return lua_resetthread(co);
#endif
}

static bool is_parked(np_host *h, lua_State *co) {
  np_coro *c = np_getcoro(h, co);
  return c && c->parked;
}

static bool is_base(np_host *h, lua_State *co) {
  np_coro *c = np_getcoro(h, co);
  return c && c->base;
}

void np_coro_setparked(np_host *h, lua_State *co, bool parked) {
  np_coro *c = np_getcoro(h, co);
  if (c && c != &parked_mark)
    c->parked = parked;
  else
    *np_corospace(co) = parked ? (np_coro *)&parked_mark : h->no_coro;
}

static lua_State *getco(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "thread");
  return co;
}

/*
 * Resumes co with narg values from L's stack on its own. -1: an error, on top
 * of L. -2: a wait parks the task. Otherwise the number of results, on L.
 */
static int resume_inner(lua_State *L, np_host *h, lua_State *co, int narg) {
  int nres = 0;
  bool chain_ok = h->chain_ok;
  np_coro *c = np_getcoro(h, co);
  h->chain_ok = chain_ok && lua_isyieldable(L);
  h->running = co;
  if (c && !c->task) np_coro_enter(h, c);
  int status = lua_resume(co, L, narg, &nres);
  h->running = L;
  h->chain_ok = chain_ok;
  if (status == LUA_YIELD && h->parking) {
    np_coro_setparked(h, co, true);
    return -2;
  }
  c = np_getcoro(h, co);
  if (c) np_coro_leave(h, c);
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, nres + 1)) {
      lua_pop(co, nres);
      lua_pushliteral(L, "too many results to resume");
      return -1;
    }
    lua_xmove(co, L, nres);
    return nres;
  }
  lua_xmove(co, L, 1);
  return -1;
}

/* The first resume: moves the arguments, refuses what cannot be resumed. */
static int resume_first(lua_State *L, np_host *h, lua_State *co, int narg) {
  if (is_parked(h, co) || is_base(h, co)) {
    lua_pushliteral(L, "cannot resume non-suspended coroutine");
    return -1;
  }
  if (!lua_checkstack(co, narg)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, narg);
  if (h->current && L == h->running) return resume_inner(L, h, co, narg);
  int nres = 0;
  int status = lua_resume(co, L, narg, &nres); /* no task: as stock */
  if (status != LUA_OK && status != LUA_YIELD) nres = 1;
  if (nres > 1 && !lua_checkstack(L, nres + 1)) {
    lua_pop(co, nres);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, nres);
  return status == LUA_OK || status == LUA_YIELD ? nres : -1;
}

/* ---- resume and wrap --------------------------------------------------- */

static int resume_results(lua_State *L, int r);

static int resume_k(lua_State *L, int status, lua_KContext ctx) {
  np_host *h = np_gethost(L);
  (void)status, (void)ctx;
  lua_State *co = lua_tothread(L, 1);
  np_coro_setparked(h, co, false);
  return resume_results(L, resume_inner(L, h, co, 0));
}

static int resume_results(lua_State *L, int r) {
  if (r == -2) return lua_yieldk(L, 0, 0, resume_k); /* [co] */
  lua_pushboolean(L, r >= 0);
  if (r < 0) r = 1;
  lua_insert(L, -(r + 1));
  return r + 1;
}

static int co_resume(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_State *co = getco(L);
  return resume_results(L, resume_first(L, h, co, lua_gettop(L) - 1));
}

int np_coro_close(np_host *h, lua_State *co) {
  np_coro *c = np_getcoro(h, co);
  h->running = co;
  if (c && !c->task) np_coro_enter(h, c);
  int status = np_closethread(co);
  c = np_getcoro(h, co); /* a handler may have made it */
  if (c && !c->base) np_coro_leave(h, c);
  return status;
}

/* Closes co with its handlers told that they cannot wait. */
static int close_inside(lua_State *L, np_host *h, lua_State *co) {
  if (!h->current || L != h->running) return np_closethread(co);
  bool chain_ok = h->chain_ok;
  h->chain_ok = false;
  int status = np_coro_close(h, co);
  h->running = L;
  h->chain_ok = chain_ok;
  return status;
}

/* [.. error] raised as the stock wrap raises it. */
static int wrap_error(lua_State *L, np_host *h, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = close_inside(L, h, co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

enum { WRAP_CO = lua_upvalueindex(4) };

static int wrap_k(lua_State *L, int status, lua_KContext ctx);

static int wrap_results(lua_State *L, np_host *h, lua_State *co, int r) {
  if (r >= 0) return r;
  if (r == -1) return wrap_error(L, h, co);
  lua_settop(L, 0);
  lua_pushvalue(L, WRAP_CO);
  return lua_yieldk(L, 0, 0, wrap_k);
}

static int wrap_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  np_host *h = np_gethost(L);
  lua_State *co = lua_tothread(L, WRAP_CO);
  np_coro_setparked(h, co, false);
  return wrap_results(L, h, co, resume_inner(L, h, co, 0));
}

static int wrap_call(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_State *co = lua_tothread(L, WRAP_CO);
  return wrap_results(L, h, co, resume_first(L, h, co, lua_gettop(L)));
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushnil(L);
  lua_pushnil(L);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrap_call, 4);
  return 1;
}

/* ---- the others -------------------------------------------------------- */

static const char *status_name(lua_State *L, np_host *h, lua_State *co) {
  lua_Debug ar;
  if (L == co) return "running";
  if (is_parked(h, co)) return "normal";
  switch (lua_status(co)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK:
      if (lua_getstack(co, 0, &ar)) return "normal";
      return lua_gettop(co) == 0 ? "dead" : "suspended";
    default: return "dead";
  }
}

static int co_status(lua_State *L) {
  lua_State *co = getco(L);
  lua_pushstring(L, status_name(L, np_gethost(L), co));
  return 1;
}

static int co_close(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_State *co = getco(L);
  const char *status = status_name(L, h, co);
  if (*status != 'd' && *status != 's')
    return luaL_error(L, "cannot close a %s coroutine", status);
  lua_pushboolean(L, close_inside(L, h, co) == LUA_OK);
  if (lua_toboolean(L, -1)) return 1;
  lua_xmove(co, L, 1);
  return 2;
}

/* In the base of a task as in stock Lua's main chunk. */
static int co_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : getco(L);
  lua_pushboolean(L, lua_isyieldable(co) && !is_base(np_gethost(L), co));
  return 1;
}

static int co_running(lua_State *L) {
  np_host *h = np_gethost(L);
  bool base = is_base(h, L);
  if (base) np_getcoro(h, L)->exposed = true;
  bool main = lua_pushthread(L);
  lua_pushboolean(L, main || base);
  return 2;
}

static int co_yield (lua_State *L) {
  if (is_base(np_gethost(L), L)) {
    lua_pushliteral(L, "attempt to yield from outside a coroutine");
    return lua_error(L);
  }
  return lua_yield(L, lua_gettop(L));
}

static const luaL_Reg co_funcs[] = {
    {"resume", co_resume},   {"wrap", co_wrap},
    {"status", co_status},   {"close", co_close},
    {"running", co_running}, {"isyieldable", co_isyieldable},
    {"yield", co_yield },    {NULL, NULL},
};

void np_coro_open(lua_State *L, np_host *h) {
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_CORO);
  if (lua_getglobal(L, LUA_COLIBNAME) == LUA_TTABLE)
    np_setfuncs(L, h, co_funcs);
  lua_pop(L, 1);
}
