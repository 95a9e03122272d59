/*
 * alloc_fail.c: a script is run again and again while one allocation fails:
 * the first, the second, and so on. Whatever fails, the host must close with
 * nothing left.
 *
 *   alloc_fail script.lua [step] [OPTION ...]   prints how many runs there were
 *
 * "from": it goes on failing from that allocation on. "marked": only what the
 * script allocates between `failing(true)` and `failing(false)` counts.
 * "openssl": OpenSSL's allocations fail instead of the host's; it is warmed up
 * by a run before, as what it sets up once cannot be tried twice.
 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lib.h"
#include "core/loop.h"
#include "core/task.h"

typedef struct failing {
  long count, fail_at, failed;
  bool on, from;
} failing;

/* What is asked for on the command line. */
static struct {
  const char *path;
  bool from, marked, openssl;
} plan;

static failing of_openssl;

static bool fails(failing *f) {
  if (!f->on || ++f->count < f->fail_at) return false;
  if (!f->from && f->count != f->fail_at) return false;
  f->failed++;
  return true;
}

static void *fail_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  if (nsize == 0) {
    free(ptr);
    return NULL;
  }
  bool grows = !ptr || nsize > osize; /* Lua relies on shrinking */
  return grows && fails(ud) ? NULL : realloc(ptr, nsize);
}

/* ---- OpenSSL ----------------------------------------------------------- */

static void *openssl_malloc(size_t n, const char *file, int line) {
  (void)file, (void)line;
  return fails(&of_openssl) ? NULL : malloc(n);
}

static void *openssl_realloc(void *ptr, size_t n, const char *file, int line) {
  (void)file, (void)line;
  return fails(&of_openssl) ? NULL : realloc(ptr, n);
}

static void openssl_free(void *ptr, const char *file, int line) {
  (void)file, (void)line;
  free(ptr);
}

/* Before its first allocation. */
static void take_openssl(void) {
  int (*set)(void *(*)(size_t, const char *, int),
             void *(*)(void *, size_t, const char *, int),
             void (*)(void *, const char *, int));
  void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL);
  if (!library) abort();
  *(void **)&set = dlsym(library, "CRYPTO_set_mem_functions");
  if (set(openssl_malloc, openssl_realloc, openssl_free) != 1) abort();
}

/* ---- a run ------------------------------------------------------------- */

static int mark(lua_State *L) {
  failing *f = lua_touserdata(L, lua_upvalueindex(1));
  f->on = lua_toboolean(L, 1);
  return 0;
}

/* With a continuation, so that the script may wait. */
static int body_done(lua_State *L, int status, lua_KContext context) {
  (void)L, (void)status, (void)context;
  return 0;
}

static int body(lua_State *L) {
  const char *path = lua_touserdata(L, lua_upvalueindex(1));
  if (luaL_loadfile(L, path) != LUA_OK) return lua_error(L);
  lua_callk(L, 0, 0, 0, body_done);
  return body_done(L, LUA_OK, 0);
}

static int open_all(lua_State *L) {
  np_host *h = lua_touserdata(L, 1);
  luaL_openlibs(L);
  np_lib_open(L, h);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, mark, 1);
  lua_setglobal(L, "failing");
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, body, 1);
  h->main = np_spawn(L, h, 0, NP_TASK_PLAIN);
  h->main->pinned = true;
  lua_setfield(L, LUA_REGISTRYINDEX, "main");
  return 0;
}

/* True if the failure was reached; at 0 there is none. */
static bool run(long fail_at) {
  static np_host host;
  failing of_host = {0};
  failing *f = plan.openssl ? &of_openssl : &of_host;
  memset(&host, 0, sizeof host);
  *f = (failing){.fail_at = fail_at ? fail_at : 1000000000, .from = plan.from};
  lua_State *L = lua_newstate(fail_alloc, &of_host);
  if (!L || np_host_init(&host, NULL) < 0) abort();
  host.L = L;
  host.owns_state = true;
  host.alloc = fail_alloc;
  host.alloc_ud = &of_host;
  *(void **)lua_getextraspace(L) = NULL;
  lua_pushcfunction(L, open_all);
  lua_pushlightuserdata(L, &host);
  lua_pushlightuserdata(L, (void *)plan.path);
  lua_pushlightuserdata(L, f);
  f->on = !plan.marked;
  if (lua_pcall(L, 3, 0, 0) == LUA_OK) {
    np_loop_run(&host);
    f->on = f->on && plan.from;
    np_loop_unwind(&host, 0.05);
  } else if (host.slots) {
    np_loop_unwind(&host, 0);
  }
  f->on = false;
  np_lib_close(&host);
  return f->failed > 0;
}

int main(int argc, char **argv) {
  long step = argc > 2 ? atol(argv[2]) : 1, n = 0;
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2 || step < 1) return 2;
  plan.path = argv[1];
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "from") == 0) plan.from = true;
    if (strcmp(argv[i], "marked") == 0) plan.marked = true;
    if (strcmp(argv[i], "openssl") == 0) plan.openssl = true;
  }
  if (plan.openssl) take_openssl();
  if (plan.openssl) run(0);
  for (long at = 1; run(at); at += step) n++;
  printf("%ld runs\n", n);
  return n > 0 ? 0 : 1;
}
