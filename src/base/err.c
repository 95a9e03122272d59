/*
 * err.c: error values. A neap error is a plain table with the metatable that
 * np_err_open keeps in the registry under the address of `metatable_key`; that
 * metatable is what tells a neap error from any other value. Its slot 1 holds
 * the string "code", so that np_errcode can read the field without creating a
 * string, which could raise.
 */
#include "base/err.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <uv.h>

#include "base/class.h"

static const char metatable_key = 0;

/* libuv codes whose errno-like name is not what scripts should see. A family
 * in which a host has no address counts as a name that does not resolve. */
static const struct {
  int uv;
  const char *code;
} renamed[] = {
    {UV_EAI_NONAME, "ENOTFOUND"},
    {UV_EAI_NODATA, "ENOTFOUND"},
    {UV_EAI_ADDRFAMILY, "ENOTFOUND"},
    {UV_EAI_MEMORY, "ENOMEM"},
};

/* [..] -> [.. string]  the field of the table at idx, as text */
static void push_field_text(lua_State *L, int idx, const char *field) {
  lua_pushstring(L, field);
  lua_rawget(L, idx);
  luaL_tolstring(L, -1, NULL);
  lua_remove(L, -2);  // the field itself
}

static int error__tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  push_field_text(L, 1, "code");
  lua_pushliteral(L, ": ");
  push_field_text(L, 1, "message");
  lua_concat(L, 3);
  return 1;
}

static int error__concat(lua_State *L) {
  lua_settop(L, 2);
  luaL_tolstring(L, 1, NULL);
  luaL_tolstring(L, 2, NULL);
  lua_concat(L, 2);
  return 1;
}

void np_err_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {
      {"__tostring", error__tostring},
      {"__concat", error__concat},
      {NULL, NULL},
  };
  luaL_newlib(L, metamethods);
  lua_pushliteral(L, "neap.Error");
  lua_setfield(L, -2, "__name");
  lua_pushliteral(L, "code");
  lua_rawseti(L, -2, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
}

/* [.. message] -> [.. err] */
static void wrap_message(lua_State *L, const char *code) {
  lua_createtable(L, 0, 2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "message");
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  lua_setmetatable(L, -2);
}

/* [.. what] -> [.. err]  the error of a libuv code */
static void wrap_uv(lua_State *L, int uv) {
  char code[64], text[256];
  uv_err_name_r(uv, code, sizeof(code));
  uv_strerror_r(uv, text, sizeof(text));
  const char *name = code;
  for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
    if (renamed[i].uv == uv) name = renamed[i].code;
  }
  const char *what = uv == NP_EHANDLES     ? "handles"
                     : uv == NP_EPROCESSES ? "processes"
                     : uv == NP_ETIMERS    ? "timers"
                                           : NULL;
  if (what) {
    name = "LIMIT";
    snprintf(text, sizeof text, "the host has as many %s as it may", what);
  }
  lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), text);
  lua_remove(L, -2);  // what
  wrap_message(L, name);
}

void np_pusherror(lua_State *L, const char *code, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  lua_pushvfstring(L, fmt, args);
  va_end(args);
  wrap_message(L, code);
}

int np_fail(lua_State *L, const char *code, const char *fmt, ...) {
  lua_pushnil(L);
  va_list args;
  va_start(args, fmt);
  lua_pushvfstring(L, fmt, args);
  va_end(args);
  wrap_message(L, code);
  return 2;
}

void np_pusherror_uv(lua_State *L, int uv, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  lua_pushvfstring(L, fmt, args);
  va_end(args);
  wrap_uv(L, uv);
}

int np_fail_uv(lua_State *L, int uv, const char *fmt, ...) {
  lua_pushnil(L);
  va_list args;
  va_start(args, fmt);
  lua_pushvfstring(L, fmt, args);
  va_end(args);
  wrap_uv(L, uv);
  return 2;
}

int np_raise(lua_State *L, const char *code, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  lua_pushvfstring(L, fmt, args);
  va_end(args);
  wrap_message(L, code);
  return lua_error(L);
}

/* Whether the value at idx is a table with the error metatable. */
static bool is_error(lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

const char *np_errcode(lua_State *L, int idx) {
  if (!lua_checkstack(L, 2) || !is_error(L, idx)) return NULL;
  idx = lua_absindex(L, idx);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  lua_rawgeti(L, -1, 1);  // "code"
  lua_rawget(L, idx);
  const char *code = NULL;
  if (lua_type(L, -1) == LUA_TSTRING) code = lua_tostring(L, -1);
  lua_pop(L, 2);
  return code;
}

/* [.. to] -> [.. to]  copies every field of the table at `from` */
static void copy_fields(lua_State *L, int from) {
  lua_pushnil(L);
  while (lua_next(L, from)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);  // [.. to key key value]
    lua_rawset(L, -4);
  }
}

int np_error_new(lua_State *L) {
  enum { CODE = 1, MESSAGE, FIELDS };
  lua_settop(L, lua_gettop(L) < FIELDS ? lua_gettop(L) : FIELDS);
  if (lua_type(L, CODE) != LUA_TSTRING) return np_typeerror(L, CODE, "string");
  np_checkstring(L, MESSAGE, NULL);
  bool has_fields = !lua_isnoneornil(L, FIELDS);
  if (has_fields) np_checktable(L, FIELDS);
  lua_createtable(L, 0, 2);
  if (has_fields) copy_fields(L, FIELDS);
  lua_pushvalue(L, CODE);
  lua_setfield(L, -2, "code");
  lua_pushvalue(L, MESSAGE);
  lua_setfield(L, -2, "message");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  lua_setmetatable(L, -2);
  return 1;
}

int np_error_code(lua_State *L) {
  lua_settop(L, 1);
  lua_pushstring(L, np_errcode(L, 1));  // nil for NULL
  return 1;
}

void np_err_adopt(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  lua_setmetatable(L, -2);
}
