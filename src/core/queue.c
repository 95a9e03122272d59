/*
 * queue.c: queues between tasks: first in first out, last in first out, or
 * the least first.
 *
 * Tasks that wait in `get` exist only while the queue is empty and open, those
 * in `put` only while it is full and open, so never both. An item goes
 * straight to the first `get` that waits; room goes to the first `put` that
 * waits, whose item enters at once, so nobody barges in.
 *
 * Items lie in a Lua table used as a ring; the least is found by the heap of
 * lua/neap/sync/heap.lua, whose order may raise: then nothing has changed. It
 * is called as Lua calls the order of table.sort: it cannot wait.
 *
 * core.queue(class, maxsize, kind, items) gives the owner of a queue, with its
 * four hot functions as fields, as gate.c has it.
 */
#include <lauxlib.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"
#include "core/waitq.h"

typedef enum { FIRST, LAST, LEAST } np_queue_kind;

typedef struct np_queue {
  np_waitq getters, putters, joiners;
  np_host *host;
  const void *owner;      /* the table whose methods they are; only compared */
  lua_Integer n;          /* items in it */
  lua_Integer limit;      /* most; LUA_MAXINTEGER: any number */
  lua_Integer unfinished; /* items put for which task_done was not called */
  lua_Integer places, head; /* of the ring: how many, the first item's */
  np_queue_kind kind;
  bool closed;
} np_queue;

/* Of the hot functions. ITEMS is the table of the ring, or the heap. */
enum { QUEUE = lua_upvalueindex(2), ITEMS = lua_upvalueindex(4) };

/* The stack of a task that waits: of one in `put`, with its item. It is woken
 * in `get` with what it gets on top; in `put` with the item gone if the queue
 * was closed, with an error on top if the item could not be stored. */
enum { SELF = 1, ITEM };

enum { RING_MIN = 4 };

static int raise_closed(lua_State *L) {
  return np_raise(L, "CLOSED", "the queue is closed");
}

/* ---- the items --------------------------------------------------------- */

/* The key of the i-th item in the ring. */
static lua_Integer place(const np_queue *q, lua_Integer i) {
  lua_Integer at = q->head + i;
  return (at < q->places ? at : at - q->places) + 1;
}

/* The ring is full: it gets more places, and the items that had begun again
 * at its start go behind the others. Only the first step may raise, for want
 * of memory: Lua's array is then as long as the ring has places, or longer. */
static void grow(lua_State *L, np_queue *q) {
  lua_Integer old = q->places;
  lua_Integer most = old ? old * 2 : RING_MIN;
  lua_Integer places = most < q->limit ? most : q->limit;
  for (lua_Integer i = 0; i < q->head; i++) {
    lua_Integer to = (old + i) % places;
    lua_rawgeti(L, ITEMS, i + 1);
    lua_rawseti(L, ITEMS, to + 1);
    lua_pushnil(L);
    lua_rawseti(L, ITEMS, i + 1);
  }
  q->places = places;
}

/* [.. item] -> [.. push heap item count] */
static void prepare_push(lua_State *L, const np_queue *q) {
  lua_getfield(L, ITEMS, "push");
  lua_pushvalue(L, ITEMS);
  lua_rotate(L, -3, -1);
  lua_pushinteger(L, q->n + 1);
}

/* [.. item] -> [..] Raises what the order raises. */
static void store(lua_State *L, np_queue *q) {
  if (q->kind == LEAST) {
    prepare_push(L, q);
    lua_call(L, 3, 0);
  } else {
    if (q->n == q->places) grow(L, q);
    lua_rawseti(L, ITEMS, place(q, q->n));
  }
  q->n++;
  q->unfinished++;
}

/* [..] -> [.. item] The same. */
static void take(lua_State *L, np_queue *q) {
  if (q->kind == LEAST) {
    lua_getfield(L, ITEMS, "pop");
    lua_pushvalue(L, ITEMS);
    lua_pushinteger(L, q->n);
    lua_call(L, 2, 1);
  } else {
    lua_Integer key = place(q, q->kind == LAST ? q->n - 1 : 0);
    lua_rawgeti(L, ITEMS, key);
    lua_pushnil(L);
    lua_rawseti(L, ITEMS, key);
    if (q->kind == FIRST && ++q->head == q->places) q->head = 0;
  }
  q->n--;
}

/* ---- waiting ----------------------------------------------------------- */

static np_task *task_of(np_wait *w) {
  return np_container_of(w, np_task, own.wait);
}

