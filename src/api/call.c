/*
 * call.c: from C into the Lua state and back: protected calls, values, and the
 * texts of errors. A text is one block of memory: all of it, then the message
 * and the traceback apart.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/embed.h"
#include "core/limits.h"

/* ---- texts ------------------------------------------------------------- */

char *np_join_error(const char *message, const char *traceback) {
  size_t m = strlen(message), t = traceback ? strlen(traceback) : 0;
  char *text = malloc(2 * (m + 1) + 2 * (t + 1));
  if (!text) return NULL;
  memcpy(text, message, m + 1);
  if (t > 0) {
    text[m] = '\n';
    memcpy(text + m + 1, traceback, t + 1);
  }
  char *rest = text + strlen(text) + 1;
  memcpy(rest, message, m + 1);
  memcpy(rest + m + 1, traceback ? traceback : "", t + 1);
  return text;
}

/* Takes over a joined text, or NULL for want of memory. */
static void take_text(neap_host *n, char *text) {
  free(n->text);
  n->text = text;
  n->message = text ? text + strlen(text) + 1 : "not enough memory";
  n->traceback = text ? n->message + strlen(n->message) + 1 : "";
}

void np_keep_error(neap_host *n, const char *message, const char *traceback) {
  take_text(n, np_join_error(message, traceback));
}

void np_keep_report(neap_host *n) {
  take_text(n, n->report);
  n->report = NULL;
}

int np_refuse(neap_host *n, int code, const char *fmt, ...) {
  char text[256];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  np_keep_error(n, text, NULL);
  return code;
}

/* For another thread, whose calls change nothing. */
static const char *cannot_tell(neap_host *host) {
  if (!host) return "";
  uv_thread_t self = uv_thread_self();
  if (!uv_thread_equal(&self, &host->thread))
    return neap_strerror(NEAP_ETHREAD);
  return host->message ? NULL : "";
}

const char *neap_error_text(neap_host *host) {
  const char *other = cannot_tell(host);
  if (other) return other;
  return host->text ? host->text : host->message;
}

const char *neap_error_message(neap_host *host) {
  const char *other = cannot_tell(host);
  return other ? other : host->message;
}

const char *neap_error_traceback(neap_host *host) {
  return cannot_tell(host) ? "" : host->traceback;
}

const char *neap_strerror(int code) {
  static const char *const texts[] = {
      "the options are of another version of neap.h",
      "not in this state of the host",
      "the script does not compile, or cannot be read",
      "the script raised an error",
      "every task waited for good",
      "a task failed and nobody took its error",
      "an argument is NULL or out of range",
      "the host belongs to another thread",
      "the host is closed",
      "too many posts wait",
      "it was cancelled",
      "the program was stopped",
  };
  if (code == 0) return "no error";
  if (code <= NEAP_EABI && code >= NEAP_ESTOPPED)
    return texts[NEAP_EABI - code];
  return code < 0 ? uv_strerror(code) : "no error code";
}

/* ---- protected calls --------------------------------------------------- */

/* [.. err] -> [.. ] */
static int keep_raised(neap_host *n, lua_State *S, int status) {
  const char *text = lua_tostring(S, -1);
  np_keep_error(n, text ? text : "(error object is not a string)", NULL);
  lua_pop(S, 1);
  return status == LUA_ERRMEM ? UV_ENOMEM : NEAP_ESTATE;
}

int np_protected_with(neap_host *n, lua_CFunction fn, void *arg,
                      lua_State *from, int nargs) {
  np_host *h = &n->inside->host;
  lua_State *S = h->scratch ? h->scratch : h->L;
  if (!lua_checkstack(S, nargs + LUA_MINSTACK)) {
    lua_pop(from, nargs);
    return np_refuse(n, UV_ENOMEM, "not enough memory");
  }
  lua_pushcfunction(S, fn);
  lua_pushlightuserdata(S, n);
  lua_pushlightuserdata(S, arg);
  if (nargs > 0) {
    if (from == S) {
      lua_rotate(S, -(nargs + 3), 3);
    } else {
      lua_xmove(from, S, nargs);
    }
  }
  int status = lua_pcall(S, 2 + nargs, 0, 0);
  return status == LUA_OK ? 0 : keep_raised(n, S, status);
}

int np_protected(neap_host *n, lua_CFunction fn, void *arg) {
  return np_protected_with(n, fn, arg, NULL, 0);
}

/* ---- values ------------------------------------------------------------ */

neap_value neap_nil(void) { return (neap_value){.type = NEAP_NIL}; }

neap_value neap_boolean(int b) {
  return (neap_value){.type = NEAP_BOOLEAN, .as.boolean = b != 0};
}

