/*
 * http1_json.c: what lua-cjson does not do with numbers, in one look at each
 * value. It writes 14 digits of a number at most, so values with more of them
 * are written by ours (json_suits tells); and it reads floats alone, of which
 * those that stand for integers become integers again (json_restore).
 */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/class.h"
#include "proto/http1.h"

/* Tables in tables, as in cjson, which refuses more of them. */
enum { MAX_DEPTH = 1000 };

#define DIGITS_14 100000000000000.0  /* the first that has 15 */
#define EXACT     9007199254740992.0 /* 2^53: below it integers are exact */

/* Whether 14 digits tell the number at idx. Most have at most four decimals,
 * for which no text must be made. */
static bool is_short(lua_State *L, int idx) {
  char text[48];
  if (lua_isinteger(L, idx)) {
    lua_Integer n = lua_tointeger(L, idx);
    return n > -(lua_Integer)DIGITS_14 && n < (lua_Integer)DIGITS_14;
  }
  double n = lua_tonumber(L, idx), scaled = floor(n * 1e4 + 0.5);
  if (fabs(scaled) < DIGITS_14 && scaled / 1e4 == n) return true;
  if (!isfinite(n)) return true; /* cjson refuses it */
  snprintf(text, sizeof text, "%.14g", n);
  return strtod(text, NULL) == n;
}

/* Of an empty table: it is one that says so. */
static bool is_array(lua_State *L, int idx) {
  if (luaL_getmetafield(L, idx, "__jsontype") == LUA_TNIL) return false;
  const char *type =
      lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  bool array = type && strcmp(type, "array") == 0;
  lua_pop(L, 1);
  return array;
}

static bool suits(lua_State *L, int idx, int depth);

static bool suits_table(lua_State *L, int idx, int depth) {
  bool empty = true, fine = true;
  if (depth == MAX_DEPTH) return true;
  luaL_checkstack(L, 4, NULL);
  lua_pushnil(L);
  while (fine && lua_next(L, idx)) {
    int value = lua_gettop(L);
    empty = false;
    fine = suits(L, value, depth + 1) &&
           (lua_type(L, value - 1) != LUA_TNUMBER || is_short(L, value - 1));
    lua_settop(L, fine ? value - 1 : value - 2);
  }
  return fine && !(empty && is_array(L, idx));
}

static bool suits(lua_State *L, int idx, int depth) {
  switch (lua_type(L, idx)) {
    case LUA_TNUMBER: return is_short(L, idx);
    case LUA_TTABLE: return suits_table(L, idx, depth);
    default: return true;
  }
}

/* json_suits(value): whether cjson writes it as it is. What it refuses, it
 * refuses itself. */
int np_http_json_suits(lua_State *L) {
  lua_settop(L, 1);
  lua_pushboolean(L, suits(L, 1, 0));
  return 1;
}

/* [.. number] -> [.. the integer], true if it stands for one. */
static bool to_integer(lua_State *L) {
  double n = lua_tonumber(L, -1);
  if (lua_isinteger(L, -1) || fabs(n) >= EXACT || floor(n) != n) return false;
  lua_pop(L, 1);
  lua_pushinteger(L, (lua_Integer)n);
  return true;
}

static void restore(lua_State *L, int idx) {
  luaL_checkstack(L, 5, NULL);
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    int type = lua_type(L, -1);
    if (type == LUA_TTABLE) {
      restore(L, lua_gettop(L));
    } else if (type == LUA_TNUMBER && to_integer(L)) {
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, idx); /* of a key that is there */
    }
    lua_pop(L, 1);
  }
}

/* json_restore(value): the value with its integers. The tables are changed;
 * they are as cjson made them, so no deeper than it goes. */
int np_http_json_restore(lua_State *L) {
  lua_settop(L, 1);
  if (lua_istable(L, 1))
    restore(L, 1);
  else if (lua_type(L, 1) == LUA_TNUMBER)
    to_integer(L);
  return 1;
}
