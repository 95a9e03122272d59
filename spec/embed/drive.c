/*
 * drive.c: running programs, in each of the four ways, and how they end.
 */
#include "check.h"

#include <poll.h>
#include <unistd.h>

/* ---- neap_run ---------------------------------------------------------- */

static void gives_results(void) {
  neap_host *host = check_open(NULL);
  neap_value v;
  check_script(host, "require('neap').sleep(0) "
                     "return nil, true, 7, 1.5, 'a\\0b', print");

  CHECK_EQ(neap_result_count(host), 6);
  CHECK_EQ(neap_result(host, 0, &v), 0);
  CHECK(v.type == NEAP_NIL);
  CHECK_EQ(neap_result(host, 1, &v), 0);
  CHECK(v.type == NEAP_BOOLEAN && v.as.boolean == 1);
  CHECK_EQ(neap_result(host, 2, &v), 0);
  CHECK(v.type == NEAP_INTEGER && v.as.integer == 7);
  CHECK_EQ(neap_result(host, 3, &v), 0);
  CHECK(v.type == NEAP_NUMBER && v.as.number == 1.5);
  CHECK_EQ(neap_result(host, 4, &v), 0);
  CHECK(v.type == NEAP_STRING && v.as.string.size == 3);
  CHECK(memcmp(v.as.string.data, "a\0b", 4) == 0);
  CHECK_EQ(neap_result(host, 5, &v), 0);
  CHECK(v.type == NEAP_OTHER && strcmp(v.as.string.data, "function") == 0);
  CHECK_EQ(neap_result(host, 6, &v), NEAP_EINVAL);
  CHECK_HAS(neap_error_text(host), "no result 6 of 6");
  neap_free(host);
}

static void gives_errors(void) {
  neap_host *host = check_open(NULL);

  CHECK_EQ(check_run(host, "local function f() error('boom') end f()"),
           NEAP_ESCRIPT);

  CHECK(strcmp(neap_error_message(host), "script:1: boom") == 0);
  CHECK_HAS(neap_error_traceback(host), "in local 'f'");
  CHECK_HAS(neap_error_text(host), "script:1: boom\nstack traceback:");
  CHECK_EQ(neap_result_count(host), 0);
  neap_free(host);
}

static void gives_error_objects(void) {
  neap_host *host = check_open(NULL);

  CHECK_EQ(check_run(host, "error(require('neap').error('EPERM', 'no'))"),
           NEAP_ESCRIPT);

  CHECK(strcmp(neap_error_message(host), "EPERM: no") == 0);
  neap_free(host);
}

static void gives_syntax_errors(void) {
  neap_host *host = check_open(NULL);

  CHECK_EQ(neap_load_buffer(host, "x =", 3, "@x.lua"), NEAP_ESYNTAX);
  CHECK_HAS(neap_error_text(host), "x.lua:1: unexpected symbol near <eof>");
  CHECK_EQ(neap_load_file(host, "/nowhere/x.lua"), NEAP_ESYNTAX);
  CHECK_HAS(neap_error_text(host), "cannot open /nowhere/x.lua");
  neap_free(host);
}

static void gives_the_exit_status(void) {
  neap_host *host = check_open(NULL);

  CHECK_EQ(check_run(host, "require('neap').exit(7)"), 0);
  CHECK_EQ(neap_exit_status(host), 7);
  CHECK_EQ(check_run(host, "os.exit(3)"), 0);
  CHECK_EQ(neap_exit_status(host), 3);
  CHECK_EQ(check_run(host, "return 1"), 0);
  CHECK_EQ(neap_exit_status(host), 0);
  neap_close(host);
  CHECK_EQ(neap_exit_status(host), 0);
  neap_free(host);
}

static void tells_of_a_deadlock(void) {
  neap_host *host = check_open(NULL);

  CHECK_EQ(check_run(host, "local neap = require('neap') "
                           "neap.current_task():set_name('stuck') "
                           "neap.future():await()"),
           NEAP_EDEADLOCK);

  CHECK_HAS(neap_error_text(host), "DEADLOCK");
  CHECK_HAS(neap_error_text(host), "stuck: waiting on future");
  neap_free(host);
}

static void tells_of_failures_nobody_took(void) {
  neap_host *host = check_open(NULL);

  CHECK_EQ(check_run(host, "local neap = require('neap') "
                           "neap.spawn(function() error('lost') end)"),
           NEAP_EREPORTED);

  CHECK_HAS(neap_error_text(host), "task-2 failed");
  CHECK_HAS(neap_error_text(host), "script:1: lost");
  CHECK_HAS(neap_error_traceback(host), "stack traceback");
  CHECK_EQ(check_run(host, "return"), 0);
  CHECK(strcmp(neap_error_text(host), "") == 0);
  neap_free(host);
}

