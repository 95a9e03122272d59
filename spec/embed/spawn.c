/*
 * spawn.c: functions of the script as tasks, posts, globals and modules.
 */
#include "check.h"

typedef struct record {
  int calls, status, count;
  char text[256], trace[512];
  lua_Integer sum;
} record;

static void on_done(neap_host *host, const neap_outcome *o, void *ud) {
  record *r = ud;
  CHECK_EQ(neap_close(host), NEAP_ESTATE);
  r->calls++;
  r->status = o->status;
  r->count = o->count;
  for (int i = 0; i < o->count; i++) {
    if (o->values[i].type == NEAP_INTEGER) r->sum += o->values[i].as.integer;
    if (o->values[i].type == NEAP_STRING)
      snprintf(r->text, sizeof r->text, "%s", o->values[i].as.string.data);
    if (o->values[i].type == NEAP_OTHER)
      CHECK(lua_istable(o->L, o->first + i));
  }
  if (o->status == 0) return;
  snprintf(r->text, sizeof r->text, "%s", o->message);
  snprintf(r->trace, sizeof r->trace, "%s", o->traceback);
}

static neap_host *open_host(void) {
  neap_host *host = check_open(NULL);
  check_script(host,
               "neap = require('neap') app = { deep = {} }\n"
               "function app.deep.add(...) neap.sleep(0.001) local n = 0 "
               "for _, v in ipairs({ ... }) do n = n + v end "
               "return n, 'added', {} end\n"
               "function fail(what) neap.sleep(0) error(what, 0) end\n"
               "function stay() neap.sleep(math.huge) end");
  return host;
}

static void gives_results(void) {
  neap_host *host = open_host();
  neap_value args[3] = {neap_integer(1), neap_integer(2), neap_integer(3)};
  record r = {0};

  CHECK_EQ(neap_spawn(host, "app.deep.add", args, 3, on_done, &r), 0);
  CHECK_EQ(r.calls, 0);
  CHECK_EQ(neap_run(host), 0);

  CHECK_EQ(r.calls, 1);
  CHECK_EQ(r.status, 0);
  CHECK_EQ(r.count, 3);
  CHECK_EQ(r.sum, 6);
  CHECK(strcmp(r.text, "added") == 0);
  neap_free(host);
}

static void gives_errors(void) {
  neap_host *host = open_host();
  neap_value what = neap_string("boom");
  record r = {0};

  CHECK_EQ(neap_spawn(host, "fail", &what, 1, on_done, &r), 0);
  CHECK_EQ(neap_run(host), 0);

  CHECK_EQ(r.status, NEAP_ESCRIPT);
  CHECK(strcmp(r.text, "boom") == 0);
  CHECK_HAS(r.trace, "in function 'fail'");
  CHECK_EQ(neap_spawn(host, "fail", &what, 1, NULL, NULL), 0);
  CHECK_EQ(neap_run(host), NEAP_EREPORTED);
  neap_free(host);
}

static void tells_while_closing(void) {
  neap_host *host = open_host();
  record r = {0}, unstarted = {0};
  CHECK_EQ(neap_spawn(host, "stay", NULL, 0, on_done, &r), 0);
  CHECK_EQ(neap_step(host, 0), 1);
  CHECK_EQ(neap_spawn(host, "stay", NULL, 0, on_done, &unstarted), 0);

  neap_free(host);

  CHECK_EQ(r.calls, 1);
  CHECK_EQ(r.status, NEAP_ECANCELLED);
  CHECK_EQ(unstarted.status, NEAP_ECANCELLED);
}

