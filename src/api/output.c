/*
 * output.c: where what a script says goes: print and io to options.output,
 * warnings to options.warn, errors that nobody took to options.on_error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/options.h"

/* ---- print and io ------------------------------------------------------ */

/* A file of the library io whose bytes go to the application. */
typedef struct np_sink {
  luaL_Stream stream; /* first: what io knows */
  neap_host *n;
  int fd;
} np_sink;

static void put(neap_host *n, int fd, const char *data, size_t size) {
  n->in_call++;
  n->options.output(n->options.ud, fd, data, size);
  n->in_call--;
}

static int print(lua_State *L) {
  int count = lua_gettop(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 1; i <= count; i++) {
    if (i > 1) luaL_addchar(&b, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  put(neap_of(L), 1, text, size);
  return 0;
}

static ssize_t sink_write(void *cookie, const char *data, size_t size) {
  np_sink *s = cookie;
  if (size > 0) put(s->n, s->fd, data, size);
  return (ssize_t)size;
}

static int sink_close(lua_State *L) {
  luaL_Stream *s = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  fclose(s->f);
  lua_pushboolean(L, 1);
  return 1;
}

/* [.. io] -> [.. io file]  Also io.NAME. */
static void new_sink(lua_State *L, neap_host *n, const char *name, int fd) {
  np_sink *s = lua_newuserdatauv(L, sizeof *s, 0);
  memset(s, 0, sizeof *s);
  luaL_setmetatable(L, LUA_FILEHANDLE); /* closed, while closef is NULL */
  s->n = n;
  s->fd = fd;
  s->stream.f =
      fopencookie(s, "w", (cookie_io_functions_t){.write = sink_write});
  if (!s->stream.f) luaL_error(L, "not enough memory");
  setvbuf(s->stream.f, NULL, _IONBF, 0); /* as it comes */
  s->stream.closef = sink_close;
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, name);
}

void np_output_open(lua_State *L, neap_host *n) {
  lua_pushcfunction(L, print);
  lua_setglobal(L, "print");
  lua_getglobal(L, "io");
  new_sink(L, n, "stderr", 2);
  lua_pop(L, 1);
  new_sink(L, n, "stdout", 1);
  lua_getfield(L, -2, "output");
  lua_insert(L, -2);
  lua_call(L, 1, 0); /* io.output(io.stdout) */
  lua_pop(L, 1);
}

/* ---- warnings ---------------------------------------------------------- */

void np_output_warning(void *ud, const char *text, int more) {
  neap_host *n = ud;
  size_t had = n->warning ? strlen(n->warning) : 0;
  if (had == 0 && !more && text[0] == '@') return; /* a control message */
  char *whole = realloc(n->warning, had + strlen(text) + 1);
  if (!whole) return;
  n->warning = whole;
  strcpy(whole + had, text);
  if (more) return;
  n->in_call++;
  n->options.warn(n->options.ud, whole);
  n->in_call--;
  whole[0] = '\0';
}

/* ---- errors nobody took ------------------------------------------------ */

static void show(neap_host *n, const char *text, const char *trace) {
  if (n->options.output) {
    put(n, 2, text, strlen(text));
    if (*trace) put(n, 2, "\n", 1);
    put(n, 2, trace, strlen(trace));
    put(n, 2, "\n", 1);
  } else {
    fprintf(stderr, "%s%s%s\n", text, *trace ? "\n" : "", trace);
  }
}

/* [context] */
int np_output_report(lua_State *L) {
  neap_host *n = neap_of(L);
  np_host *h = &n->inside->host;
  lua_settop(L, 1);
  lua_getfield(L, 1, "message");
  lua_getfield(L, 1, "error");
  lua_getfield(L, 1, "traceback");
  lua_getfield(L, 1, "handler");
  bool handler = lua_toboolean(L, -1), plain = lua_isnil(L, 3);
  neap_report r = {
      .message =
          lua_isnil(L, 2) ? "unhandled error" : luaL_tolstring(L, 2, NULL),
      .error = plain ? "" : luaL_tolstring(L, 3, NULL),
      .traceback = lua_isnil(L, 4) ? "" : luaL_tolstring(L, 4, NULL)};
  const char *text =
      plain ? r.message : lua_pushfstring(L, "%s: %s", r.message, r.error);
  if (!handler) {
    h->failed = true;
    if (!n->report) n->report = np_join_error(text, r.traceback);
  }
  if (n->options.print_errors) show(n, text, r.traceback);
  if (!n->options.on_error) return 0;
  n->in_call++;
  n->options.on_error(n->options.ud, &r);
  n->in_call--;
  return 0;
}
