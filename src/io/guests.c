/*
 * guests.c: the tasks of a server, one for each connection. However such a
 * task ends, also before it began, its stream is closed then; so neither a
 * frame on the task's stack nor an entry in a table is spent on a connection.
 * While there are tasks the registry holds the Guests, which they point to.
 */
#include "io/guests.h"

#include <lauxlib.h>

#include "base/class.h"
#include "core/waitq.h"
#include "io/stream.h"

enum { UV_ROOM = 1, UV_ENDED };

typedef struct np_guests {
  np_host *host;
  np_link tasks;   /* np_guest */
  np_waitq *room;  /* one is woken for each task that ends */
  np_waitq *ended; /* all are woken with the last task of a closed server */
  lua_Integer count;
  int ref; /* in the registry while there are tasks, or LUA_NOREF */
  bool closed;
} np_guests;

typedef struct np_guest {
  np_task task;
  np_link link;
  np_guests *guests;
  np_stream *stream; /* held */
} np_guest;

static void wake_ended(np_guests *g) {
  for (uint32_t n = g->ended->count; n > 0; n--) np_waitq_wake(g->ended);
}

static void on_end(np_task *t) {
  np_guest *guest = (np_guest *)t;
  np_guests *g = guest->guests;
  np_stream_close(guest->stream, false);
  np_release(&guest->stream->base);
  np_list_remove(&guest->link);
  np_waitq_wake(g->room);
  if (--g->count > 0) return;
  if (g->closed) wake_ended(g);
  luaL_unref(g->host->slots, LUA_REGISTRYINDEX, g->ref);
  g->ref = LUA_NOREF;
}

/* spawn(fn, stream) -> the task that calls fn(stream) */
static int guests_spawn(lua_State *L) {
  np_guests *g = np_checkself(L);
  np_stream *s = np_stream_check(L, 3);
  lua_settop(L, 3);
  if (g->ref == LUA_NOREF) { /* it stays if what follows raises */
    lua_pushvalue(L, 1);
    g->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  np_task *t = np_spawn_sized(L, g->host, 1, NP_TASK_GUEST,
                              sizeof(np_guest) - sizeof(np_task));
  np_guest *guest = (np_guest *)t;
  guest->guests = g;
  guest->stream = s;
  np_hold(&s->base);
  np_list_append(&g->tasks, &guest->link);
  g->count++;
  return 1;
}

static int guests_count(lua_State *L) {
  np_guests *g = np_checkself(L);
  lua_pushinteger(L, g->count);
  return 1;
}

/* cancel(): all of them. */
static int guests_cancel(lua_State *L) {
  np_guests *g = np_checkself(L);
  for (np_link *l = g->tasks.next; l != &g->tasks; l = l->next)
    np_task_cancel(g->host, &np_container_of(l, np_guest, link)->task);
  return 0;
}

/* close(): wakes who waits for room or for the end, now; who waits for the end
 * also when the last task ends. */
static int guests_close(lua_State *L) {
  np_guests *g = np_checkself(L);
  g->closed = true;
  np_waitq_wake(g->room);
  wake_ended(g);
  return 0;
}

static const luaL_Reg methods[] = {{"spawn", guests_spawn},
                                   {"count", guests_count},
                                   {"cancel", guests_cancel},
                                   {"close", guests_close},
                                   {NULL, NULL}};
static const np_class guests_class = {"Guests", methods, NULL};

/* core.guests(room, ended): two wait queues */
static int guests_new(lua_State *L) {
  np_waitq *room = np_waitq_check(L, 1), *ended = np_waitq_check(L, 2);
  np_guests *g = lua_newuserdatauv(L, sizeof *g, UV_ENDED);
  *g = (np_guests){
      .host = np_gethost(L), .room = room, .ended = ended, .ref = LUA_NOREF};
  np_list_init(&g->tasks);
  for (int i = UV_ROOM; i <= UV_ENDED; i++) {
    lua_pushvalue(L, i);
    lua_setiuservalue(L, -2, i);
  }
  np_class_set(L, &guests_class);
  return 1;
}

static const luaL_Reg funcs[] = {{"guests", guests_new}, {NULL, NULL}};

void np_guests_open(lua_State *L, np_host *h) {
  h->on_guest_end = on_end;
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &guests_class);
}