static np_queue *queue_of(np_wait *w) {
  return lua_touserdata(task_of(w)->leaf, SELF);
}

/* [owner, args ..] Parks the task with the queue in the place of its owner. */
static int park(lua_State *L, np_queue *q, np_waitq *in,
                const np_wait_class *cls) {
  np_checkwait(L, q->host); /* a turn may have passed since the last one */
  lua_pushvalue(L, QUEUE);
  lua_replace(L, SELF);
  return np_waitq_park(L, q->host, in, cls, false);
}

/* The call goes on after a turn of the others. */
static int park_turn(lua_State *L, np_host *h, const np_wait_class *cls) {
  return np_park_ready(L, h, &h->current->own.wait, cls);
}

static bool turn_cancel(np_wait *w) {
  (void)w;
  return false; /* it is in the ready queue */
}

static bool put_cancel(np_wait *w) {
  np_waitq_leave(&queue_of(w)->putters, task_of(w));
  return true;
}

static bool get_cancel(np_wait *w) {
  np_waitq_leave(&queue_of(w)->getters, task_of(w));
  return true;
}

static bool join_cancel(np_wait *w) {
  np_waitq_leave(&queue_of(w)->joiners, task_of(w));
  return true;
}

static int put_finish(lua_State *L, np_wait *w) {
  (void)w;
  int top = lua_gettop(L);
  if (top < ITEM) return raise_closed(L);
  return top == ITEM ? 0 : lua_error(L);
}

static int get_finish(lua_State *L, np_wait *w) {
  (void)L, (void)w;
  return 1;
}

static int join_finish(lua_State *L, np_wait *w) {
  (void)L, (void)w;
  return 0;
}

static const np_wait_class put_class = {
    .name = "queue put", .cancel = put_cancel, .finish = put_finish};
static const np_wait_class get_class = {
    .name = "queue get", .cancel = get_cancel, .finish = get_finish};
static const np_wait_class join_class = {
    .name = "queue join", .cancel = join_cancel, .finish = join_finish};

/* ---- putting ----------------------------------------------------------- */

static np_queue *own_queue(lua_State *L) {
  np_queue *q = lua_touserdata(L, QUEUE);
  if (lua_topointer(L, SELF) != q->owner) np_typeerror(L, SELF, "Queue");
  return q;
}

/* The queue, with the arguments of put: [owner, item]. */
static np_queue *check_put(lua_State *L) {
  np_queue *q = own_queue(L);
  if (lua_isnoneornil(L, ITEM)) np_typeerror(L, ITEM, "value");
  if (lua_gettop(L) > ITEM) lua_settop(L, ITEM);
  return q;
}

/* [.. item] -> [..] Hands it to the first who waits for one, or stores it. */
static int take_in(lua_State *L, np_queue *q) {
  if (q->getters.count == 0) {
    store(L, q);
    return 0;
  }
  np_task *t = np_waitq_wake(&q->getters);
  lua_xmove(L, t->leaf, 1);
  q->unfinished++;
  return 0;
}

/* [owner, item] */
static int put_item(lua_State *L, np_queue *q) {
  if (q->closed) return raise_closed(L);
  if (q->n < q->limit) return take_in(L, q);
  return park(L, q, &q->putters, &put_class);
}

static int put_after_turn(lua_State *L, np_wait *w) {
  (void)w;
  return put_item(L, lua_touserdata(L, QUEUE));
}

static const np_wait_class put_turn_class = {
    .name = "a turn", .cancel = turn_cancel, .finish = put_after_turn};

/* owner:put(item) waits while the queue is full. */
static int queue_put(lua_State *L) {
  np_queue *q = check_put(L);
  np_checkwait(L, q->host);
  if (np_turn_due(q->host)) return park_turn(L, q->host, &put_turn_class);
  return put_item(L, q);
}

/* owner:put_nowait(item) */
static int queue_put_nowait(lua_State *L) {
  np_queue *q = check_put(L);
  if (q->closed) return raise_closed(L);
  if (q->n >= q->limit) return np_raise(L, "QUEUE_FULL", "the queue is full");
  return take_in(L, q);
}

/* ---- getting ----------------------------------------------------------- */

/* There is room: the item of the first who waits to put one enters; a ring has
 * a place for it that was in use. What the order raises is that one's error,
 * and the room is the next one's. */
static void admit(lua_State *L, np_queue *q) {
  lua_State *co = np_waitq_wake(&q->putters)->leaf;
  lua_pushvalue(co, ITEM);
  lua_xmove(co, L, 1);
  if (q->kind != LEAST) {
    store(L, q);
    return;
  }
  prepare_push(L, q);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
    lua_xmove(L, co, 1);
    return;
  }
  q->n++;
  q->unfinished++;
}

