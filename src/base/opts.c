/*
 * opts.c: reads option tables. The table is read raw, with no metamethods: a
 * string given out is then one that the table itself holds, and stays valid as
 * long as the table does. For the same reason a number is not taken for a
 * string option: its text would be a temporary.
 */
#include "base/opts.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/class.h"

/* What is being read, for the error texts. */
typedef struct reader {
  lua_State *L;
  int arg;           /* the position of the option table */
  const np_opt *opt; /* the option whose value is on top of the stack */
} reader;

static void refuse_type(const reader *r, const char *expected) {
  np_argerror(r->L, r->arg, "option '%s' (%s expected, got %s)", r->opt->name,
              expected, luaL_typename(r->L, -1));
}

static bool read_bool(const reader *r) {
  if (!lua_isboolean(r->L, -1)) refuse_type(r, "boolean");
  return lua_toboolean(r->L, -1);
}

static lua_Number read_number(const reader *r) {
  int is_number;
  lua_Number n = lua_tonumberx(r->L, -1, &is_number);
  if (!is_number) refuse_type(r, "number");
  if (isnan(n)) {
    np_argerror(r->L, r->arg, "option '%s' (number expected, got NaN)",
                r->opt->name);
  }
  return n;
}

static lua_Number read_seconds(const reader *r) {
  lua_Number n = read_number(r);
  if (n < 0) {
    np_argerror(r->L, r->arg, "option '%s' must not be negative", r->opt->name);
  }
  return n;
}

static lua_Integer read_integer(const reader *r) {
  const np_opt *o = r->opt;
  int is_integer;
  lua_Integer n = lua_tointegerx(r->L, -1, &is_integer);
  if (!is_integer) {
    if (!lua_isnumber(r->L, -1)) refuse_type(r, "integer");
    np_argerror(r->L, r->arg,
                "option '%s' (number has no integer representation)", o->name);
  }
  bool bounded = o->min != 0 || o->max != 0;
  if (bounded && (n < o->min || n > o->max)) {
    np_argerror(r->L, r->arg, "option '%s' out of range (%I to %I)", o->name,
                (LUAI_UACINT)o->min, (LUAI_UACINT)o->max);
  }
  return n;
}

static const char *read_string(const reader *r) {
  if (lua_type(r->L, -1) != LUA_TSTRING) refuse_type(r, "string");
  size_t len;
  const char *s = lua_tolstring(r->L, -1, &len);
  if (strlen(s) != len) {
    np_argerror(r->L, r->arg, "option '%s' contains a zero byte", r->opt->name);
  }
  return s;
}

static void read_value(const reader *r, void *field) {
  switch (r->opt->type) {
    case NP_OPT_BOOL: *(bool *)field = read_bool(r); break;
    case NP_OPT_NUMBER: *(lua_Number *)field = read_number(r); break;
    case NP_OPT_INTEGER: *(lua_Integer *)field = read_integer(r); break;
    case NP_OPT_SECONDS: *(lua_Number *)field = read_seconds(r); break;
    case NP_OPT_STRING: *(const char **)field = read_string(r); break;
    case NP_OPT_VALUE: *(int *)field = 1; break;
  }
}

/* The option named by the key at idx; raises if there is none. */
static const np_opt *find_option(lua_State *L, int arg, int idx,
                                 const np_opt *list) {
  if (lua_type(L, idx) == LUA_TSTRING) {
    const char *key = lua_tostring(L, idx);
    for (const np_opt *o = list; o->name; o++) {
      if (strcmp(o->name, key) == 0) return o;
    }
  }
  np_argerror(L, arg, "unknown option '%s'", luaL_tolstring(L, idx, NULL));
  return NULL;
}

void np_opts_read(lua_State *L, int arg, const np_opt *list, void *out) {
  if (lua_isnoneornil(L, arg)) return;
  np_checktable(L, arg);
  reader r = {.L = L, .arg = arg};
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    r.opt = find_option(L, arg, -2, list);
    read_value(&r, (char *)out + r.opt->offset);
    lua_pop(L, 1);
  }
}
