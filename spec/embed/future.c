/*
 * future.c: async C functions, in each of their shapes.
 */
#include "check.h"

#include <unistd.h>

/* What the function make() of a case left for the rest of it. */
static neap_future *made;
static int told; /* how often on_cancel was called */

static void on_cancel(void *ud) { (*(int *)ud)++; }

static int make(lua_State *L) {
  made = neap_future_new(L);
  CHECK_EQ(neap_future_state(made), 0);
  CHECK_EQ(neap_future_on_cancel(made, on_cancel, &told), 0);
  return 1;
}

static void *complete_later(void *ud) {
  neap_value v[2] = {neap_integer(7), neap_string("seven")};
  usleep(5000);
  CHECK_EQ(neap_future_set(ud, v, 2), 0);
  CHECK_EQ(neap_future_set(ud, v, 2), NEAP_ESTATE);
  CHECK_EQ(neap_future_state(ud), NEAP_ESTATE);
  neap_future_free(ud);
  return NULL;
}

/* in_thread(): a future that a thread completes. */
static int in_thread(lua_State *L) {
  pthread_t thread;
  pthread_create(&thread, NULL, complete_later, neap_future_new(L));
  pthread_detach(thread);
  return 1;
}

static int set(lua_State *L) {
  neap_value v = neap_integer(luaL_checkinteger(L, 1));
  lua_pushinteger(L, neap_future_set(made, &v, 1));
  return 1;
}

static int set_error(lua_State *L) {
  const char *code = luaL_checkstring(L, 1);
  lua_pushinteger(L, neap_future_set_error(made, code, "out of order"));
  return 1;
}

static int set_uv(lua_State *L) {
  lua_pushinteger(L, neap_future_set_uv(made, UV_ECONNRESET, "read the meter"));
  return 1;
}

static int give_up(lua_State *L) {
  (void)L;
  neap_future_free(made);
  made = NULL;
  return 0;
}

static int state(lua_State *L) {
  lua_pushinteger(L, neap_future_state(made));
  return 1;
}

static int push_table(lua_State *L, void *ud) {
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, *(int *)ud);
  lua_setfield(L, -2, "n");
  lua_pushliteral(L, "more");
  return 2;
}

static int push_failure(lua_State *L, void *ud) {
  return luaL_error(L, "%s", (const char *)ud);
}

static int set_with(lua_State *L) {
  static int n = 5;
  lua_pushinteger(L, neap_future_set_with(made, push_table, &n));
  return 1;
}

static int set_with_failure(lua_State *L) {
  static char text[] = "cannot push";
  lua_pushinteger(L, neap_future_set_with(made, push_failure, text));
  return 1;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
  lua_pushinteger(L, ctx);
  lua_pushboolean(L, status == LUA_YIELD);
  return lua_gettop(L) - 1; /* all but the awaitable */
}

/* wait(x): the results of x, 99, and whether it had to wait. */
static int wait(lua_State *L) {
  lua_settop(L, 1);
  return neap_await(L, 1, 99, wait_k);
}

static int pwait_k(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  bool ok = status == LUA_OK || status == LUA_YIELD;
  lua_pushboolean(L, ok);
  lua_insert(L, 2);
  return lua_gettop(L) - 1;
}

/* pwait(x): as pcall(neap.await, x) */
static int pwait(lua_State *L) {
  lua_settop(L, 1);
  return neap_pawait(L, -1, 0, pwait_k);
}

static const luaL_Reg functions[] = {{"make", make},
                                     {"in_thread", in_thread},
                                     {"set", set},
                                     {"set_error", set_error},
                                     {"set_uv", set_uv},
                                     {"set_with", set_with},
                                     {"set_with_failure", set_with_failure},
                                     {"give_up", give_up},
                                     {"state", state},
                                     {"wait", wait},
                                     {"pwait", pwait},
                                     {NULL, NULL}};

static neap_host *open_host(void) {
  neap_host *host = check_open(NULL);
  CHECK_EQ(neap_register(host, "c", functions), 0);
  check_script(host, "neap, c = require('neap'), require('c')");
  return host;
}

/* The script holds; the future of it is given back. */
static void holds(const char *script) {
  neap_host *host = open_host();
  check_script(host, script);
  neap_future_free(made);
  neap_free(host);
}