static void runs_one_after_another(void) {
  neap_host *host = check_open(NULL);

  check_script(host, "count = 1");
  CHECK_EQ(check_run(host, "error('x')"), NEAP_ESCRIPT);
  check_script(host, "count = count + 1");
  CHECK(check_true(host, "return count == 2"));
  CHECK_EQ(neap_run(host), NEAP_ESTATE);
  CHECK_HAS(neap_error_text(host), "nothing to run");
  neap_free(host);
}

static int twice(lua_State *L) {
  lua_pushnumber(L, 2 * luaL_checknumber(L, 1));
  return 1;
}

static void runs_functions(void) {
  neap_host *host = check_open(NULL);
  lua_State *L = neap_state(host);
  neap_value v;

  lua_pushcfunction(L, twice);
  lua_pushinteger(L, 21);
  CHECK_EQ(neap_load_function(host, 1), 0);
  CHECK_EQ(lua_gettop(L), 0);
  CHECK_EQ(neap_run(host), 0);
  CHECK_EQ(neap_result(host, 0, &v), 0);
  CHECK(v.as.number == 42);
  CHECK_EQ(neap_load_function(host, 0), NEAP_EINVAL);
  lua_pushinteger(L, 21);
  CHECK_EQ(neap_load_function(host, 0), NEAP_EINVAL);
  neap_free(host);
}

/* ---- neap_step --------------------------------------------------------- */

static const char wait_a_little[] =
    "local neap = require('neap') neap.sleep(0.02) done = true return done";

static void steps_without_waiting(void) {
  neap_host *host = check_open(NULL);
  int result, steps = 0;
  check_load(host, wait_a_little);

  while ((result = neap_step(host, 0)) == 1) steps++;

  CHECK_EQ(result, 0);
  CHECK(steps > 2);
  CHECK_EQ(neap_result_count(host), 1);
  CHECK_EQ(neap_step(host, 0), 0);
  neap_free(host);
}

static void steps_and_waits(void) {
  neap_host *host = check_open(NULL);
  int result, steps = 0;
  check_load(host, wait_a_little);

  while ((result = neap_step(host, 1)) == 1) steps++;

  CHECK_EQ(result, 0);
  CHECK(steps < 20);
  check_load(host, "error('x')");
  while ((result = neap_step(host, 1)) == 1) steps++;
  CHECK_EQ(result, NEAP_ESCRIPT);
  check_load(host, "require('neap').future():await()");
  while ((result = neap_step(host, 1)) == 1) steps++;
  CHECK_EQ(result, NEAP_EDEADLOCK);
  neap_free(host);
}

/* A loop as an application has one; how often it went round. */
static int poll_to_the_end(neap_host *host, int *result) {
  int rounds = 0;
  struct pollfd p = {.fd = neap_fd(host), .events = POLLIN};
  CHECK(p.fd >= 0);
  while ((*result = neap_step(host, 0)) == 1) {
    int n = poll(&p, 1, neap_timeout(host));
    CHECK(n >= 0);
    CHECK(++rounds < 2000);
  }
  return rounds;
}

static void is_polled(void) {
  neap_host *host = check_open(NULL);
  int result;
  check_load(host, wait_a_little);

  CHECK(poll_to_the_end(host, &result) < 20);

  CHECK_EQ(result, 0);
  CHECK_EQ(neap_timeout(host), -1);
  neap_free(host);
}

static void is_polled_with_sockets(void) {
  neap_host *host = check_open(NULL);
  int result;
  check_load(host,
             "local net = require('neap').net\n"
             "local server <close> = assert(net.serve('127.0.0.1', 0, "
             "function(s) for line in s:lines() do s:write(line, '\\n') end "
             "end))\n"
             "local address, n = server:address(), 0\n"
             "for i = 1, 20 do\n"
             "  local s <close> = assert(net.connect('127.0.0.1', "
             "address.port))\n"
             "  s:write('hello\\n')\n"
             "  n = n + #assert(s:readline())\n"
             "end\n"
             "return n");

  poll_to_the_end(host, &result);

  neap_value v;
  CHECK_EQ(result, 0);
  CHECK_EQ(neap_result(host, 0, &v), 0);
  CHECK_EQ(v.as.integer, 100);
  neap_free(host);
}

