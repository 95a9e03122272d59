/*
 * host.c: opening and closing an np_host in order, its memory, its keepers.
 */
#include "core/host.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/adopt.h"
#include "core/coro.h"
#include "core/loop.h"
#include "core/open.h"
#include "core/task.h"
#include "core/warn.h"

void *np_alloc(np_host *h, size_t size) {
  return h->alloc(h->alloc_ud, NULL, 0, size);
}

void *np_realloc(np_host *h, void *p, size_t old_size, size_t size) {
  return h->alloc(h->alloc_ud, p, old_size, size);
}

void *np_grow(np_host *h, void *p, size_t old_size, size_t size) {
  bool exempt = !h->current && h->alloc == np_pool_alloc_c;
  return (exempt ? np_pool_alloc : h->alloc)(h->alloc_ud, p, old_size, size);
}

void np_free(np_host *h, void *p, size_t size) {
  if (p) h->alloc(h->alloc_ud, p, size, 0);
}

/* The address is the registry key of the host of a state. */
static const char host_key = 0;

np_host *np_host_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
  np_host *h = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return h;
}

/* A coroutine that exists before the host holds what its extra space was
 * copied from: that value means "no record". */
static void remember_extraspace(lua_State *L, np_host *h) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  h->L = lua_tothread(L, -1);
  lua_pop(L, 1);
  h->no_coro = *np_corospace(h->L);
}

static void make_slots(lua_State *L, np_host *h) {
  h->slots = lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, h);
  h->scratch = lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &h->scratch);
  luaL_checkstack(h->slots, NP_NSLOTS + LUA_MINSTACK, NULL);
  lua_settop(h->slots, NP_NSLOTS);
  lua_createtable(L, 64, 0);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_LIVE);
  lua_createtable(L, 64, 0);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_THREADS);
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_ORIGIN);
}

/* [.. core] -> [.. core]  Every part of the core adds its functions. */
static void open_parts(lua_State *L, np_host *h) {
  static void (*const parts[])(lua_State *, np_host *) = {
      np_coro_open,    np_scope_open, np_task_open, np_future_open,
      np_tasklib_open, np_timer_open, np_loop_open, np_callback_open,
      np_failure_open, np_waitq_open, np_gate_open, np_multi_open,
      np_group_open,   np_debug_open, np_warn_open, np_limits_open,
      np_event_open,   np_queue_open,
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) parts[i](L, h);
}

int np_host_init(np_host *h, uv_loop_t *loop) {
  int err;
  h->uv = loop ? loop : &h->own_uv;
  h->owns_loop = loop == NULL;
  h->grace = 5;
  np_list_init(&h->handles);
  np_list_init(&h->unretrieved);
  np_list_init(&h->groups);
  if (h->owns_loop && (err = uv_loop_init(h->uv)) < 0) return err;
  if ((err = np_loop_init(h)) < 0) {
    if (h->owns_loop) uv_loop_close(h->uv);
    return err;
  }
  return 0;
}

void np_host_attach(lua_State *L, np_host *h) {
  h->alloc = lua_getallocf(L, &h->alloc_ud);
  if (h->alloc == np_pool_alloc) h->alloc = np_pool_alloc_c;
  remember_extraspace(L, h);
  lua_pushlightuserdata(L, h);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
  np_err_open(L);
  np_adopt_open(L, h);
  make_slots(L, h);
  lua_createtable(L, 0, 64);
  open_parts(L, h);
  lua_pushvalue(L, -1);
  lua_xmove(L, h->slots, 1);
  lua_replace(h->slots, NP_SLOT_CORE);
}

void np_host_detach(np_host *h) {
  h->closed = true;
  h->nkeep = 0;
  h->slots = h->scratch = NULL;
}

void np_host_handle_gone(np_host *h) {
  if (--h->nhandles == 0 && h->on_gone) h->on_gone(h);
}

void np_host_finish_start(np_host *h, void (*close_handles)(np_host *)) {
  np_guard_close(h);
  close_handles(h);
  np_loop_close(h);
}

/* What an application left open on our loop; its close callback is unknown. */
static void close_foreign(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void np_host_finish_end(np_host *h) {
  np_timer_close(h);
  np_free(h, h->pool, h->pool_capacity * sizeof *h->pool);
  np_free(h, h->free_slots, h->free_capacity * sizeof *h->free_slots);
  if (!h->owns_loop) return;
  uv_walk(h->uv, close_foreign, NULL);
  uv_run(h->uv, UV_RUN_DEFAULT); /* requests of the thread pool */
  int err = uv_loop_close(h->uv);
  assert(err == 0);
  (void)err;
}