static void ends_in_a_callback(void) {
  holds("local f = c.make() neap.loop.call_later(0.001, c.set, 5)"
        "assert(neap.is_future(f) and neap.await(f) == 5)"
        "assert(c.set(6) == -10002)");
}

static void ends_before_it_is_awaited(void) {
  holds("local f = c.make() assert(c.set(5) == 0) assert(not f:done())"
        "neap.sleep(0.001) assert(f:result() == 5 and f:await() == 5)");
}

static void ends_from_a_thread(void) {
  holds("local n, text = c.in_thread():await()"
        "assert(n == 7 and text == 'seven')"
        "local list = {} for i = 1, 50 do list[i] = c.in_thread() end "
        "assert(#neap.gather(list) == 50)");
}

static void ends_when_nobody_has_it(void) {
  holds("c.in_thread() collectgarbage() neap.sleep(0.03) collectgarbage()");
}

static void runs_done_callbacks(void) {
  holds("local got c.make():add_done_callback(function(f) got = f:result() end)"
        "collectgarbage() c.set(5) neap.sleep(0.001) assert(got == 5)");
}

static void fails_with_a_code(void) {
  holds("local f = c.make() c.set_error('EIO') local ok, e = pcall(f.await, f)"
        "assert(not ok and tostring(e) == 'EIO: out of order')");
}

static void fails_with_an_error_of_libuv(void) {
  holds("local f = c.make() c.set_uv() local ok, e = pcall(f.await, f)"
        "assert(e.code == 'ECONNRESET')"
        "assert(e.message == 'read the meter: connection reset by peer')");
}

static void failure_is_not_lost(void) {
  neap_host *host = open_host();

  CHECK_EQ(check_run(host, "c.make() c.set_error('EIO') neap.sleep(0.001)"),
           NEAP_EREPORTED);
  CHECK_HAS(neap_error_text(host), "EIO: out of order");
  neap_future_free(made);
  CHECK_EQ(check_run(host, "c.make():set_error('mine') neap.sleep(0.001)"),
           NEAP_EREPORTED);
  CHECK_HAS(neap_error_text(host), "mine");
  neap_future_free(made);
  neap_free(host);
}

static void ends_with_what_is_pushed(void) {
  holds("local f = c.make() c.set_with() local t, more = f:await()"
        "assert(t.n == 5 and more == 'more')");
}

static void fails_with_what_push_raises(void) {
  holds("local f = c.make() c.set_with_failure() local ok, e = pcall(f.await, f)"
        "assert(not ok and e == 'cannot push')");
}

static void is_cancelled_first(void) {
  told = 0;
  holds("local f = c.make() assert(f:cancel()) assert(f:cancelled())"
        "assert(c.state() == -10011 and c.set(1) == -10011)"
        "neap.sleep(0.001) assert(c.set(1) == -10011)");
  CHECK_EQ(told, 1);
}

static void is_cancelled_when_on_its_way(void) {
  told = 0;
  holds("local f = c.make() c.set(1) f:cancel() neap.sleep(0.001)"
        "assert(f:cancelled() and c.set(1) == -10002)"
        "c.give_up() f = c.make() c.set_with() f:cancel() neap.sleep(0.001)"
        "assert(f:cancelled()) collectgarbage()");
  CHECK_EQ(told, 0);
}

static void is_given_up(void) {
  holds("local f = c.make() c.give_up() local ok, e = pcall(f.await, f)"
        "assert(neap.is_cancelled(e)) assert(f:cancelled())");
}

static void outlives_the_host(void) {
  told = 0;
  neap_host *host = open_host();
  check_script(host, "c.make()");
  neap_value v = neap_nil();

  neap_free(host);

  CHECK_EQ(told, 1);
  CHECK_EQ(neap_future_state(made), NEAP_ECLOSED);
  CHECK_EQ(neap_future_set(made, &v, 1), NEAP_ECLOSED);
  CHECK_EQ(neap_future_set_error(made, "EIO", ""), NEAP_ECLOSED);
  neap_future_free(made);
}

static void is_delivered_while_closing(void) {
  neap_host *host = open_host();
  neap_options options;
  neap_options_init(&options);
  check_script(host, "c.make()");
  static int n = 1;

  CHECK_EQ(neap_future_set_with(made, push_table, &n), 0);
  neap_future_free(made);
  neap_free(host);
}