static void is_polled_while_closing(void) {
  neap_host *host = check_open(NULL);
  int result;
  check_load(host, "local neap = require('neap') "
                   "local _ <close> = setmetatable({}, { __close = function() "
                   "neap.shield(function() neap.sleep(0.02) end) "
                   "end }) neap.sleep(100)");
  CHECK_EQ(neap_step(host, 0), 1);

  CHECK_EQ(neap_close_async(host, -1, NULL, NULL), 0);
  CHECK(poll_to_the_end(host, &result) < 40);

  CHECK_EQ(result, 0);
  CHECK_EQ(neap_step(host, 0), NEAP_ECLOSED);
  neap_free(host);
}

/* ---- on the application's loop ----------------------------------------- */

typedef struct app {
  uv_loop_t loop;
  uv_timer_t timer;
  int ticks, ends, result, closed;
} app;

static void on_tick(uv_timer_t *timer) { ((app *)timer->data)->ticks++; }

static void on_end(neap_host *host, int result, void *ud) {
  app *a = ud;
  a->ends++;
  a->result = result;
  CHECK(neap_close(host) < 0);
  uv_close((uv_handle_t *)&a->timer, NULL);
}

static void app_open(app *a) {
  memset(a, 0, sizeof *a);
  uv_loop_init(&a->loop);
  uv_timer_init(&a->loop, &a->timer);
  a->timer.data = a;
  uv_timer_start(&a->timer, on_tick, 1, 1);
}

static neap_host *open_on(uv_loop_t *loop) {
  neap_options options;
  neap_options_init(&options);
  options.loop = loop;
  return check_open(&options);
}

static void lives_on_an_applications_loop(void) {
  app a;
  app_open(&a);
  neap_host *host = open_on(&a.loop);
  CHECK(neap_loop(host) == &a.loop);
  check_load(host, wait_a_little);

  CHECK_EQ(neap_start(host, on_end, &a), 0);
  CHECK_EQ(neap_start(host, on_end, &a), NEAP_ESTATE);
  CHECK_EQ(neap_step(host, 0), NEAP_ESTATE);
  uv_run(&a.loop, UV_RUN_DEFAULT);

  CHECK_EQ(a.ends, 1);
  CHECK_EQ(a.result, 0);
  CHECK(a.ticks > 3);
  CHECK_EQ(neap_result_count(host), 1);
  CHECK_EQ(neap_free(host), 0);
  CHECK_EQ(uv_run(&a.loop, UV_RUN_DEFAULT), 0);
  CHECK_EQ(uv_loop_close(&a.loop), 0);
}

static void unwinds_on_an_applications_loop(void) {
  app a;
  app_open(&a);
  neap_host *host = open_on(&a.loop);
  check_load(host, "local neap = require('neap') "
                   "neap.spawn(function() "
                   "local _ <close> = setmetatable({}, { __close = function() "
                   "neap.shield(neap.sleep, 0.01) cleaned = true end }) "
                   "neap.sleep(100) end) neap.sleep(0) error('x')");

  CHECK_EQ(neap_start(host, on_end, &a), 0);
  uv_run(&a.loop, UV_RUN_DEFAULT);

  CHECK_EQ(a.result, NEAP_ESCRIPT);
  CHECK(check_true(host, "return cleaned"));
  neap_free(host);
  CHECK_EQ(uv_loop_close(&a.loop), 0);
}

static void on_closed(neap_host *host, void *ud) {
  app *a = ud;
  a->closed++;
  CHECK(neap_state(host) == NULL);
  CHECK_EQ(neap_free(host), 0);
}

/* Inside of a callback of the application's loop. */
static void close_now(uv_timer_t *timer) {
  app *a = timer->data;
  neap_host *host = a->loop.data;
  CHECK_EQ(neap_close_async(host, 1, on_closed, a), 0);
  CHECK_EQ(neap_close_async(host, 1, on_closed, a), NEAP_ECLOSED);
  uv_timer_stop(timer);
}

static void closes_inside_of_a_callback(void) {
  app a;
  app_open(&a);
  neap_host *host = open_on(&a.loop);
  a.loop.data = host;
  uv_timer_start(&a.timer, close_now, 5, 0);
  check_load(host, "local neap = require('neap') neap.sleep(100)");

  CHECK_EQ(neap_start(host, on_end, &a), 0);
  uv_run(&a.loop, UV_RUN_DEFAULT);

  CHECK_EQ(a.ends, 1);
  CHECK_EQ(a.result, NEAP_ESTOPPED);
  CHECK_EQ(a.closed, 1);
  CHECK_EQ(uv_loop_close(&a.loop), 0);
}

