/*
 * promise.c: futures that C completes, from any thread, and waiting from C.
 *
 * A neap_future has two holds: the handle's and the loop's. The loop's begins
 * with the Future, which the registry keeps under the address of its np_future,
 * and ends when the completion has been delivered, the script's cancellation
 * told, or the host closed. `state` says which came first and is guarded by
 * the lock of the host; all else belongs to the loop, but what is completed
 * with, which belongs to whoever completes until it is in the mailbox.
 */
#include <stdlib.h>
#include <string.h>

#include "api/embed.h"
#include "base/err.h"
#include "core/loop.h"

struct neap_future {
  np_item item; /* first: in the mailbox once completed */
  atomic_int holds;
  neap_host *n; /* held */
  int state;    /* 0: pending; NEAP_ESTATE: completed; NEAP_E... */
  np_future *future;
  np_watch watch;
  np_link link; /* in n->futures, or n->cancelled */
  void (*on_cancel)(void *ud);
  void *cancel_ud;

  /* what it is completed with: push, or code and text, or values */
  int (*push)(lua_State *L, void *ud);
  void *push_ud;
  int uv_code;
  char *code, *message; /* malloc */
  neap_value *values;   /* malloc; the strings are behind them */
  int count;
};

static void drop(neap_future *f) {
  if (--f->holds > 0) return;
  neap_drop(f->n);
  free(f->code);
  free(f->message);
  free(f->values);
  free(f);
}

/* ---- on the loop ------------------------------------------------------- */

/* [n, f]: the registry gives the Future up. */
static int forget(lua_State *L) {
  neap_future *f = lua_touserdata(L, 2);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, f->future);
  return 0;
}

/* It does not end the loop's part twice. */
static void leave_loop(neap_future *f) {
  np_list_remove(&f->link);
  np_protected(f->n, forget, f); /* allocates nothing */
  f->on_cancel = NULL;
  drop(f);
}

static bool future_fire(np_watch *w, int event) {
  if (event != NP_ENDED) return false; /* nobody waits through it */
  neap_future *f = np_container_of(w, neap_future, watch);
  np_host *h = np_future_host(w->future);
  np_unforever(h);
  uv_mutex_lock(&f->n->lock);
  bool pending = f->state == 0;
  if (pending) f->state = NEAP_ECANCELLED;
  uv_mutex_unlock(&f->n->lock);
  if (!pending) return true; /* what it was completed with is on its way */
  np_list_remove(&f->link);
  np_list_append(&f->n->cancelled, &f->link);
  h->posts_due = true;
  np_loop_kick(h);
  return true;
}

void np_futures_tell(neap_host *n) {
  np_link *l;
  while ((l = np_list_first(&n->cancelled)) != NULL) {
    neap_future *f = np_container_of(l, neap_future, link);
    if (f->on_cancel) f->on_cancel(f->cancel_ud);
    leave_loop(f);
  }
}

void np_futures_abandon(neap_host *n) {
  np_link *l;
  while ((l = np_list_first(&n->futures)) != NULL) {
    neap_future *f = np_container_of(l, neap_future, link);
    uv_mutex_lock(&n->lock);
    f->state = NEAP_ECLOSED;
    uv_mutex_unlock(&n->lock);
    np_watch_stop(&f->watch);
    np_unforever(&n->inside->host);
    n->in_call++;
    if (f->on_cancel) f->on_cancel(f->cancel_ud);
    n->in_call--;
    leave_loop(f);
  }
}

/* [ud, push]: what the application leaves on the stack. */
static int run_push(lua_State *L) {
  neap_future *f = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return f->push(L, f->push_ud);
}

/* Pushes the error that it is completed with. */
static void push_error(lua_State *L, const neap_future *f) {
  if (f->uv_code != 0)
    np_pusherror_uv(L, f->uv_code, "%s", f->message);
  else
    np_pusherror(L, f->code, "%s", f->message);
}

/* [n, f]: gives the Future its end. */
static int complete(lua_State *L) {
  neap_future *f = lua_touserdata(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, f->future);
  int future = lua_gettop(L);
  if (f->push) {
    lua_pushcfunction(L, run_push);
    lua_pushlightuserdata(L, f);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    if (f->future->state != NP_PENDING) return 0; /* cancelled meanwhile */
    if (status != LUA_OK)
      np_future_fail(L, future);
    else
      np_future_succeed(L, future, lua_gettop(L) - future);
  } else if (f->code || f->uv_code != 0) {
    push_error(L, f);
    np_future_fail(L, future);
  } else {
    luaL_checkstack(L, f->count + LUA_MINSTACK, NULL);
    for (int i = 0; i < f->count; i++) np_push_value(L, &f->values[i]);
    np_future_succeed(L, future, f->count);
  }
  return 0;
}

/* The item of the mailbox: a neap_future that was completed. */
static void deliver(neap_host *n, np_item *item) {
  neap_future *f = (neap_future *)item;
  if (f->future->state == NP_PENDING) {
    np_watch_stop(&f->watch);
    np_unforever(&n->inside->host);
    f->future->outside = false;
    np_protected(n, complete, f);
    if (f->future->state == NP_PENDING) /* no memory even to say so */
      np_future_end(f->future, NP_FAILED, 1);
  } else if (f->push) { /* cancelled: it is called all the same */
    np_protected(n, complete, f);
  }
  leave_loop(f);
}

/* ---- making one -------------------------------------------------------- */

