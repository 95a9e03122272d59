/*
 * class.c: registering functions and classes, and the checks of arguments.
 * A class's metatable lives in the registry under the address of its np_class;
 * functions carry it as upvalue 2, so checking self is one comparison. The
 * texts of argument errors follow lauxlib's luaL_argerror and luaL_typeerror,
 * but take the function's name from upvalue 3: it is right also where Lua
 * cannot tell how the function was called (through pcall, say).
 */
#include "base/class.h"

#include <math.h>
#include <stdarg.h>

#define UPCLASS lua_upvalueindex(2)
#define UPNAME  lua_upvalueindex(3)

/* [.. to] -> [.. to]  registers `funcs`; `mt` is the index of the class's
 * metatable, or 0 for plain functions. */
static void set_functions(lua_State *L, void *host, int mt,
                          const luaL_Reg *funcs) {
  for (const luaL_Reg *f = funcs; f->func; f++) {
    lua_pushlightuserdata(L, host);
    if (mt) {
      lua_pushvalue(L, mt);
    } else {
      lua_pushnil(L);
    }
    lua_pushstring(L, f->name);
    lua_pushcclosure(L, f->func, 3);
    lua_setfield(L, -2, f->name);
  }
}

void np_setfuncs(lua_State *L, void *host, const luaL_Reg *funcs) {
  set_functions(L, host, 0, funcs);
}

void np_pushowner(lua_State *L, void *host, int class, int more,
                  const luaL_Reg *methods) {
  int object = lua_gettop(L), n = 0;
  while (methods[n].func) n++;
  lua_createtable(L, 0, n + 1);
  for (int i = 0; i < n; i++) {
    lua_pushlightuserdata(L, host);
    lua_pushvalue(L, object);
    lua_pushstring(L, methods[i].name);
    if (more) lua_pushvalue(L, more);
    lua_pushcclosure(L, methods[i].func, more ? 4 : 3);
    lua_setfield(L, -2, methods[i].name);
  }
  lua_insert(L, object);
  lua_setfield(L, object, "_core");
  lua_pushvalue(L, class);
  lua_setmetatable(L, object);
}

/* [.. mt methods] -> [.. mt]  __index is the table of methods, and its "close"
 * is __close, unless the class has metamethods of that name. */
static void link_methods(lua_State *L) {
  if (lua_getfield(L, -2, "__close") == LUA_TNIL) {
    lua_getfield(L, -2, "close");
    lua_setfield(L, -4, "__close");  // nil sets nothing
  }
  lua_pop(L, 1);
  if (lua_getfield(L, -2, "__index") == LUA_TNIL) {
    lua_pushvalue(L, -2);
    lua_setfield(L, -4, "__index");
  }
  lua_pop(L, 2);
}

void np_class_register(lua_State *L, void *host, const np_class *cls) {
  int known = lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
  lua_pop(L, 1);
  if (known != LUA_TNIL) return;
  lua_newtable(L);
  int mt = lua_gettop(L);
  if (cls->metamethods) set_functions(L, host, mt, cls->metamethods);
  lua_pushstring(L, cls->name);
  lua_setfield(L, mt, "__name");
  lua_pushboolean(L, false);
  lua_setfield(L, mt, "__metatable");
  lua_newtable(L);
  if (cls->methods) set_functions(L, host, mt, cls->methods);
  link_methods(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, cls);
}

void np_class_push(lua_State *L, const np_class *cls) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
}

void np_class_set(lua_State *L, const np_class *cls) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
  lua_setmetatable(L, -2);
}

/* [..] -> [.. name]  what Lua calls the type of the value at idx; the string
 * is valid while it is on the stack. */
static const char *push_typename(lua_State *L, int idx) {
  if (luaL_getmetafield(L, idx, "__name") == LUA_TSTRING) {
    return lua_tostring(L, -1);
  }
  if (lua_type(L, idx) == LUA_TLIGHTUSERDATA) {
    return lua_pushliteral(L, "light userdata");
  }
  return lua_pushstring(L, luaL_typename(L, idx));
}

/* [.. text]: raises the text as an error of the argument. */
static int raise_argument(lua_State *L, int arg) {
  const char *text = lua_tostring(L, -1);
  const char *name = lua_tostring(L, UPNAME);
  if (!name) name = "?";  // not one of np_setfuncs
  if (lua_istable(L, UPCLASS) || lua_isuserdata(L, UPCLASS)) {
    arg--;  // self is not counted
    if (arg == 0) {
      return luaL_error(L, "calling '%s' on bad self (%s)", name, text);
    }
  }
  return luaL_error(L, "bad argument #%d to '%s' (%s)", arg, name, text);
}

int np_argerror(lua_State *L, int arg, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  lua_pushvfstring(L, fmt, args);
  va_end(args);
  return raise_argument(L, arg);
}

int np_typeerror(lua_State *L, int arg, const char *expected) {
  const char *got = push_typename(L, arg);
  lua_pushfstring(L, "%s expected, got %s", expected, got);
  return raise_argument(L, arg);
}

void *np_checkself(lua_State *L) {
  void *object = lua_touserdata(L, 1);
  if (object && lua_getmetatable(L, 1)) {
    const void *class = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (class == lua_topointer(L, UPCLASS)) return object;
  }
  const char *got = push_typename(L, 1);  // first: index 1 may be absent
  const char *name = "object";
  if (lua_istable(L, UPCLASS)) {
    lua_getfield(L, UPCLASS, "__name");
    name = lua_tostring(L, -1);
  }
  np_argerror(L, 1, "%s expected, got %s", name, got);
  return NULL;
}

void *np_testclass(lua_State *L, int idx, const np_class *cls) {
  if (lua_type(L, idx) != LUA_TUSERDATA) return NULL;
  void *object = lua_touserdata(L, idx);
  if (!lua_getmetatable(L, idx)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
  int same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? object : NULL;
}

void *np_checkclass(lua_State *L, int arg, const np_class *cls) {
  void *object = np_testclass(L, arg, cls);
  if (!object) np_typeerror(L, arg, cls->name);
  return object;
}

lua_Number np_checkfloat(lua_State *L, int arg) {
  int is_number;
  lua_Number n = lua_tonumberx(L, arg, &is_number);
  if (!is_number) np_typeerror(L, arg, "number");
  if (isnan(n)) np_argerror(L, arg, "number expected, got NaN");
  return n;
}

lua_Integer np_checkinteger(lua_State *L, int arg, lua_Integer min,
                            lua_Integer max) {
  int is_integer;
  lua_Integer n = lua_tointegerx(L, arg, &is_integer);
  if (!is_integer) {
    if (!lua_isnumber(L, arg)) np_typeerror(L, arg, "number");
    np_argerror(L, arg, "number has no integer representation");
  }
  if (n < min || n > max) {
    np_argerror(L, arg, "out of range (%I to %I)", (LUAI_UACINT)min,
                (LUAI_UACINT)max);
  }
  return n;
}

const char *np_checkstring(lua_State *L, int arg, size_t *len) {
  const char *s = lua_tolstring(L, arg, len);
  if (!s) np_typeerror(L, arg, "string");
  return s;
}

void np_checkfunction(lua_State *L, int arg) {
  if (lua_isfunction(L, arg)) return;
  if (luaL_getmetafield(L, arg, "__call") == LUA_TNIL) {
    np_typeerror(L, arg, "function");
  }
  lua_pop(L, 1);
}

void np_checktable(lua_State *L, int arg) {
  if (!lua_istable(L, arg)) np_typeerror(L, arg, "table");
}