neap_value neap_integer(lua_Integer i) {
  return (neap_value){.type = NEAP_INTEGER, .as.integer = i};
}

neap_value neap_number(lua_Number x) {
  return (neap_value){.type = NEAP_NUMBER, .as.number = x};
}

neap_value neap_string(const char *s) {
  return s ? neap_bytes(s, strlen(s)) : neap_nil();
}

neap_value neap_bytes(const char *data, size_t size) {
  return (neap_value){.type = NEAP_STRING, .as.string = {data, size}};
}

const char *np_values_wrong(const neap_value *values, int count) {
  if (count < 0 || count > 250) return "0 to 250 values can be given";
  if (count > 0 && !values) return "the values are NULL";
  for (int i = 0; i < count; i++) {
    const neap_value *v = &values[i];
    if ((unsigned)v->type >= NEAP_OTHER)
      return "a value has no type that can be given";
    if (v->type == NEAP_STRING && !v->as.string.data && v->as.string.size > 0)
      return "a string is NULL";
  }
  return NULL;
}

void np_push_value(lua_State *L, const neap_value *v) {
  switch (v->type) {
    case NEAP_BOOLEAN: lua_pushboolean(L, v->as.boolean); break;
    case NEAP_INTEGER: lua_pushinteger(L, v->as.integer); break;
    case NEAP_NUMBER: lua_pushnumber(L, v->as.number); break;
    case NEAP_STRING:
      lua_pushlstring(L, v->as.string.data, v->as.string.size);
      break;
    default: lua_pushnil(L);
  }
}

void np_to_value(lua_State *L, int idx, neap_value *v) {
  switch (lua_type(L, idx)) {
    case LUA_TNIL: *v = neap_nil(); break;
    case LUA_TBOOLEAN: *v = neap_boolean(lua_toboolean(L, idx)); break;
    case LUA_TSTRING: {
      size_t size;
      const char *data = lua_tolstring(L, idx, &size);
      *v = neap_bytes(data, size);
      break;
    }
    case LUA_TNUMBER:
      *v = lua_isinteger(L, idx) ? neap_integer(lua_tointeger(L, idx))
                                 : neap_number(lua_tonumber(L, idx));
      break;
    default: *v = neap_string(luaL_typename(L, idx)); v->type = NEAP_OTHER;
  }
}

/* ---- globals and functions --------------------------------------------- */

/* The address is the registry key of the last value that was read. */
static const char value_key = 0;

typedef struct np_global {
  const char *name;
  neap_value *value;
} np_global;

static int set_global(lua_State *L) {
  np_global *g = lua_touserdata(L, 2);
  np_push_value(L, g->value);
  lua_setglobal(L, g->name);
  return 0;
}

static int get_global(lua_State *L) {
  np_global *g = lua_touserdata(L, 2);
  lua_getglobal(L, g->name);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &value_key);
  np_to_value(L, -1, g->value);
  return 0;
}

int neap_set_global(neap_host *host, const char *name, neap_value value) {
  int err = np_enter(host);
  if (err < 0) return err;
  const char *wrong = name ? np_values_wrong(&value, 1) : "the name is NULL";
  if (wrong) return np_refuse(host, NEAP_EINVAL, "neap_set_global: %s", wrong);
  return np_protected(host, set_global, &(np_global){name, &value});
}

int neap_get_global(neap_host *host, const char *name, neap_value *value) {
  int err = np_enter(host);
  if (err < 0) return err;
  if (!name || !value)
    return np_refuse(host, NEAP_EINVAL, "neap_get_global: an argument is NULL");
  return np_protected(host, get_global, &(np_global){name, value});
}

typedef struct np_module {
  const char *name;
  const luaL_Reg *functions;
} np_module;

static int register_module(lua_State *L) {
  np_module *m = lua_touserdata(L, 2);
  if (!m->name) {
    lua_pushglobaltable(L);
    luaL_setfuncs(L, m->functions, 0);
    return 0;
  }
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L);
  luaL_setfuncs(L, m->functions, 0);
  lua_setfield(L, -2, m->name);
  return 0;
}

int neap_register(neap_host *host, const char *name,
                  const luaL_Reg *functions) {
  int err = np_enter(host);
  if (err < 0) return err;
  if (!functions)
    return np_refuse(host, NEAP_EINVAL, "neap_register: no functions");
  if (name && strncmp(name, "neap", 4) == 0 && (!name[4] || name[4] == '.'))
    return np_refuse(host, NEAP_EINVAL, "neap_register: '%s' is neap's own",
                     name);
  return np_protected(host, register_module, &(np_module){name, functions});
}
