/*
 * unpack.c: packed bytes to Lua values. They were written by pack.c in this
 * process, so they are not doubted; what may fail is memory, and a module that
 * is not there.
 */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/pack.h"
#include "base/pack_tags.h"

typedef struct unpacking {
  lua_State *L;
  const np_packed *in;
  const char *at;
  int refs; /* stack index: number -> table or function */
  lua_Integer count;
  int metas; /* stack index: nil, or table, its metatable, table, .. */
  lua_Integer nmetas;
} unpacking;

static void take(unpacking *u, void *to, size_t n) {
  memcpy(to, u->at, n);
  u->at += n;
}

static uint32_t take_number(unpacking *u) {
  uint32_t n;
  take(u, &n, sizeof n);
  return n;
}

static const char *take_string(unpacking *u, size_t *n) {
  take(u, n, sizeof *n);
  const char *s = u->at;
  u->at += *n;
  return s;
}

static bool unpack_value(unpacking *u);

/* [.. v] -> [.. v]  The next number is its. */
static void unpack_seen(unpacking *u) {
  lua_pushvalue(u->L, -1);
  lua_rawseti(u->L, u->refs, ++u->count);
}

/* [..] -> [.. module] */
static void unpack_module(unpacking *u) {
  lua_State *L = u->L;
  size_t n;
  const char *name = take_string(u, &n);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushlstring(L, name, n);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    if (lua_getglobal(L, "require") != LUA_TFUNCTION)
      luaL_error(L, "module '%s' is missing, and so is require", name);
    lua_pushlstring(L, name, n);
    lua_call(L, 1, 1);
    lua_replace(L, -2);
  }
  lua_replace(L, -2);
}

/* [..] -> [.. module.field] */
static void unpack_field(unpacking *u) {
  lua_State *L = u->L;
  size_t n;
  const char *module = u->at;
  unpack_module(u);
  const char *name = take_string(u, &n);
  lua_pushlstring(L, name, n);
  lua_pushvalue(L, -1);
  if (lua_gettable(L, -3) == LUA_TNIL) {
    u->at = module;
    module = take_string(u, &n);
    lua_pushlstring(L, module, n);
    luaL_error(L, "the function '%s' of module '%s' is missing",
               lua_tostring(L, -3), lua_tostring(L, -1));
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* [.. table metatable] -> [.. table]  It is set when all is complete: only
 * then are its fields, of which Lua looks at __gc once. */
static void defer_metatable(unpacking *u) {
  lua_State *L = u->L;
  if (u->nmetas == 0) {
    lua_newtable(L);
    lua_replace(L, u->metas);
  }
  lua_rawseti(L, u->metas, u->nmetas + 2);
  lua_pushvalue(L, -1);
  lua_rawseti(L, u->metas, u->nmetas + 1);
  u->nmetas += 2;
}

static void set_metatables(unpacking *u) {
  lua_State *L = u->L;
  for (lua_Integer i = 1; i < u->nmetas; i += 2) {
    lua_rawgeti(L, u->metas, i);
    lua_rawgeti(L, u->metas, i + 1);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
  }
}

/* [..] -> [.. table] */
static void unpack_table(unpacking *u, bool error) {
  lua_State *L = u->L;
  lua_newtable(L);
  unpack_seen(u);
  while (unpack_value(u)) {
    unpack_value(u);
    lua_rawset(L, -3);
  }
  unpack_value(u);
  if (error) {
    lua_pop(L, 1);
    np_err_adopt(L);
  } else if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
  } else {
    defer_metatable(u);
  }
}

/* [..] -> [.. fn] */
static void unpack_function(unpacking *u) {
  lua_State *L = u->L;
  size_t n;
  const char *dump = take_string(u, &n);
  if (luaL_loadbufferx(L, dump, n, "function", "b") != LUA_OK) lua_error(L);
  unpack_seen(u);
  for (int i = 1;; i++) {
    if (*u->at == T_JOIN) {
      u->at++;
      uint32_t fn = take_number(u), index = take_number(u);
      lua_rawgeti(L, u->refs, (lua_Integer)fn + 1);
      lua_upvaluejoin(L, -2, i, -1, (int)index);
      lua_pop(L, 1);
    } else if (!unpack_value(u)) {
      return;
    } else {
      lua_setupvalue(L, -2, i);
    }
  }
}

/* [..] -> [.. v]; false at T_END, with nothing pushed */
static bool unpack_value(unpacking *u) {
  lua_State *L = u->L;
  lua_Integer i;
  lua_Number x;
  size_t n;
  luaL_checkstack(L, 8, "nested too deeply to be copied");
  switch (*u->at++) {
    case T_NIL: lua_pushnil(L); break;
    case T_FALSE: lua_pushboolean(L, 0); break;
    case T_TRUE: lua_pushboolean(L, 1); break;
    case T_INTEGER:
      take(u, &i, sizeof i);
      lua_pushinteger(L, i);
      break;
    case T_FLOAT:
      take(u, &x, sizeof x);
      lua_pushnumber(L, x);
      break;
    case T_STRING: {
      const char *s = take_string(u, &n);
      lua_pushlstring(L, s, n);
      break;
    }
    case T_TABLE: unpack_table(u, false); break;
    case T_ERROR: unpack_table(u, true); break;
    case T_FUNCTION: unpack_function(u); break;
    case T_REF: lua_rawgeti(L, u->refs, (lua_Integer)take_number(u) + 1); break;
    case T_MODULE: unpack_module(u); break;
    case T_FIELD: unpack_field(u); break;
    case T_SHARED: {
      const struct np_held *held = &u->in->held[take_number(u)];
      held->cls->push(L, held->object);
      break;
    }
    default: return false;
  }
  return true;
}

void np_unpack(lua_State *L, const np_packed *p) {
  luaL_checkstack(L, p->n + 6, "too many values");
  lua_newtable(L);
  lua_pushnil(L);
  int top = lua_gettop(L);
  unpacking u = {.L = L, .in = p, .at = p->data, .refs = top - 1, .metas = top};
  for (int i = 0; i < p->n; i++) unpack_value(&u);
  set_metatables(&u);
  lua_rotate(L, u.refs, -2);
  lua_pop(L, 2);
}