static void keeps_from_deadlock(void) {
  neap_host *host = open_host();

  check_script(host, "local f = c.in_thread() f:await()");
  CHECK_EQ(check_run(host, "neap.future():await()"), NEAP_EDEADLOCK);
  CHECK_EQ(check_run(host, "local f = c.make() f:cancel() neap.sleep(0.001)"
                           "neap.future():await()"),
           NEAP_EDEADLOCK);
  neap_future_free(made);
  neap_free(host);
}

static void waits_with_a_continuation(void) {
  holds("local f = c.make() neap.loop.call_later(0.001, c.set, 5)"
        "local n, ctx, waited = c.wait(f)"
        "assert(n == 5 and ctx == 99 and waited)"
        "n, ctx, waited = c.wait(f)"
        "assert(n == 5 and ctx == 99 and not waited)"
        "local t = neap.spawn(function() neap.sleep(0) return 1, nil, 3 end)"
        "assert(select('#', c.wait(t)) == 5)"
        "assert(not pcall(c.wait, 5))");
}

static void wait_passes_errors_on(void) {
  holds("local t = neap.spawn(function() neap.sleep(0) error('x', 0) end)"
        "local ok, e = pcall(c.wait, t) assert(not ok and e == 'x')"
        "ok, e = c.pwait(t) assert(ok == false and e == 'x')"
        "ok, e = c.pwait(neap.spawn(function() return 3 end))"
        "assert(ok and e == 3)");
}

static void wait_can_be_cancelled(void) {
  holds("local f = c.make()"
        "local t = neap.spawn(function() c.wait(f) end) neap.sleep(0)"
        "t:cancel() pcall(t.await, t) assert(t:cancelled())"
        "assert(not f:done()) c.set(1)");
}

static void *complete_many(void *ud) {
  neap_future **futures = ud;
  for (int i = 0; i < 100; i++) {
    neap_value v = neap_integer(i);
    CHECK_EQ(neap_future_set(futures[i], &v, 1), 0);
    neap_future_free(futures[i]);
  }
  return NULL;
}

static neap_future *many[4][100];

static int make_many(lua_State *L) {
  lua_createtable(L, 400, 0);
  for (int i = 0; i < 400; i++) {
    many[i / 100][i % 100] = neap_future_new(L);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int start_threads(lua_State *L) {
  (void)L;
  for (int i = 0; i < 4; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, complete_many, many[i]);
    pthread_detach(thread);
  }
  return 0;
}

static void many_end_from_threads(void) {
  neap_host *host = open_host();
  lua_register(neap_state(host), "make_many", make_many);
  lua_register(neap_state(host), "start_threads", start_threads);

  check_script(host, "local list = make_many() start_threads()"
                     "local got, sum = neap.gather(list), 0 "
                     "for i = 1, 400 do sum = sum + got[i] end "
                     "assert(sum == 4 * 4950)");
  neap_free(host);
}

static const check_case cases[] = {
    {"ends in a callback of the loop", ends_in_a_callback},
    {"ends before it is awaited", ends_before_it_is_awaited},
    {"ends from a thread, with several values", ends_from_a_thread},
    {"ends when nobody has it any more", ends_when_nobody_has_it},
    {"runs done callbacks", runs_done_callbacks},
    {"fails with a code", fails_with_a_code},
    {"fails with an error of libuv", fails_with_an_error_of_libuv},
    {"does not lose a failure", failure_is_not_lost},
    {"ends with what a function pushes", ends_with_what_is_pushed},
    {"fails with what that function raises", fails_with_what_push_raises},
    {"tells when the script cancels it first", is_cancelled_first},
    {"is cancelled when its end is on the way", is_cancelled_when_on_its_way},
    {"is cancelled when its maker gives it up", is_given_up},
    {"outlives the host", outlives_the_host},
    {"is delivered while the host closes", is_delivered_while_closing},
    {"keeps a program from being a deadlock", keeps_from_deadlock},
    {"is awaited from C with a continuation", waits_with_a_continuation},
    {"passes errors on, or hands them over", wait_passes_errors_on},
    {"leaves the future when its waiter is cancelled", wait_can_be_cancelled},
    {"ends in hundreds from several threads", many_end_from_threads},
    {NULL, NULL}};

int main(int argc, char **argv) { return check_main(argc, argv, cases); }