static int close_async(lua_State *L) {
  app *a = lua_touserdata(L, lua_upvalueindex(1));
  CHECK_EQ(neap_close(neap_of(L)), NEAP_ESTATE);
  CHECK_EQ(neap_close_async(neap_of(L), 1, on_closed, a), 0);
  return 0;
}

static void closes_inside_of_a_task(void) {
  app a;
  app_open(&a);
  neap_host *host = open_on(&a.loop);
  lua_pushlightuserdata(neap_state(host), &a);
  lua_pushcclosure(neap_state(host), close_async, 1);
  lua_setglobal(neap_state(host), "close");
  check_load(host, "close() require('neap').sleep(100)");

  CHECK_EQ(neap_start(host, on_end, &a), 0);
  uv_run(&a.loop, UV_RUN_DEFAULT);

  CHECK_EQ(a.result, NEAP_ESTOPPED);
  CHECK_EQ(a.closed, 1);
  CHECK_EQ(uv_loop_close(&a.loop), 0);
}

static void two_share_a_loop(void) {
  app a;
  app_open(&a);
  uv_close((uv_handle_t *)&a.timer, NULL);
  neap_host *one = open_on(&a.loop), *two = open_on(&a.loop);
  check_load(one, wait_a_little);
  check_load(two, wait_a_little);

  CHECK_EQ(neap_start(one, NULL, NULL), 0);
  CHECK_EQ(neap_start(two, NULL, NULL), 0);
  uv_run(&a.loop, UV_RUN_DEFAULT);

  CHECK_EQ(neap_result_count(one), 1);
  CHECK_EQ(neap_result_count(two), 1);
  neap_free(one);
  neap_free(two);
  CHECK_EQ(uv_loop_close(&a.loop), 0);
}

/* ---- neap_stop --------------------------------------------------------- */

static void *stop_later(void *host) {
  usleep(10000);
  CHECK_EQ(neap_stop(host), 0);
  return NULL;
}

static void stops_from_a_thread(void) {
  neap_host *host = check_open(NULL);
  pthread_t thread;
  check_load(host, "local neap = require('neap') "
                   "local _ <close> = setmetatable({}, { __close = function() "
                   "cleaned = true end }) neap.sleep(math.huge)");
  pthread_create(&thread, NULL, stop_later, host);

  CHECK_EQ(neap_run(host), NEAP_ESTOPPED);

  pthread_join(thread, NULL);
  CHECK(check_true(host, "return cleaned"));
  neap_free(host);
}

static void stops_before_it_begins(void) {
  neap_host *host = check_open(NULL);

  neap_stop(host); /* nothing to stop */
  check_script(host, "return 1");
  check_load(host, "begun = true");
  neap_stop(host);
  CHECK_EQ(neap_run(host), NEAP_ESTOPPED);
  CHECK(check_true(host, "return begun == nil"));
  neap_free(host);
}

static const check_case cases[] = {
    {"gives the results of the main chunk", gives_results},
    {"gives message and traceback of an error", gives_errors},
    {"gives the text of an error object", gives_error_objects},
    {"gives the message of a script that cannot be loaded",
     gives_syntax_errors},
    {"gives the exit status, and does not exit", gives_the_exit_status},
    {"tells of a deadlock, and who is in it", tells_of_a_deadlock},
    {"tells of failures that nobody took", tells_of_failures_nobody_took},
    {"runs one program after another", runs_one_after_another},
    {"runs a function with arguments", runs_functions},
    {"steps without waiting", steps_without_waiting},
    {"steps that wait", steps_and_waits},
    {"can be polled", is_polled},
    {"can be polled while descriptors come and go", is_polled_with_sockets},
    {"can be polled while it closes", is_polled_while_closing},
    {"lives on the loop of an application", lives_on_an_applications_loop},
    {"unwinds on the loop of an application", unwinds_on_an_applications_loop},
    {"closes inside of a callback of that loop", closes_inside_of_a_callback},
    {"closes inside of a task", closes_inside_of_a_task},
    {"shares a loop with another host", two_share_a_loop},
    {"stops at the wish of a thread", stops_from_a_thread},
    {"stops before it begins", stops_before_it_begins},
    {NULL, NULL}};

int main(int argc, char **argv) { return check_main(argc, argv, cases); }
