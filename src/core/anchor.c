/*
 * anchor.c: what keeps tasks and their Lua threads from the collector: places
 * in NP_SLOT_LIVE and NP_SLOT_THREADS. A place keeps an entry for good, so that
 * filling and emptying it allocates nothing. Threads that a task is done with
 * wait in a pool, with the base function of tasks and the message handler at
 * the bottom of their stacks.
 */
#include "core/anchor.h"

#include <lauxlib.h>

#include "core/coro.h"

enum {
  POOL_MAX = 4096,
  RESTED_MAX = 256, /* of them, before tasks that rest give theirs to Lua */
};

int np_take_slot(lua_State *L, np_host *h) {
  if (h->nfree > 0) return h->free_slots[--h->nfree];
  if (h->nslots == h->free_capacity) {
    uint32_t n = h->free_capacity ? h->free_capacity * 2 : 64;
    int *p =
        np_grow(h, h->free_slots, h->free_capacity * sizeof *p, n * sizeof *p);
    if (!p) luaL_error(L, "not enough memory");
    h->free_slots = p;
    h->free_capacity = n;
  }
  np_pushslot(L, h, NP_SLOT_LIVE);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, h->nslots + 1);
  lua_pop(L, 1);
  return (int)++h->nslots;
}

void np_drop_slot(np_host *h, int slot) {
  lua_pushboolean(h->slots, 0);
  lua_rawseti(h->slots, NP_SLOT_LIVE, slot);
  h->free_slots[h->nfree++] = slot; /* room was made in take_slot */
}

/* These stay at the bottom. */
static void push_bottom(lua_State *co, np_host *h) {
  np_pushslot(co, h, NP_SLOT_MAIN);
  np_pushslot(co, h, NP_SLOT_MSGH);
}

/* In a protected call: [host, pool entry] a new thread in its slot. */
static int new_thread(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  np_thread *th = lua_touserdata(L, 2);
  if (th->slot == 0) {
    if ((uint32_t)h->next_thread_slot == h->pool_capacity) {
      uint32_t n = h->pool_capacity ? h->pool_capacity * 2 : 64;
      np_thread *p =
          np_grow(h, h->pool, h->pool_capacity * sizeof *p, n * sizeof *p);
      if (!p) return luaL_error(L, "not enough memory");
      h->pool = p;
      h->pool_capacity = n;
    }
    th->slot = ++h->next_thread_slot;
  }
  np_pushslot(L, h, NP_SLOT_THREADS);
  th->co = lua_newthread(L);
  *np_corospace(th->co) = h->no_coro;
  push_bottom(th->co, h);
  lua_rawseti(L, -2, th->slot);
  return 0;
}

/* A place whose thread is gone: below all that have one. */
static void add_vacant(np_host *h, int slot) {
  h->pool[h->npool++] = h->pool[h->nvacant];
  h->pool[h->nvacant++] = (np_thread){NULL, slot};
}

bool np_take_thread(np_host *h, np_task *t) {
  np_thread th = {NULL, 0};
  if (h->npool > 0) th = h->pool[--h->npool];
  if (h->nvacant > h->npool) h->nvacant--;
  if (!th.co) {
    lua_State *S = h->scratch;
    if (np_limits_full(h)) {
      if (th.slot) add_vacant(h, th.slot);
      return false;
    }
    lua_pushcfunction(S, new_thread);
    lua_pushlightuserdata(S, h);
    lua_pushlightuserdata(S, &th);
    if (lua_pcall(S, 2, 0, 0) != LUA_OK) {
      lua_pop(S, 1);
      if (th.slot) add_vacant(h, th.slot);
      return false;
    }
  }
  t->co = th.co;
  t->thread_slot = th.slot;
  t->base.task = t;
  *np_corospace(th.co) = &t->base;
  return true;
}

static void give_thread(np_host *h, np_task *t, uint32_t most) {
  lua_State *co = t->co;
  bool keep = !t->base.exposed && h->npool - h->nvacant < most &&
              lua_status(co) == LUA_OK;
  t->co = NULL;
  *np_corospace(co) = h->no_coro;
  lua_settop(co, keep ? NP_THREAD_BOTTOM : 0);
  if (keep) {
    h->pool[h->npool++] = (np_thread){co, t->thread_slot};
    return;
  }
  lua_pushnil(h->slots);
  lua_rawseti(h->slots, NP_SLOT_THREADS, t->thread_slot);
  add_vacant(h, t->thread_slot);
}

void np_give_thread(np_host *h, np_task *t) { give_thread(h, t, POOL_MAX); }

void np_reset_thread(np_host *h, np_task *t) {
  np_closethread(t->co);
  push_bottom(t->co, h);
  give_thread(h, t, RESTED_MAX);
}
