/*
 * work.c: the queue in front of libuv's pool of threads. The np_workers has a
 * hold for its userdata in the registry and one for each np_work, so it
 * outlives the Lua state where requests do.
 */
#include "io/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/class.h"

struct np_workers {
  np_handle base;
  np_link queue;      /* np_work.link */
  np_link dirty;      /* np_file.dirty */
  atomic_bool wanted; /* the queue is not empty */
  unsigned running, max;
};

static const char registry_key = 0;

/* ---- running ----------------------------------------------------------- */

static void on_after(uv_work_t *req, int status);

static void over(np_work *w) {
  np_clock_release(w->base.host);
  np_uv_closed(&w->base);
}

static void on_run(uv_work_t *req) {
  np_work *w = np_container_of(req, np_work, req);
  w->status = w->run(w);
}

static void start(np_work *w) {
  w->workers->running++;
  w->status = UV_ECANCELED;
  uv_queue_work(w->base.host->uv, &w->req, on_run, on_after);
}

static void start_or_queue(np_work *w) {
  if (w->workers->running < w->workers->max) {
    start(w);
  } else {
    np_list_append(&w->workers->queue, &w->link);
    w->workers->wanted = true;
  }
}

static void unqueue(np_work *w) {
  np_workers *pool = w->workers;
  np_list_remove(&w->link);
  pool->wanted = !np_list_empty(&pool->queue);
}

static void on_after(uv_work_t *req, int status) {
  (void)status;  // w->status says it as well
  np_work *w = np_container_of(req, np_work, req);
  np_workers *pool = w->workers;
  pool->running--;
  np_link *first = np_list_first(&pool->queue);
  if (first) {
    np_work *next = np_container_of(first, np_work, link);
    unqueue(next);
    start(next);
  }
  if (w->status == NP_WORK_LATER) {
    if (!w->cancelled) return start_or_queue(w);
    w->status = UV_ECANCELED;
  }
  np_handle_unlist(&w->base);
  if (w->done(w)) {
    np_handle_list(&w->base);
    start_or_queue(w);
  } else {
    over(w);
  }
}

void np_work_submit(np_work *w) {
  np_uv_opened(&w->base);
  np_handle_list(&w->base);
  np_clock_hold(w->base.host);
  start_or_queue(w);
}

bool np_work_cancel(np_work *w) {
  w->cancelled = true;
  bool waits = np_list_linked(&w->link);
  if (waits) {
    unqueue(w);
    np_handle_unlist(&w->base);
    over(w);
  } else {
    uv_cancel((uv_req_t *)&w->req);
  }
  return waits;
}

/* ---- life -------------------------------------------------------------- */

static void work_shut(np_handle *b) {
  np_work *w = np_container_of(b, np_work, base);
  if (w->shut) {
    w->shut(w);
  } else {
    np_work_cancel(w);
  }
}

static void work_destroy(np_handle *b) {
  np_work *w = np_container_of(b, np_work, base);
  np_workers *pool = w->workers;
  w->destroy(w);
  np_release(&pool->base);
}

static const np_handle_class work_class = {
    .shut = work_shut, .destroy = work_destroy, .kind = "file operation"};

static np_workers *find(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  np_workers **box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return *box;
}

void np_work_init(lua_State *L, np_host *h, np_work *w) {
  np_handle_init(&w->base, h, &work_class);
  np_list_init(&w->link);
  w->workers = find(L);
  w->wanted = &w->workers->wanted;
  np_hold(&w->workers->base);
}

np_link *np_work_dirty(np_work *w) { return &w->workers->dirty; }

np_link *np_workers_dirty(lua_State *L) { return &find(L)->dirty; }

/* ---- opening ----------------------------------------------------------- */

static void workers_shut(np_handle *b) { (void)b; }

static void workers_destroy(np_handle *b) {
  np_free(b->host, np_container_of(b, np_workers, base), sizeof(np_workers));
}

static const np_handle_class workers_class = {.shut = workers_shut,
                                              .destroy = workers_destroy};

static int workers__gc(lua_State *L) {
  np_workers **box = np_checkself(L);
  if (*box) np_release(&(*box)->base);
  *box = NULL;
  return 0;
}

static const luaL_Reg metamethods[] = {{"__gc", workers__gc}, {NULL, NULL}};
static const np_class workers_class_lua = {"Workers", NULL, metamethods};

/* All threads of libuv's pool but one; its size as libuv reads it. */
static unsigned bound(void) {
  const char *text = getenv("UV_THREADPOOL_SIZE");
  long size = text ? atol(text) : 4;
  if (size > 1024) size = 1024;
  return size > 2 ? (unsigned)size - 1 : 1;
}

void np_work_open(lua_State *L, np_host *h) {
  np_class_register(L, h, &workers_class_lua);
  np_workers **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &workers_class_lua);
  np_workers *pool = np_alloc(h, sizeof(*pool));
  if (!pool) luaL_error(L, "not enough memory");
  memset(pool, 0, sizeof(*pool));
  np_handle_init(&pool->base, h, &workers_class);
  np_list_init(&pool->queue);
  np_list_init(&pool->dirty);
  pool->max = bound();
  *box = pool;
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
}