neap_future *neap_future_new(lua_State *L) {
  neap_host *n = neap_of(L);
  if (!n) luaL_error(L, "this Lua state has no host of neap.h");
  if (n->program >= NP_CLOSING)
    np_raise(L, "INVALID_STATE", "the host is closing");
  np_host *h = &n->inside->host;
  luaL_checkstack(L, 4, NULL);
  np_future *future = np_future_new(L, h);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, future);
  neap_future *f = calloc(1, sizeof *f);
  if (!f) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, future);
    luaL_error(L, "not enough memory");
    return NULL;
  }
  neap_hold(n);
  f->item.run = deliver;
  f->holds = 2;
  f->n = n;
  f->future = future;
  future->outside = true;
  np_watch_start(&f->watch, future, future_fire);
  np_list_append(&n->futures, &f->link);
  np_forever(h);
  return f;
}

/* ---- completing, from any thread --------------------------------------- */

/* 0: f is the caller's to fill in, and goes to hand_over; the lock is held. */
static int claim(neap_future *f) {
  uv_mutex_lock(&f->n->lock);
  int state = f->n->refuses && f->state == 0 ? NEAP_ECLOSED : f->state;
  if (state != 0) uv_mutex_unlock(&f->n->lock);
  return state;
}

static int hand_over(neap_future *f) {
  f->state = NEAP_ESTATE;
  np_mail(f->n, &f->item);
  uv_mutex_unlock(&f->n->lock);
  return 0;
}

/* One block: the values, then their strings, each with a zero behind it. */
static neap_value *copy_values(const neap_value *values, int count) {
  size_t size = (size_t)count * sizeof *values + 1;
  for (int i = 0; i < count; i++)
    if (values[i].type == NEAP_STRING) size += values[i].as.string.size + 1;
  neap_value *copy = malloc(size);
  if (!copy) return NULL;
  char *to = (char *)(copy + count);
  for (int i = 0; i < count; i++) {
    copy[i] = values[i];
    if (values[i].type != NEAP_STRING) continue;
    size_t n = values[i].as.string.size;
    if (n > 0) memcpy(to, values[i].as.string.data, n);
    to[n] = '\0';
    copy[i].as.string.data = to;
    to += n + 1;
  }
  return copy;
}

int neap_future_set(neap_future *future, const neap_value *values, int count) {
  if (!future || np_values_wrong(values, count)) return NEAP_EINVAL;
  neap_value *copy = copy_values(values, count);
  if (!copy) return UV_ENOMEM;
  int err = claim(future);
  if (err < 0) {
    free(copy);
    return err;
  }
  future->values = copy;
  future->count = count;
  return hand_over(future);
}

static int set_error(neap_future *f, const char *code, int uv_code,
                     const char *message) {
  char *copy = code ? strdup(code) : NULL, *text = strdup(message);
  int err = (code && !copy) || !text ? UV_ENOMEM : claim(f);
  if (err < 0) {
    free(copy);
    free(text);
    return err;
  }
  f->code = copy;
  f->uv_code = uv_code;
  f->message = text;
  return hand_over(f);
}

int neap_future_set_error(neap_future *future, const char *code,
                          const char *message) {
  if (!future || !code || !message) return NEAP_EINVAL;
  return set_error(future, code, 0, message);
}

int neap_future_set_uv(neap_future *future, int uv_code, const char *what) {
  if (!future || !what || uv_code >= 0) return NEAP_EINVAL;
  return set_error(future, NULL, uv_code, what);
}

int neap_future_set_with(neap_future *future,
                         int (*push)(lua_State *L, void *ud), void *ud) {
  if (!future || !push) return NEAP_EINVAL;
  int err = claim(future);
  if (err < 0) return err;
  future->push = push;
  future->push_ud = ud;
  return hand_over(future);
}

int neap_future_state(neap_future *future) {
  if (!future) return NEAP_EINVAL;
  int state = claim(future);
  if (state == 0) uv_mutex_unlock(&future->n->lock);
  return state;
}

int neap_future_on_cancel(neap_future *future, void (*fn)(void *ud), void *ud) {
  if (!future) return NEAP_EINVAL;
  int err = np_enter(future->n);
  if (err == 0) err = neap_future_state(future);
  if (err < 0) return err;
  future->on_cancel = fn;
  future->cancel_ud = ud;
  return 0;
}

/* Nobody completes it any more: a message that needs no memory of ours. */
static int push_abandoned(lua_State *L, void *ud) {
  (void)ud;
  return np_raise(L, "CANCELLED", "the future was given up by its maker");
}

void neap_future_free(neap_future *future) {
  if (!future) return;
  neap_future_set_with(future, push_abandoned, NULL); /* if it is pending */
  drop(future);
}

/* ---- waiting from C ---------------------------------------------------- */

/* [..] -> [.. await, x] */
static void push_await(lua_State *L, int index) {
  np_host *h = np_host_of(L);
  if (!h) luaL_error(L, "this Lua state has no host of neap.h");
  index = lua_absindex(L, index);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  np_pushslot(L, h, NP_SLOT_CORE);
  lua_getfield(L, -1, "await");
  lua_remove(L, -2);
  lua_pushvalue(L, index);
}

int neap_await(lua_State *L, int index, lua_KContext ctx, lua_KFunction k) {
  push_await(L, index);
  lua_callk(L, 1, LUA_MULTRET, ctx, k);
  return k(L, LUA_OK, ctx);
}

int neap_pawait(lua_State *L, int index, lua_KContext ctx, lua_KFunction k) {
  push_await(L, index);
  int status = lua_pcallk(L, 1, LUA_MULTRET, 0, ctx, k);
  return k(L, status, ctx);
}
