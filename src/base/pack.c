/*
 * pack.c: Lua values to bytes and back. Each table and function gets a number
 * when it is first met, and is named by it from then on, so cycles end. The
 * packed bytes lie in a userdata until they are whole, so that an error leaves
 * nothing behind; where an error is due, `path` says which value it is about.
 */
#include "base/pack.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/class.h"
#include "base/err.h"
#include "base/pack_tags.h"

enum { DEPTH_MAX = 2000, PATH_MAX_LEN = 160 };

const char np_shared_magic = 0;

static void *plain_alloc(void *ud, void *p, size_t osize, size_t nsize) {
  (void)ud, (void)osize;
  if (nsize > 0) return realloc(p, nsize);
  free(p);
  return NULL;
}

void np_packed_free(np_packed *p) {
  if (!p) return;
  for (size_t i = 0; i < p->nheld; i++) p->held[i].cls->drop(p->held[i].object);
  free(p->held);
  free(p->data);
  free(p);
}

/* ---- packing ----------------------------------------------------------- */

/* Stack places of a packing, from its base on. */
enum {
  BOX = 1,  /* the userdata that owns the packed bytes so far */
  SEEN,     /* table or function -> its number */
  UPVALUES, /* upvalue id -> number of the function * 256 + index */
  NAMES,    /* value -> name of the module, or { module, field } */
  NSLOTS = NAMES
};

typedef struct packing {
  lua_State *L;
  np_packed *out;
  np_buf buf;
  int base; /* stack index before BOX */
  int arg;
  int value; /* which of the values */
  int depth;
  uint32_t count; /* of tables and functions */
  bool named;     /* NAMES has the functions as well */
  size_t path_len;
  char path[PATH_MAX_LEN];
} packing;

static int box__gc(lua_State *L) {
  packing *p = lua_touserdata(L, 1);
  np_buf_release(&p->buf, plain_alloc, NULL);
  np_packed_free(p->out);
  p->out = NULL;
  return 0;
}

static int refuse(packing *p, const char *what) {
  lua_State *L = p->L;
  const char *path = p->path;
  if (p->arg)
    return np_argerror(L, p->arg + p->value - 1, "cannot copy %s%s%s", what,
                       *path ? " in " : "", path);
  return luaL_error(L, "cannot copy %s%s%s", what, *path ? " in " : "", path);
}

static int out_of_memory(packing *p) {
  return luaL_error(p->L, "not enough memory");
}

static void put(packing *p, const void *data, size_t n) {
  if (np_buf_append(&p->buf, data, n, plain_alloc, NULL) < 0) out_of_memory(p);
}

static void put_tag(packing *p, int tag) {
  char c = (char)tag;
  put(p, &c, 1);
}

static void put_number(packing *p, uint32_t n) { put(p, &n, sizeof n); }

static void put_string(packing *p, const char *s, size_t n) {
  put(p, &n, sizeof n);
  put(p, s, n);
}

/* Adds to the path; returns what it was before, for the caller to set back. */
static size_t path_add(packing *p, const char *format, const char *name) {
  size_t before = p->path_len;
  int n = snprintf(p->path + before, sizeof p->path - before, format,
                   before ? ", " : "", name);
  p->path_len = before + (size_t)(n > 0 ? n : 0);
  if (p->path_len >= sizeof p->path) p->path_len = sizeof p->path - 1;
  return before;
}

static void path_back(packing *p, size_t before) {
  p->path_len = before;
  p->path[before] = '\0';
}

static void pack_value(packing *p);

static const char own_key = 0;

/* Is the name that of one of ours? */
static bool is_ours(const char *module) {
  return strncmp(module, "neap", 4) == 0 &&
         (module[4] == '\0' || module[4] == '.');
}

/* [..] -> [.. table]  Neap's modules by name, whatever package.loaded has. */
static void push_own(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &own_key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &own_key);
}

