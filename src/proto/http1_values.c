/*
 * http1_values.c: what Lua asks of HTTP besides connections: the fields of a
 * head, dates and reasons. Each makes new values and keeps nothing.
 */
#include <string.h>

#include "base/class.h"
#include "proto/http1.h"

static void push_lower(lua_State *L, np_span text) {
  luaL_Buffer b;
  char *lower = luaL_buffinitsize(L, &b, text.size);
  for (size_t i = 0; i < text.size; i++) {
    char c = text.at[i];
    lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
  }
  luaL_pushresultsize(&b, text.size);
}

/* With something in them, a request line or status line not counted. */
static int count_lines(np_span text) {
  const char *at = text.at, *end = at + text.size;
  int n = -2;
  while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL)
    at++, n++;
  return n > 0 ? n : 0;
}

/* fields(head): three lists: names, the same in lower case, and values. What
 * is no field (the request line) is left out. */
int np_http_fields(lua_State *L) {
  np_span rest, line, name, value;
  rest.at = np_checkstring(L, 1, &rest.size);
  lua_settop(L, 1);
  int most = count_lines(rest);
  for (int i = 0; i < 3; i++) lua_createtable(L, most, 0);
  lua_Integer n = 0;
  while (np_line_next(&rest, &line)) {
    if (!np_field_parse(line, &name, &value)) continue;
    n++;
    lua_pushlstring(L, name.at, name.size);
    lua_rawseti(L, 2, n);
    push_lower(L, name);
    lua_rawseti(L, 3, n);
    lua_pushlstring(L, value.at, value.size);
    lua_rawseti(L, 4, n);
  }
  return 3;
}

/* field(head, name [, all]): the first value of a field, nil if there is none;
 * or the list of all its values. */
int np_http_field(lua_State *L) {
  np_span rest, wanted, line, name, value;
  rest.at = np_checkstring(L, 1, &rest.size);
  wanted.at = np_checkstring(L, 2, &wanted.size);
  bool all = lua_toboolean(L, 3);
  lua_Integer n = 0;
  lua_settop(L, 2);
  if (all) lua_newtable(L);
  while (np_line_next(&rest, &line)) {
    if (line.size <= wanted.size || line.at[wanted.size] != ':' ||
        !np_field_parse(line, &name, &value) || !np_span_same(name, wanted))
      continue;
    lua_pushlstring(L, value.at, value.size);
    if (!all) return 1;
    lua_rawseti(L, 3, ++n);
  }
  if (!all) lua_pushnil(L);
  return 1;
}

/* ---- queries ------------------------------------------------------------ */

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* With its percent-encoding undone; `plus` stands for a plus. What is no
 * encoded byte stays as it is. */
static void push_decoded(lua_State *L, np_span text, char plus) {
  luaL_Buffer b;
  if (!memchr(text.at, '+', text.size) && !memchr(text.at, '%', text.size)) {
    lua_pushlstring(L, text.at, text.size);
    return;
  }
  char *out = luaL_buffinitsize(L, &b, text.size);
  size_t n = 0;
  for (size_t i = 0; i < text.size; i++) {
    int high = -1, low = -1;
    if (text.at[i] == '%' && text.size - i > 2) {
      high = digit_of(text.at[i + 1]);
      low = digit_of(text.at[i + 2]);
    }
    if (high >= 0 && low >= 0) {
      out[n++] = (char)(high << 4 | low);
      i += 2;
    } else {
      out[n++] = text.at[i] == '+' ? plus : text.at[i];
    }
  }
  luaL_pushresultsize(&b, n);
}

/* decode(text): of one part of a URL. */
int np_http_decode(lua_State *L) {
  np_span text;
  text.at = np_checkstring(L, 1, &text.size);
  push_decoded(L, text, '+');
  return 1;
}

/* [fields .. key value] -> [fields ..]  A repeated key has a list. */
static void add_value(lua_State *L, int fields) {
  lua_pushvalue(L, -2);
  int before = lua_rawget(L, fields);
  if (before == LUA_TNIL) {
    lua_pop(L, 1);
    lua_rawset(L, fields);
    return;
  }
  if (before != LUA_TTABLE) { /* [key value before] */
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -2);
    lua_rawset(L, fields);
  }
  lua_pushvalue(L, -2); /* [key value list value] */
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 3);
}

/* query(text): the fields of a query or of a urlencoded form. */
int np_http_query(lua_State *L) {
  np_span rest, key, value;
  rest.at = np_checkstring(L, 1, &rest.size);
  lua_settop(L, 1);
  lua_newtable(L);
  while (rest.size > 0) {
    const char *end = memchr(rest.at, '&', rest.size);
    size_t size = end ? (size_t)(end - rest.at) : rest.size;
    const char *equals = memchr(rest.at, '=', size);
    key = (np_span){rest.at, equals ? (size_t)(equals - rest.at) : size};
    value = equals ? (np_span){equals + 1, size - key.size - 1}
                   : (np_span){rest.at, 0};
    if (size > 0) {
      push_decoded(L, key, ' ');
      push_decoded(L, value, ' ');
      add_value(L, 2);
    }
    rest.at += end ? size + 1 : size;
    rest.size -= end ? size + 1 : size;
  }
  return 1;
}

/* date([seconds]): of now, unless it is given. */
int np_http_date_of(lua_State *L) {
  char date[NP_DATE_SIZE];
  time_t when = time(NULL);
  if (!lua_isnoneornil(L, 1)) when = (time_t)np_checknumber(L, 1);
  np_http_date(when, date);
  lua_pushlstring(L, date, sizeof(date));
  return 1;
}

int np_http_reason_of(lua_State *L) {
  lua_pushstring(L, np_http_reason((int)np_checkinteger(L, 1, 0, 999)));
  return 1;
}
