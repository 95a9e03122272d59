/*
 * group.c: task groups, structured concurrency: a block does not end before
 * the tasks that were spawned in it.
 *
 * The group is a scope around the block's body, and watches its children. The
 * first child that fails cancels the scope and the siblings. Leaving the block
 * ends the scope and joins: it waits, held against cancellation, which it
 * passes on to the children. Failed children stay pinned (their userdata keep
 * a slot) until the end of the join decides which error leaves the block. A
 * block that is left where nothing can wait (its coroutine was closed or
 * collected) abandons the children: they are cancelled and no longer watched.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/open.h"
#include "core/task.h"
#include "core/warn.h"

typedef struct np_group {
  np_scope scope; /* in force around the body */
  np_wait wait;   /* the join */
  np_host *host;
  np_link link;     /* in host->groups until it is collected */
  np_link children; /* np_child: running */
  np_link failures; /* np_child: failed and pinned, in order */
  int count;        /* of children */
  bool cancelled;   /* by cancel(): not an error of the function form */
  bool closed;      /* the block was left: no more spawn */
  bool function;    /* the form task_group(fn) */
  bool body_failed; /* function form: an error lies on top of the stack */
  bool joined;      /* leaving had to wait: it may raise CANCELLED */
  bool child_first; /* a child had failed before the body ended */
} np_group;

typedef struct np_child {
  np_task task;
  np_watch watch;
  np_link link;
  np_group *group;
} np_child;

/* The task whose block it is, as long as it is in it; NULL: not known. */
static np_task *owner_of(np_group *g) {
  if (np_waiter(&g->wait)) return np_waiter(&g->wait);
  return g->scope.coro ? g->scope.coro->task : NULL;
}

/* `owner` waits for them, or is about to. */
static void cancel_children(np_group *g, np_task *owner) {
  bool under_way = g->host->passing;
  if (!under_way) np_pass_begin(g->host, owner);
  for (np_link *l = g->children.next; l != &g->children; l = l->next)
    np_task_cancel(g->host, &np_container_of(l, np_child, link)->task);
  if (!under_way) np_pass_end(g->host);
}

static void cancel_all(np_group *g) {
  np_task *owner = owner_of(g);
  np_scope_cancel(g->host, &g->scope);
  cancel_children(g, owner);
}

static bool on_child(np_watch *w, int event) {
  if (event == NP_ASK) return true;
  np_child *c = np_container_of(w, np_child, watch);
  np_group *g = c->group;
  np_list_remove(&c->link);
  g->count--;
  if (c->task.future.state == NP_FAILED) {
    bool first = np_list_empty(&g->failures);
    c->task.pinned = true;
    np_list_append(&g->failures, &c->link);
    if (first) cancel_all(g);
  }
  if (g->count == 0) np_wake(&g->wait);
  return true;
}

/* [.. ] the group's failed children, from the next on, are reported. */
static void report_failures(lua_State *L, np_group *g) {
  np_link *l;
  while ((l = np_list_first(&g->failures)) != NULL) {
    np_child *c = np_container_of(l, np_child, link);
    np_list_remove(l);
    np_task_push(L, g->host, &c->task);
    np_task_unpin(g->host, &c->task);
    np_future_report_failure(L, lua_gettop(L));
    lua_pop(L, 1);
  }
}

/* In a protected call: [host] */
static int report_all(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  for (np_link *l = h->groups.next; l != &h->groups; l = l->next)
    report_failures(L, np_container_of(l, np_group, link));
  return 0;
}

void np_groups_report(np_host *h) {
  lua_State *S = h->scratch;
  if (np_list_empty(&h->groups)) return;
  bool collects = lua_gc(S, LUA_GCISRUNNING);
  lua_gc(S, LUA_GCSTOP); /* none leaves the list meanwhile */
  lua_pushcfunction(S, report_all);
  lua_pushlightuserdata(S, h);
  if (lua_pcall(S, 1, 0, 0) != LUA_OK) lua_pop(S, 1); /* no memory */
  if (collects) lua_gc(S, LUA_GCRESTART);
}

/* Nothing can wait here: the children are cancelled and let go. */
static void abandon(lua_State *L, np_group *g) {
  np_link *l;
  np_scope_exit(g->host, &g->scope);
  g->closed = true;
  cancel_children(g, NULL);
  while ((l = np_list_first(&g->children)) != NULL) {
    np_watch_stop(&np_container_of(l, np_child, link)->watch);
    np_list_remove(l);
  }
  g->count = 0;
  report_failures(L, g);
}

/* ---- leaving the block ------------------------------------------------- */

static bool is_cancelled(lua_State *L, int idx) {
  const char *code = np_errcode(L, idx);
  return code && strcmp(code, "CANCELLED") == 0;
}

/* [.. ] the error of the body, which a child's has overtaken. */
static void report_body(lua_State *L, np_group *g, int err) {
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, err);
  lua_setfield(L, -2, "error");
  lua_pushliteral(L, "the body of a task group failed after a task of it");
  lua_setfield(L, -2, "message");
  np_report(L, g->host);
}

/* All children have ended: [group, err] of __close, or
 * [group, msgh, results .. | err] of the function form. */
