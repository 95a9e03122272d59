/*
 * class.h: how C functions and classes reach Lua.
 * Every C function of neap is registered here and has three upvalues:
 *   1  the host (light userdata)
 *   2  the metatable of its class, or nil for a plain function
 *   3  its name, for argument errors
 * so a function finds its host and checks its self without a lookup by name.
 * Argument errors are Lua's own texts; a method's positions do not count self.
 */
#ifndef NP_CLASS_H
#define NP_CLASS_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

typedef struct np_class {
  const char *name;            /* "Stream"; becomes __name */
  const luaL_Reg *methods;     /* in __index; may be NULL */
  const luaL_Reg *metamethods; /* in the metatable; may be NULL */
} np_class;

/* The upvalue index of the host: (np_host *)lua_touserdata(L, NP_UPHOST). */
#define NP_UPHOST lua_upvalueindex(1)

/* Creates the class's metatable in the registry under the address of `cls`,
 * with __name and __index, and __metatable = false. If there is a method
 * "close" and no metamethod __close, __close is that method. Raises only when
 * memory runs out. Idempotent per state. */
void np_class_register(lua_State *L, void *host, const np_class *cls);

/* [.. mt] the metatable of a registered class. */
void np_class_push(lua_State *L, const np_class *cls);

/* [.. ud] -> [.. ud]: gives the userdata on top its class. */
void np_class_set(lua_State *L, const np_class *cls);

/* Registers plain functions into the table on top of the stack, each with the
 * upvalues above (2 is nil). */
void np_setfuncs(lua_State *L, void *host, const luaL_Reg *funcs);

/* [.. object] -> [.. table]: the table that stands for one object, a userdata,
 * in scripts. Its metatable is the table at `class`, its fields are the object,
 * `_core`, and the methods, found there without a look into the class; they
 * are set first, so that each lies where Lua looks first. Their upvalue 2 is
 * the object; the value at `more`, if that is not 0, is upvalue 4. Both are
 * indices from the bottom. */
void np_pushowner(lua_State *L, void *host, int class, int more,
                  const luaL_Reg *methods);

/* Inside a method: the userdata at index 1, which must have the class of
 * upvalue 2; otherwise raises `calling 'read' on bad self (Stream expected,
 * got nil)`. */
void *np_checkself(lua_State *L);

/* The userdata at idx if it is of the class, else NULL. Never raises. */
void *np_testclass(lua_State *L, int idx, const np_class *cls);

/* The same, raising an argument error ("Stream expected, got table"). */
void *np_checkclass(lua_State *L, int arg, const np_class *cls);

/* Raises "bad argument #n to 'name' (msg)", where `arg` is the stack index and
 * a method's self is not counted. Level 1 is the position, as in luaL_error. */
int np_argerror(lua_State *L, int arg, const char *fmt, ...);

/* np_argerror with "<expected> expected, got <type of arg>" ("got no value"
 * for an absent one; __name of a userdata or table where it has one). */
int np_typeerror(lua_State *L, int arg, const char *expected);

/* Checked arguments; each raises np_typeerror or np_argerror. */
lua_Number np_checkfloat(lua_State *L, int arg); /* NaN is refused */
lua_Integer np_checkinteger(lua_State *L, int arg, lua_Integer min,
                            lua_Integer max); /* "out of range" names both */
const char *np_checkstring(lua_State *L, int arg, size_t *len);
void np_checkfunction(lua_State *L, int arg); /* or anything with __call */
void np_checktable(lua_State *L, int arg);

/* The same of any number. Lua converts an integer slowly, and 0 is the most
 * frequent one. */
static inline lua_Number np_checknumber(lua_State *L, int arg) {
  int whole;
  lua_Integer n = lua_tointegerx(L, arg, &whole);
  return whole ? (lua_Number)n : np_checkfloat(L, arg);
}

#endif