static void refuses_what_is_no_function(void) {
  neap_host *host = open_host();
  record r = {0};
  neap_value odd = neap_nil();
  odd.type = NEAP_OTHER;

  CHECK_EQ(neap_spawn(host, "nothing", NULL, 0, on_done, &r), NEAP_EINVAL);
  CHECK_HAS(neap_error_text(host), "no function 'nothing'");
  CHECK_EQ(neap_spawn(host, "app.x.y", NULL, 0, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(neap_spawn(host, "app", NULL, 0, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(neap_spawn(host, NULL, NULL, 0, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(neap_spawn(host, "stay", NULL, 1, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(neap_spawn(host, "stay", NULL, -1, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(neap_spawn(host, "stay", &odd, 1, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(neap_spawn_function(host, 0, on_done, &r), NEAP_EINVAL);
  lua_pushinteger(neap_state(host), 1);
  CHECK_EQ(neap_spawn_function(host, 0, on_done, &r), NEAP_EINVAL);
  CHECK_EQ(lua_gettop(neap_state(host)), 0);
  CHECK_EQ(r.calls, 0);
  neap_free(host);
}

static void takes_functions_from_the_stack(void) {
  neap_host *host = open_host();
  lua_State *L = neap_state(host);
  record r = {0};
  lua_getglobal(L, "app");
  lua_getfield(L, -1, "deep");
  lua_getfield(L, -1, "add");
  lua_pushinteger(L, 40);
  lua_pushinteger(L, 2);

  CHECK_EQ(neap_spawn_function(host, 2, on_done, &r), 0);
  CHECK_EQ(lua_gettop(L), 2);
  CHECK_EQ(neap_run(host), 0);

  CHECK_EQ(r.sum, 42);
  neap_free(host);
}

static record from_script;

static int spawn_more(lua_State *L) {
  CHECK_EQ(neap_spawn(neap_of(L), "app.deep.add", NULL, 0, on_done, &from_script),
           0);
  return 0;
}

static void spawns_inside_of_a_task(void) {
  neap_host *host = open_host();
  lua_register(neap_state(host), "spawn_more", spawn_more);

  check_script(host, "spawn_more() spawn_more()");

  CHECK_EQ(from_script.calls, 2);
  neap_free(host);
}

/* ---- globals and modules ----------------------------------------------- */

static void has_globals(void) {
  neap_host *host = check_open(NULL);
  neap_value v;

  CHECK_EQ(neap_set_global(host, "size", neap_number(2.5)), 0);
  CHECK_EQ(neap_set_global(host, "name", neap_bytes("a\0b", 3)), 0);
  CHECK_EQ(neap_set_global(host, "on", neap_boolean(1)), 0);
  check_script(host, "assert(size == 2.5 and name == 'a\\0b' and on == true) "
                     "name = name .. '!' list = {}");
  CHECK_EQ(neap_get_global(host, "name", &v), 0);
  CHECK(v.type == NEAP_STRING && memcmp(v.as.string.data, "a\0b!", 5) == 0);
  CHECK_EQ(neap_get_global(host, "list", &v), 0);
  CHECK(v.type == NEAP_OTHER);
  CHECK_EQ(neap_get_global(host, "none", &v), 0);
  CHECK(v.type == NEAP_NIL);
  CHECK_EQ(check_run(host, "setmetatable(_G, { __index = function(_, k) "
                           "error('no ' .. k, 0) end })"),
           0);
  CHECK_EQ(neap_get_global(host, "none", &v), NEAP_ESTATE);
  CHECK_HAS(neap_error_text(host), "no none");
  neap_free(host);
}

static int answer(lua_State *L) {
  lua_pushinteger(L, 42);
  return 1;
}

static void has_modules(void) {
  neap_host *host = check_open(NULL);
  luaL_Reg list[] = {{"answer", answer}, {NULL, NULL}};

  CHECK_EQ(neap_register(host, "deep.thought", list), 0);
  CHECK_EQ(neap_register(host, NULL, list), 0);
  CHECK_EQ(neap_register(host, "neap.net", list), NEAP_EINVAL);
  CHECK_EQ(neap_register(host, "x", NULL), NEAP_EINVAL);
  check_script(host, "assert(require('deep.thought').answer() == 42) "
                     "assert(answer() == 42)");
  neap_free(host);
}

/* ---- posts ------------------------------------------------------------- */

typedef struct posts {
  neap_host *host;
  int next, refused, accepted;
  int seen[4];
} posts;

static void in_order(neap_host *host, void *ud) {
  int n = (int)(intptr_t)ud;
  neap_value v;
  CHECK_EQ(neap_get_global(host, "seen", &v), 0);
  lua_Integer seen = v.type == NEAP_INTEGER ? v.as.integer : 0;
  CHECK_EQ(seen, n);
  CHECK_EQ(neap_set_global(host, "seen", neap_integer(n + 1)), 0);
  CHECK_EQ(neap_run(host), NEAP_ESTATE);
  CHECK_EQ(neap_close(host), NEAP_ESTATE);
  if (n == 99) neap_stop(host);
}

static void posts_in_order(void) {
  neap_host *host = check_open(NULL);
  check_load(host, "require('neap').sleep(math.huge)");

  for (int i = 0; i < 100; i++)
    CHECK_EQ(neap_post(host, in_order, (void *)(intptr_t)i), 0);

  CHECK_EQ(neap_run(host), NEAP_ESTOPPED);
  CHECK(check_true(host, "return seen == 100"));
  neap_free(host);
}

static int arrived;
static void arrive(neap_host *host, void *ud) {
  (void)ud;
  if (++arrived == 4000) neap_stop(host);
}

static void *post_many(void *host) {
  for (int i = 0; i < 1000; i++) CHECK_EQ(neap_post(host, arrive, NULL), 0);
  return NULL;
}

static void posts_from_threads(void) {
  neap_host *host = check_open(NULL);
  pthread_t threads[4];
  check_load(host, "require('neap').sleep(math.huge)");
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, post_many, host);

  CHECK_EQ(neap_run(host), NEAP_ESTOPPED);

  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK_EQ(arrived, 4000);
  neap_free(host);
}

static void count(neap_host *host, void *ud) {
  CHECK_EQ(neap_post(host, count, ud), NEAP_ECLOSED);
  ++*(int *)ud;
}

static void closing_runs_posts(void) {
  int n = 0;
  neap_host *host = check_open(NULL);
  CHECK_EQ(neap_post(host, count, &n), 0);
  CHECK_EQ(neap_post(host, count, &n), 0);

  neap_close(host);

  CHECK_EQ(n, 2);
  CHECK_EQ(neap_post(host, count, &n), NEAP_ECLOSED);
  neap_free(host);
}

static void nothing(neap_host *host, void *ud) { (void)host, (void)ud; }

static void posts_are_bounded(void) {
  neap_options options;
  neap_options_init(&options);
  options.max_posts = 2;
  neap_host *host = check_open(&options);

  CHECK_EQ(neap_post(host, nothing, NULL), 0);
  CHECK_EQ(neap_post(host, nothing, NULL), 0);
  CHECK_EQ(neap_post(host, nothing, NULL), NEAP_EFULL);
  check_script(host, "require('neap').sleep(0.001)");
  CHECK_EQ(neap_post(host, nothing, NULL), 0);
  neap_free(host);
}

static void *post_late(void *host) {
  int err;
  while ((err = neap_post(host, nothing, NULL)) != NEAP_ECLOSED)
    CHECK(err == 0 || err == NEAP_EFULL);
  CHECK_EQ(neap_stop(host), NEAP_ECLOSED);
  neap_drop(host);
  return NULL;
}

static void threads_may_be_late(void) {
  neap_host *host = check_open(NULL);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    neap_hold(host);
    pthread_create(&threads[i], NULL, post_late, host);
  }
  check_script(host, "require('neap').sleep(0.01)");

  neap_free(host);

  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static const check_case cases[] = {
    {"spawns a global function and gives its results", gives_results},
    {"gives the error of a spawned function", gives_errors},
    {"tells of spawned tasks while the host closes", tells_while_closing},
    {"refuses to spawn what is no function", refuses_what_is_no_function},
    {"spawns a function of the stack", takes_functions_from_the_stack},
    {"spawns inside of a task", spawns_inside_of_a_task},
    {"reads and writes globals", has_globals},
    {"registers modules", has_modules},
    {"runs posts in order", posts_in_order},
    {"takes posts from threads", posts_from_threads},
    {"runs the posts that are left while it closes", closing_runs_posts},
    {"refuses posts when too many wait", posts_are_bounded},
    {"refuses the posts of threads that are late", threads_may_be_late},
    {NULL, NULL}};

int main(int argc, char **argv) { return check_main(argc, argv, cases); }
