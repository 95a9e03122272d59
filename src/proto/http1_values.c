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
