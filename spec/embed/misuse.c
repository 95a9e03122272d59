/*
 * misuse.c: bad calls get a code, a text where there is a host for it, and do
 * nothing: NULL, another thread, a closed host, the wrong moment.
 */
#include "check.h"

static void nothing(neap_host *host, void *ud) { (void)host, (void)ud; }
static void on_end(neap_host *host, int r, void *ud) {
  (void)host, (void)r, (void)ud;
}
static const luaL_Reg functions[] = {{NULL, NULL}};

/* Calls all that takes a host, each of which must give `code`. */
static void all_refuse(neap_host *host, int code) {
  neap_value v = neap_nil();
  CHECK_EQ(neap_close_async(host, 1, nothing, NULL), code);
  CHECK_EQ(neap_load_file(host, "/dev/null"), code);
  CHECK_EQ(neap_load_buffer(host, "", 0, NULL), code);
  CHECK_EQ(neap_load_function(host, 0), code);
  CHECK_EQ(neap_run(host), code);
  CHECK_EQ(neap_start(host, on_end, NULL), code);
  CHECK_EQ(neap_step(host, 0), code);
  CHECK_EQ(neap_fd(host), code);
  CHECK_EQ(neap_timeout(host), 0);
  CHECK(neap_loop(host) == NULL);
  CHECK(neap_state(host) == NULL);
  CHECK_EQ(neap_result_count(host), code);
  CHECK_EQ(neap_result(host, 0, &v), code);
  CHECK_EQ(neap_register(host, "x", functions), code);
  CHECK_EQ(neap_set_global(host, "x", v), code);
  CHECK_EQ(neap_get_global(host, "x", &v), code);
  CHECK_EQ(neap_spawn(host, "print", NULL, 0, NULL, NULL), code);
  CHECK_EQ(neap_spawn_function(host, 0, NULL, NULL), code);
}

static void refuses_null(void) {
  all_refuse(NULL, NEAP_EINVAL);
  CHECK_EQ(neap_open(NULL, NULL), NEAP_EINVAL);
  CHECK_EQ(neap_close(NULL), 0);
  CHECK_EQ(neap_free(NULL), 0);
  neap_hold(NULL);
  neap_drop(NULL);
  CHECK_EQ(neap_adopt(NULL), NEAP_EINVAL);
  CHECK_EQ(neap_stop(NULL), NEAP_EINVAL);
  CHECK_EQ(neap_post(NULL, nothing, NULL), NEAP_EINVAL);
  CHECK(strcmp(neap_error_text(NULL), "") == 0);
  CHECK(strcmp(neap_error_message(NULL), "") == 0);
  CHECK(strcmp(neap_error_traceback(NULL), "") == 0);
  CHECK_EQ(neap_exit_status(NULL), 0);
  CHECK(neap_of(NULL) == NULL);
  CHECK_EQ(neap_future_set(NULL, NULL, 0), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_error(NULL, "EIO", ""), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_uv(NULL, UV_EIO, ""), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_with(NULL, NULL, NULL), NEAP_EINVAL);
  CHECK_EQ(neap_future_state(NULL), NEAP_EINVAL);
  CHECK_EQ(neap_future_on_cancel(NULL, NULL, NULL), NEAP_EINVAL);
  neap_future_free(NULL);
  neap_options_fill(NULL, 1, 1);
}

static void refuses_null_arguments(void) {
  neap_host *host = check_open(NULL);
  CHECK_EQ(neap_load_file(host, NULL), NEAP_EINVAL);
  CHECK_EQ(neap_load_buffer(host, NULL, 0, NULL), NEAP_EINVAL);
  CHECK_HAS(neap_error_text(host), "nothing to load");
  CHECK_EQ(neap_load_function(host, -1), NEAP_EINVAL);
  CHECK_EQ(neap_set_global(host, NULL, neap_nil()), NEAP_EINVAL);
  CHECK_EQ(neap_get_global(host, "x", NULL), NEAP_EINVAL);
  CHECK_EQ(neap_post(host, NULL, NULL), NEAP_EINVAL);
  CHECK_EQ(neap_set_global(host, "x", neap_bytes(NULL, 5)), NEAP_EINVAL);
  CHECK_HAS(neap_error_text(host), "a string is NULL");
  neap_future *f = neap_future_new(neap_state(host));
  CHECK_EQ(neap_future_set(f, NULL, 1), NEAP_EINVAL);
  CHECK_EQ(neap_future_set(f, NULL, -1), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_error(f, NULL, "x"), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_error(f, "x", NULL), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_uv(f, 5, "x"), NEAP_EINVAL);
  CHECK_EQ(neap_future_set_with(f, NULL, NULL), NEAP_EINVAL);
  CHECK_EQ(neap_future_state(f), 0);
  neap_future_free(f);
  CHECK_EQ(neap_close_async(host, 0.0 / 0.0, NULL, NULL), NEAP_EINVAL);
  neap_free(host);
}

static void *from_another_thread(void *ud) {
  neap_host *host = ud;
  all_refuse(host, NEAP_ETHREAD);
  CHECK_EQ(neap_close(host), NEAP_ETHREAD);
  CHECK_EQ(neap_free(host), NEAP_ETHREAD);
  CHECK(strcmp(neap_error_text(host), neap_strerror(NEAP_ETHREAD)) == 0);
  return NULL;
}

static void refuses_another_thread(void) {
  neap_host *host = check_open(NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, from_another_thread, host);
  pthread_join(thread, NULL);
  check_script(host, "return 1");
  neap_free(host);
}