void np_pack_own(lua_State *L, const char *name) {
  push_own(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* [.. loaded] -> [..]  Notes the modules in a table, or functions in them. */
static void note_modules(packing *p, bool functions) {
  lua_State *L = p->L;
  int names = p->base + NAMES;
  lua_pushnil(L);
  while (lua_next(L, -2)) { /* [loaded name module] */
    bool named = lua_type(L, -2) == LUA_TSTRING;
    if (named && !functions && (lua_istable(L, -1) || lua_isfunction(L, -1))) {
      lua_pushvalue(L, -1);
      lua_pushvalue(L, -3);
      lua_rawset(L, names);
    } else if (named && functions && lua_istable(L, -1)) {
      bool ours = is_ours(lua_tostring(L, -2));
      lua_pushnil(L);
      while (lua_next(L, -2)) { /* [loaded name module field fn] */
        if (lua_type(L, -2) == LUA_TSTRING &&
            (lua_iscfunction(L, -1) || (ours && lua_isfunction(L, -1)))) {
          lua_createtable(L, 2, 0);
          lua_pushvalue(L, -5);
          lua_rawseti(L, -2, 1);
          lua_pushvalue(L, -3);
          lua_rawseti(L, -2, 2);
          lua_rawset(L, names); /* [fn] -> { module, field } */
        } else {
          lua_pop(L, 1);
        }
      }
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void note_names(packing *p, bool functions) {
  push_own(p->L);
  note_modules(p, functions);
  luaL_getsubtable(p->L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  note_modules(p, functions);
}

/* [.. v] -> [.. v]  True if the value went out by its name. */
static bool pack_name(packing *p) {
  lua_State *L = p->L;
  if (!lua_istable(L, p->base + NAMES)) {
    lua_newtable(L);
    lua_replace(L, p->base + NAMES);
    note_names(p, false);
  }
  if (lua_isfunction(L, -1) && !p->named) {
    p->named = true;
    note_names(p, true);
  }
  lua_pushvalue(L, -1);
  int type = lua_rawget(L, p->base + NAMES);
  size_t n;
  if (type == LUA_TSTRING) {
    const char *name = lua_tolstring(L, -1, &n);
    put_tag(p, T_MODULE);
    put_string(p, name, n);
  } else if (type == LUA_TTABLE) {
    put_tag(p, T_FIELD);
    for (int i = 1; i <= 2; i++) {
      lua_rawgeti(L, -1, i);
      const char *name = lua_tolstring(L, -1, &n);
      put_string(p, name, n);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* [.. v] -> [.. v]  True if it was met before; else it gets a number. */
static bool pack_seen(packing *p) {
  lua_State *L = p->L;
  int seen = p->base + SEEN;
  if (!lua_istable(L, seen)) {
    lua_newtable(L);
    lua_replace(L, seen);
  }
  lua_pushvalue(L, -1);
  if (lua_rawget(L, seen) == LUA_TNUMBER) {
    put_tag(p, T_REF);
    put_number(p, (uint32_t)lua_tointeger(L, -1));
    lua_pop(L, 1);
    return true;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushinteger(L, p->count++);
  lua_rawset(L, seen);
  return false;
}

/* [.. key value] -> [.. key value] with the key in the path */
static size_t path_of_key(packing *p) {
  lua_State *L = p->L;
  char number[40];
  if (lua_type(L, -2) == LUA_TSTRING)
    return path_add(p, "%sfield '%s'", lua_tostring(L, -2));
  if (lua_isinteger(L, -2)) {
    snprintf(number, sizeof number, "[%lld]", (long long)lua_tointeger(L, -2));
    return path_add(p, "%s%s", number);
  }
  return path_add(p, "%sa key that is a %s", luaL_typename(L, -2));
}

/* [.. table] */
static void pack_table(packing *p) {
  lua_State *L = p->L;
  bool error = np_errcode(L, -1) != NULL;
  put_tag(p, error ? T_ERROR : T_TABLE);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    size_t before = path_of_key(p);
    lua_pushvalue(L, -2);
    pack_value(p); /* the key */
    lua_pop(L, 1);
    pack_value(p);
    lua_pop(L, 1);
    path_back(p, before);
  }
  put_tag(p, T_END);
  if (!error && lua_getmetatable(L, -1)) {
    size_t before = path_add(p, "%s%s", "metatable");
    pack_value(p);
    lua_pop(L, 1);
    path_back(p, before);
  } else {
    put_tag(p, T_NIL);
  }
}

static int write_dump(lua_State *L, const void *data, size_t n, void *ud) {
  packing *p = ud;
  (void)L;
  return np_buf_append(&p->buf, data, n, plain_alloc, NULL);
}

/* [.. fn] */
static void pack_upvalues(packing *p, uint32_t number) {
  lua_State *L = p->L;
  int ids = p->base + UPVALUES;
  if (!lua_istable(L, ids)) {
    lua_newtable(L);
    lua_replace(L, ids);
  }
  for (int i = 1; i < 256; i++) {
    const char *name = lua_getupvalue(L, -1, i);
    if (!name) break; /* [fn value] */
    void *id = lua_upvalueid(L, -2, i);
    if (lua_rawgetp(L, ids, id) == LUA_TNUMBER) {
      lua_Integer where = lua_tointeger(L, -1);
      put_tag(p, T_JOIN);
      put_number(p, (uint32_t)(where / 256));
      put_number(p, (uint32_t)(where % 256));
      lua_pop(L, 2);
      continue;
    }
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)number * 256 + i);
    lua_rawsetp(L, ids, id);
    if (strcmp(name, "_ENV") == 0) { /* the globals of the other state */
      put_tag(p, T_MODULE);
      put_string(p, LUA_GNAME, sizeof LUA_GNAME - 1);
      lua_pop(L, 1);
      continue;
    }
    size_t before = path_add(p, "%supvalue '%s'", *name ? name : "?");
    pack_value(p);
    path_back(p, before);
    lua_pop(L, 1);
  }
  put_tag(p, T_END);
}

/* [.. fn] */
static void pack_function(packing *p) {
  lua_State *L = p->L;
  uint32_t number = p->count - 1;
  if (lua_iscfunction(L, -1)) refuse(p, "a function written in C");
  put_tag(p, T_FUNCTION);
  size_t place = np_buf_size(&p->buf), size = 0;
  put(p, &size, sizeof size);
  if (lua_dump(L, write_dump, p, 0) != 0) out_of_memory(p);
  size = np_buf_size(&p->buf) - place - sizeof size;
  memcpy(np_buf_data(&p->buf) + place, &size, sizeof size);
  pack_upvalues(p, number);
}

/* [.. userdata] */
static void pack_shared(packing *p) {
  lua_State *L = p->L;
  np_packed *out = p->out;
  np_shared *s = lua_touserdata(L, -1);
  if (lua_rawlen(L, -1) < sizeof *s || s->magic != &np_shared_magic) {
    const char *name = luaL_typename(L, -1);
    if (luaL_getmetafield(L, -1, "__name") == LUA_TSTRING)
      name = lua_tostring(L, -1);
    lua_pushfstring(L, "a %s", name);
    refuse(p, lua_tostring(L, -1));
  }
  if (!s->object) {
    lua_pushfstring(L, "a %s that was finalized", s->cls->name);
    refuse(p, lua_tostring(L, -1));
  }
  struct np_held *held = realloc(out->held, (out->nheld + 1) * sizeof *held);
  if (!held) out_of_memory(p);
  out->held = held;
  held[out->nheld] = (struct np_held){s->cls, s->object};
  s->cls->hold(s->object);
  put_tag(p, T_SHARED);
  put_number(p, (uint32_t)out->nheld++);
}

/* [.. v] -> [.. v] */
static void pack_value(packing *p) {
  lua_State *L = p->L;
  size_t n;
  if (++p->depth > DEPTH_MAX) refuse(p, "what is nested so deeply");
  luaL_checkstack(L, 12, "nested too deeply to be copied");
  switch (lua_type(L, -1)) {
    case LUA_TNIL: put_tag(p, T_NIL); break;
    case LUA_TBOOLEAN:
      put_tag(p, lua_toboolean(L, -1) ? T_TRUE : T_FALSE);
      break;
    case LUA_TNUMBER:
      if (lua_isinteger(L, -1)) {
        lua_Integer i = lua_tointeger(L, -1);
        put_tag(p, T_INTEGER);
        put(p, &i, sizeof i);
      } else {
        lua_Number x = lua_tonumber(L, -1);
        put_tag(p, T_FLOAT);
        put(p, &x, sizeof x);
      }
      break;
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, -1, &n);
      put_tag(p, T_STRING);
      put_string(p, s, n);
      break;
    }
    case LUA_TTABLE:
      if (!pack_name(p) && !pack_seen(p)) pack_table(p);
      break;
    case LUA_TFUNCTION:
      if (!pack_name(p) && !pack_seen(p)) pack_function(p);
      break;
    case LUA_TUSERDATA: pack_shared(p); break;
    case LUA_TTHREAD: refuse(p, "a coroutine"); break;
    default: refuse(p, "a light userdata");
  }
  p->depth--;
}

np_packed *np_pack(lua_State *L, int n, int arg) {
  int first = lua_gettop(L) - n + 1;
  luaL_checkstack(L, NSLOTS + 4, NULL);
  packing *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (packing){.L = L, .base = lua_gettop(L) - 1, .arg = arg};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, box__gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_settop(L, p->base + NSLOTS);
  p->out = calloc(1, sizeof *p->out);
  if (!p->out) out_of_memory(p);
  for (int i = 0; i < n; i++) {
    p->value = i + 1;
    lua_pushvalue(L, first + i);
    pack_value(p);
    lua_pop(L, 1);
  }
  np_packed *out = p->out;
  out->n = n;
  out->size = np_buf_size(&p->buf);
  out->data = p->buf.base; /* nothing was taken from its head */
  p->buf = (np_buf){0};
  p->out = NULL;
  lua_settop(L, p->base);
  return out;
}
