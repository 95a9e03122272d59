/*
 * spawn.c: functions of the script run as tasks at the application's wish.
 * An np_call watches the task; when it has ended, a turn tells the
 * application, outside of any task. The registry keeps the task until then.
 */
#include <stdlib.h>
#include <string.h>

#include "api/embed.h"
#include "base/err.h"
#include "core/loop.h"
#include "core/task.h"

typedef struct np_call {
  np_watch watch;
  np_link link; /* in n->calls once the task has ended */
  neap_host *n;
  neap_done done;
  void *ud;
} np_call;

/* What neap_spawn starts. */
typedef struct np_start {
  const char *function; /* NULL: the arguments begin with it */
  const neap_value *values;
  int count;
  np_call *call; /* or NULL */
  bool missing;
} np_start;

static bool call_fire(np_watch *w, int event) {
  np_call *c = np_container_of(w, np_call, watch);
  if (event != NP_ENDED) return false;
  np_host *h = np_future_host(w->future);
  np_list_append(&c->n->calls, &c->link);
  h->posts_due = true;
  np_loop_kick(h);
  return true;
}

/* ---- starting ---------------------------------------------------------- */

/* [..] -> [.. value]  The global of that name; dots go into tables. */
static void push_function(lua_State *L, const char *name) {
  lua_pushglobaltable(L);
  for (;;) {
    const char *dot = strchr(name, '.');
    lua_pushlstring(L, name, dot ? (size_t)(dot - name) : strlen(name));
    if (!lua_istable(L, -2)) {
      lua_pushnil(L);
      return;
    }
    lua_gettable(L, -2);
    if (!dot) return;
    name = dot + 1;
  }
}

/* [n, start, function and arguments of neap_spawn_function] */
static int start(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  np_start *s = lua_touserdata(L, 2);
  np_host *h = &n->inside->host;
  if (s->function) {
    push_function(L, s->function);
    luaL_checkstack(L, s->count + LUA_MINSTACK, NULL);
    for (int i = 0; i < s->count; i++) np_push_value(L, &s->values[i]);
  }
  int nargs = s->function ? s->count : lua_gettop(L) - 3;
  s->missing = !lua_isfunction(L, -(nargs + 1));
  if (s->missing) return luaL_error(L, "there is no such function");
  np_call *c = s->call;
  if (c) { /* an entry for it first, so that nothing fails later */
    lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, c);
  }
  np_task *t = np_spawn(L, h, nargs, NP_TASK_PLAIN);
  if (!c) return 0;
  lua_rawsetp(L, LUA_REGISTRYINDEX, c);
  np_watch_start(&c->watch, &t->future, call_fire);
  return 0;
}

static int spawn(neap_host *n, np_start *s, int nstack, neap_done done,
                 void *ud) {
  if (done) {
    s->call = malloc(sizeof *s->call);
    if (!s->call) {
      lua_pop(n->inside->host.L, nstack);
      return np_refuse(n, UV_ENOMEM, "not enough memory");
    }
    memset(s->call, 0, sizeof *s->call);
    np_list_init(&s->call->link);
    s->call->n = n;
    s->call->done = done;
    s->call->ud = ud;
  }
  int err = np_protected_with(n, start, s, n->inside->host.L, nstack);
  if (err < 0) free(s->call);
  if (!s->missing) return err;
  return np_refuse(n, NEAP_EINVAL, "there is no function '%s'",
                   s->function ? s->function : "on the stack");
}

int neap_spawn(neap_host *host, const char *function, const neap_value *values,
               int count, neap_done done, void *ud) {
  int err = np_enter(host);
  if (err < 0) return err;
  const char *wrong =
      function ? np_values_wrong(values, count) : "the function is NULL";
  if (wrong) return np_refuse(host, NEAP_EINVAL, "neap_spawn: %s", wrong);
  np_start s = {.function = function, .values = values, .count = count};
  return spawn(host, &s, 0, done, ud);
}

int neap_spawn_function(neap_host *host, int nargs, neap_done done, void *ud) {
  int err = np_enter(host);
  if (err < 0) return err;
  if (nargs < 0 || lua_gettop(host->inside->host.L) <= nargs)
    return np_refuse(host, NEAP_EINVAL, "no function below %d arguments",
                     nargs);
  return spawn(host, &(np_start){0}, nargs + 1, done, ud);
}

/* ---- telling ----------------------------------------------------------- */

/* [.. task] -> [.. results] or [.. error]: fills in the outcome. */
static void take_results(lua_State *L, int task, neap_outcome *o) {
  np_future *f = lua_touserdata(L, task);
  o->L = L;
  o->first = lua_gettop(L) + 1;
  o->message = o->traceback = "";
  if (f->state == NP_SUCCEEDED) {
    int count = np_future_results(L, task);
    o->first = lua_gettop(L) - count + 1;
    o->count = count;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    neap_value *values = lua_newuserdatauv(L, (count + 1) * sizeof *values, 0);
    for (int i = 0; i < count; i++) np_to_value(L, o->first + i, &values[i]);
    o->values = values;
    return;
  }
  o->status = f->state == NP_CANCELLED ? NEAP_ECANCELLED : NEAP_ESCRIPT;
  np_future_retrieved(L, task);
  lua_getiuservalue(L, task, NP_UV_VALUE);
  o->message = luaL_tolstring(L, -1, NULL);
  np_future_extra(L, task);
  if (lua_rawgeti(L, -1, NP_EX_TRACE) == LUA_TSTRING)
    o->traceback = lua_tostring(L, -1);
}

/* [n, call] */
static int tell(lua_State *L) {
  np_call *c = lua_touserdata(L, 2);
  neap_outcome o = {0};
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, c) == LUA_TUSERDATA)
    take_results(L, lua_gettop(L), &o);
  neap_done done = c->done;
  c->done = NULL;
  done(c->n, &o, c->ud);
  return 0;
}

static int forget(lua_State *L) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, lua_touserdata(L, 2));
  return 0;
}

void np_calls_tell(neap_host *n) {
  np_link *l;
  while ((l = np_list_first(&n->calls)) != NULL) {
    np_call *c = np_container_of(l, np_call, link);
    np_list_remove(l);
    int err = np_protected(n, tell, c);
    if (c->done) { /* the results could not even be taken */
      neap_outcome o = {.status = err, .message = n->message, .traceback = ""};
      c->done(n, &o, c->ud);
    }
    np_protected(n, forget, c);
    free(c);
  }
}