/* Takes an item, or gives nil where none is left. */
static int give(lua_State *L, np_queue *q) {
  if (q->n == 0) {
    lua_pushnil(L);
    return 1;
  }
  take(L, q);
  while (q->putters.count > 0 && q->n < q->limit) admit(L, q);
  return 1;
}

/* [owner ..] */
static int get_item(lua_State *L, np_queue *q) {
  if (q->n > 0 || q->closed) return give(L, q);
  return park(L, q, &q->getters, &get_class);
}

static int get_after_turn(lua_State *L, np_wait *w) {
  (void)w;
  return get_item(L, lua_touserdata(L, QUEUE));
}

static const np_wait_class get_turn_class = {
    .name = "a turn", .cancel = turn_cancel, .finish = get_after_turn};

/* owner:get() waits while there is no item. */
static int queue_get(lua_State *L) {
  np_queue *q = own_queue(L);
  np_checkwait(L, q->host);
  if (np_turn_due(q->host)) return park_turn(L, q->host, &get_turn_class);
  return get_item(L, q);
}

/* owner:get_nowait() */
static int queue_get_nowait(lua_State *L) {
  np_queue *q = own_queue(L);
  if (q->n > 0 || q->closed) return give(L, q);
  return np_raise(L, "QUEUE_EMPTY", "the queue is empty");
}

/* ---- the rest ---------------------------------------------------------- */

static int queue_size(lua_State *L) {
  lua_pushinteger(L, ((np_queue *)np_checkself(L))->n);
  return 1;
}

static int queue_closed(lua_State *L) {
  lua_pushboolean(L, ((np_queue *)np_checkself(L))->closed);
  return 1;
}

static int queue_task_done(lua_State *L) {
  np_queue *q = np_checkself(L);
  if (q->unfinished == 0)
    return np_raise(L, "INVALID_STATE", "task_done was called too often");
  if (--q->unfinished > 0) return 0;
  while (np_waitq_wake(&q->joiners)) {
  }
  return 0;
}

/* queue:join() waits until task_done was called for every item. */
static int queue_join(lua_State *L) {
  np_queue *q = np_checkself(L);
  np_checkwait(L, q->host);
  if (q->unfinished == 0) return np_settle_true(L, q->host);
  lua_settop(L, SELF);
  return np_waitq_park(L, q->host, &q->joiners, &join_class, false);
}

static int queue_close(lua_State *L) {
  np_queue *q = np_checkself(L);
  np_task *t;
  q->closed = true;
  while ((t = np_waitq_wake(&q->putters)) != NULL) lua_settop(t->leaf, SELF);
  while ((t = np_waitq_wake(&q->getters)) != NULL) lua_pushnil(t->leaf);
  return 0;
}

static const luaL_Reg methods[] = {
    {"size", queue_size},           {"closed", queue_closed},
    {"task_done", queue_task_done}, {"join", queue_join},
    {"close", queue_close},         {NULL, NULL}};
static const np_class queue_class = {"QueueItems", methods, NULL};

static const luaL_Reg hot[] = {{"put", queue_put},
                               {"get", queue_get},
                               {"put_nowait", queue_put_nowait},
                               {"get_nowait", queue_get_nowait},
                               {NULL, NULL}};

/* queue(class, maxsize, "first" | "last" | "least", items) -> owner */
static int queue_new(lua_State *L) {
  static const char *const kinds[] = {"first", "last", "least", NULL};
  enum { CLASS = 1, MAXSIZE, KIND, TABLE };
  np_host *h = np_gethost(L);
  np_queue *q = lua_newuserdatauv(L, sizeof *q, 0);
  lua_Integer maxsize = lua_tointeger(L, MAXSIZE);
  *q = (np_queue){.host = h, .limit = maxsize > 0 ? maxsize : LUA_MAXINTEGER};
  q->kind = (np_queue_kind)luaL_checkoption(L, KIND, NULL, kinds);
  np_waitq_init(&q->getters);
  np_waitq_init(&q->putters);
  np_waitq_init(&q->joiners);
  np_class_set(L, &queue_class);
  np_pushowner(L, h, CLASS, TABLE, hot);
  q->owner = lua_topointer(L, -1);
  return 1;
}

static const luaL_Reg funcs[] = {{"queue", queue_new}, {NULL, NULL}};

void np_queue_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &queue_class);
}