static void *run_there(void *host) {
  CHECK_EQ(neap_adopt(host), 0);
  check_script(host, "require('neap').sleep(0.001)");
  CHECK_EQ(neap_free(host), 0);
  return NULL;
}

static void moves_to_another_thread(void) {
  neap_host *host = check_open(NULL);
  pthread_t thread;
  check_script(host, "return 1");
  pthread_create(&thread, NULL, run_there, host);
  pthread_join(thread, NULL);
}

static void refuses_when_closed(void) {
  neap_host *host = check_open(NULL);
  CHECK_EQ(check_run(host, "error('remembered')"), NEAP_ESCRIPT);

  CHECK_EQ(neap_close(host), 0);

  CHECK_HAS(neap_error_text(host), "remembered");
  CHECK_EQ(neap_close(host), 0);
  all_refuse(host, NEAP_ECLOSED);
  CHECK_EQ(neap_stop(host), NEAP_ECLOSED);
  CHECK_EQ(neap_post(host, nothing, NULL), NEAP_ECLOSED);
  CHECK_HAS(neap_error_text(host), "the host is closed");
  CHECK_EQ(neap_free(host), 0);
}

static void all_refuse_inside(neap_host *host) {
  CHECK_EQ(neap_close(host), NEAP_ESTATE);
  CHECK_HAS(neap_error_text(host), "inside of its own call");
  CHECK_EQ(neap_free(host), NEAP_ESTATE);
  CHECK_EQ(neap_run(host), NEAP_ESTATE);
  CHECK_EQ(neap_start(host, NULL, NULL), NEAP_ESTATE);
  CHECK_EQ(neap_step(host, 0), NEAP_ESTATE);
  CHECK_EQ(neap_load_buffer(host, "", 0, NULL), NEAP_ESTATE);
  CHECK_EQ(neap_close_async(host, 1, NULL, NULL), NEAP_ESTATE);
  CHECK_EQ(neap_adopt(host), NEAP_ESTATE);
}

static int in_task(lua_State *L) {
  all_refuse_inside(neap_of(L));
  return 0;
}

static void in_post(neap_host *host, void *ud) {
  all_refuse_inside(host);
  ++*(int *)ud;
}

static void in_done(neap_host *host, const neap_outcome *outcome, void *ud) {
  (void)outcome;
  in_post(host, ud);
}

static void in_timer(uv_timer_t *timer) {
  neap_host *host = timer->data;
  all_refuse_inside(host);
  uv_close((uv_handle_t *)timer, NULL);
}

static void refuses_inside_of_calls(void) {
  neap_host *host = check_open(NULL);
  uv_timer_t timer;
  int n = 0;
  lua_register(neap_state(host), "in_task", in_task);
  uv_timer_init(neap_loop(host), &timer);
  timer.data = host;
  uv_timer_start(&timer, in_timer, 1, 0);
  CHECK_EQ(neap_post(host, in_post, &n), 0);
  CHECK_EQ(neap_spawn(host, "in_task", NULL, 0, in_done, &n), 0);

  check_script(host, "in_task() table.sort({ 2, 1 }, function(a, b) in_task() "
                     "return a < b end) require('neap').sleep(0.01)");

  CHECK_EQ(n, 2);
  neap_free(host);
}

static int in_finalizer(lua_State *L) {
  neap_host *host = neap_of(L);
  CHECK(neap_close(host) < 0);
  CHECK(neap_run(host) < 0);
  CHECK_EQ(neap_post(host, nothing, NULL), NEAP_ECLOSED);
  lua_pushcfunction(L, (lua_CFunction)(void (*)(void))neap_future_new);
  CHECK(lua_pcall(L, 0, 0, 0) != LUA_OK);
  return 0;
}

static void refuses_in_finalizers(void) {
  neap_host *host = check_open(NULL);
  lua_register(neap_state(host), "in_finalizer", in_finalizer);
  check_script(host, "x = setmetatable({}, { __gc = in_finalizer })");
  neap_free(host);
}

/* The application leaves handles on the loop of the host. */
static void closes_what_was_forgotten(void) {
  neap_host *host = check_open(NULL);
  static uv_timer_t timer;
  static uv_idle_t idle;
  uv_timer_init(neap_loop(host), &timer);
  uv_timer_start(&timer, NULL, 1000000, 0);
  uv_idle_init(neap_loop(host), &idle);
  neap_free(host);
}

static void names_every_code(void) {
  for (int code = NEAP_ESTOPPED; code <= NEAP_EABI; code++)
    for (int other = code + 1; other <= NEAP_EABI; other++)
      CHECK(strcmp(neap_strerror(code), neap_strerror(other)) != 0);
  CHECK(strcmp(neap_strerror(UV_ENOMEM), uv_strerror(UV_ENOMEM)) == 0);
  CHECK(strcmp(neap_strerror(0), "no error") == 0);
  CHECK(neap_strerror(7) != NULL);
}

static const check_case cases[] = {
    {"refuses NULL", refuses_null},
    {"refuses NULL and nonsense as arguments", refuses_null_arguments},
    {"refuses another thread", refuses_another_thread},
    {"moves to another thread", moves_to_another_thread},
    {"refuses every call when closed, and keeps the text", refuses_when_closed},
    {"refuses to run or close inside of calls", refuses_inside_of_calls},
    {"refuses in finalizers while it closes", refuses_in_finalizers},
    {"closes handles that the application forgot", closes_what_was_forgotten},
    {"names every code", names_every_code},
    {NULL, NULL}};

int main(int argc, char **argv) { return check_main(argc, argv, cases); }