static int leave(lua_State *L, np_group *g) {
  int err = g->function ? lua_gettop(L) : 2;
  bool failed = g->function ? g->body_failed : !lua_isnil(L, 2);
  np_link *l = np_list_first(&g->failures);
  g->closed = true;
  luaL_checkstack(L, 8, NULL);
  if (l && (!failed || g->child_first || is_cancelled(L, err))) {
    np_child *c = np_container_of(l, np_child, link);
    np_list_remove(l);
    if (failed && !is_cancelled(L, err)) report_body(L, g, err);
    np_task_push(L, g->host, &c->task);
    np_task_unpin(g->host, &c->task);
    report_failures(L, g);
    return np_future_results(L, lua_gettop(L)); /* raises */
  }
  report_failures(L, g);
  if (!g->function) return 0; /* err goes on by itself */
  if (!failed) {
    if (g->joined && np_scope_cause(g->host, g->host->current))
      return np_scope_raise(L, g->host, g->host->current);
    return lua_gettop(L) - 2;
  }
  if (g->cancelled && np_scope_owns_error(L, g->host, &g->scope, err)) return 0;
  return lua_error(L);
}

static np_group *group_of(np_wait *w) {
  return np_container_of(w, np_group, wait);
}

static void group_describe(np_wait *w, char *buf, size_t size) {
  snprintf(buf, size, "task group of %d", group_of(w)->count);
}

static bool group_cancel(np_wait *w) {
  cancel_children(group_of(w), NULL); /* a pass is under way */
  return false;
}

static int group_finish(lua_State *L, np_wait *w) {
  np_group *g = group_of(w);
  if (g->count == 0) return leave(L, g);
  return np_park(L, g->host, w, w->cls); /* one was spawned since */
}

static void group_drop(np_wait *w) { (void)w; /* its __gc abandons */ }

static const np_wait_class group_class = {
    "task group", group_describe, group_cancel, group_finish, group_drop};

/* The body has ended, with or without an error. */
static int join(lua_State *L, np_group *g, bool failed) {
  np_host *h = g->host;
  g->child_first = !np_list_empty(&g->failures);
  np_scope_exit(h, &g->scope);
  if (g->count > 0 && !np_canyield(L, h)) abandon(L, g);
  if (failed || (g->count > 0 && np_scope_cause(h, h->current)))
    cancel_children(g, h->current);
  if (g->count == 0) return leave(L, g);
  g->joined = true;
  return np_park(L, h, &g->wait, &group_class);
}

static int group__close(lua_State *L) {
  np_group *g = np_checkself(L);
  if (g->closed || np_wait_busy(&g->wait)) return 0;
  lua_settop(L, 2);
  return join(L, g, !lua_isnil(L, 2));
}

static int group__gc(lua_State *L) {
  np_group *g = np_checkself(L);
  np_list_remove(&g->link);
  if (g->host->closed) return 0;
  if (!g->closed) np_warn_unclosed(L, g->host);
  abandon(L, g);
  return 0;
}

/* ---- for scripts ------------------------------------------------------- */

static int group_spawn(lua_State *L) {
  np_group *g = np_checkself(L);
  np_checkfunction(L, 2);
  if (g->closed)
    return np_raise(L, "INVALID_STATE", "the task group has ended");
  np_task *t = np_spawn_sized(L, g->host, lua_gettop(L) - 2, NP_TASK_PLAIN,
                              sizeof(np_child) - sizeof(np_task));
  np_child *c = (np_child *)t;
  c->group = g;
  np_list_append(&g->children, &c->link);
  np_watch_start(&c->watch, &t->future, on_child);
  g->count++;
  if (g->scope.cancelled) np_task_cancel(g->host, t);
  return 1;
}

static int group_cancel_(lua_State *L) {
  np_group *g = np_checkself(L);
  if (g->closed) return 0;
  g->cancelled = true;
  cancel_all(g);
  return 0;
}

static int group__tostring(lua_State *L) {
  np_group *g = np_checkself(L);
  lua_pushfstring(L, "TaskGroup: %s, %d tasks", g->closed ? "ended" : "open",
                  g->count);
  return 1;
}

static const luaL_Reg methods[] = {
    {"spawn", group_spawn}, {"cancel", group_cancel_}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__close", group__close},
                                {"__gc", group__gc},
                                {"__tostring", group__tostring},
                                {NULL, NULL}};
static const np_class group_class_ = {"TaskGroup", methods, meta};

static np_group *group_new(lua_State *L, np_host *h) {
  np_group *g = lua_newuserdatauv(L, sizeof *g, 1);
  *g = (np_group){.scope.id = ++h->next_scope, .host = h};
  np_list_init(&g->children);
  np_list_init(&g->failures);
  np_list_init(&g->link);
  np_class_set(L, &group_class_);
  np_list_append(&h->groups, &g->link);
  np_warn_made(L, h);
  np_scope_enter(L, h, &g->scope);
  return g;
}

static int body_k(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  np_group *g = lua_touserdata(L, 1);
  g->body_failed = status != LUA_OK && status != LUA_YIELD;
  return join(L, g, g->body_failed);
}

/* task_group([fn]) */
static int task_group(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checktask(L, h);
  if (lua_isnoneornil(L, 1)) {
    group_new(L, h);
    return 1;
  }
  np_checkfunction(L, 1);
  lua_settop(L, 1);
  np_group *g = group_new(L, h);
  g->function = true;
  lua_insert(L, 1);
  lua_toclose(L, 1);
  np_pushslot(L, h, NP_SLOT_MSGH);
  lua_insert(L, 2);
  lua_pushvalue(L, 1);
  int status = lua_pcallk(L, 1, LUA_MULTRET, 2, 0, body_k);
  return body_k(L, status, 0);
}

static const luaL_Reg funcs[] = {{"task_group", task_group}, {NULL, NULL}};

void np_group_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &group_class_);
}
