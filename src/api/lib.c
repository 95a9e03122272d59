/*
 * lib.c: the module `neap`: neap.core with what every part adds, the Lua files
 * that are compiled in, and `neap.run` for a stock Lua.
 */
#include "api/lib.h"

#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/proto.h"
#include "api/sources.h"
#include "base/class.h"
#include "base/err.h"
#include "base/pack.h"
#include "core/coro.h"
#include "core/loop.h"
#include "core/task.h"
#include "io/dns.h"
#include "io/fdstream.h"
#include "io/file.h"
#include "io/fs.h"
#include "io/fsdir.h"
#include "io/fswatch.h"
#include "io/guests.h"
#include "io/handle.h"
#include "io/listener.h"
#include "io/memwire.h"
#include "io/pipe.h"
#include "io/poll.h"
#include "io/process.h"
#include "io/signal.h"
#include "io/reverse.h"
#include "io/stream.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "io/tty.h"
#include "io/work.h"
#include "thread/channel.h"
#include "thread/thread.h"

/* ---- the Lua modules --------------------------------------------------- */

const char np_lib_env = 0;

/* The loader of a compiled-in module: upvalue 1 is its np_source, 2 the module
 * once it is loaded. That happens once, also where package.loaded is emptied,
 * as test runners do: what a module keeps belongs to the host. */
static int load_source(lua_State *L) {
  const np_source *s = lua_touserdata(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  if (!lua_isnil(L, -1)) return 1;
  if (luaL_loadbufferx(L, s->data, s->size, s->chunk, "t") != LUA_OK)
    return lua_error(L);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &np_lib_env) == LUA_TTABLE)
    lua_setupvalue(L, -2, 1);
  else
    lua_pop(L, 1);
  lua_pushvalue(L, 1);
  lua_pushstring(L, ":embedded:");
  lua_call(L, 2, 1);
  np_pack_own(L, s->name);
  lua_pushvalue(L, -1);
  lua_replace(L, lua_upvalueindex(2));
  return 1;
}

/* [..] -> [.. loader] */
static void push_loader(lua_State *L, const np_source *s) {
  lua_pushlightuserdata(L, (void *)s);
  lua_pushnil(L);
  lua_pushcclosure(L, load_source, 2);
}

static void preload_sources(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const np_source *s = np_sources; s->name; s++) {
    if (strcmp(s->name, "neap") == 0) continue;
    push_loader(L, s);
    lua_setfield(L, -2, s->name);
  }
  lua_pop(L, 1);
}

/* [..] -> [.. neap] */
static void run_init(lua_State *L) {
  for (const np_source *s = np_sources; s->name; s++) {
    if (strcmp(s->name, "neap") != 0) continue;
    push_loader(L, s);
    lua_pushliteral(L, "neap");
    lua_call(L, 1, 1);
    return;
  }
  luaL_error(L, "neap was built without its Lua files");
}

/* ---- neap.run ---------------------------------------------------------- */

/* After the loop: the end of the main task on top of the stack. */
static int take_results(lua_State *L, np_host *h, np_task *t) {
  int top = lua_gettop(L);
  bool deadlock = h->deadlocked, exited = h->exit_called;
  h->main = NULL;
  h->main_done = h->main_failed = h->deadlocked = h->exit_called = false;
  np_task_unpin(h, t);
  if (deadlock)
    return np_raise(
        L, "DEADLOCK",
        "every task waits, and nothing is left that could wake one");
  if (exited && t->future.state != NP_SUCCEEDED) return 0;
  return np_future_results(L, top);
}

/* run(fn, ...): fn as the main task of a loop of this state. */
static int run(lua_State *L) {
  np_host *h = np_gethost(L);
  np_checkfunction(L, 1);
  if (h->current || h->in_run)
    return np_raise(L, "INVALID_STATE", "the loop is running already");
  h->ending = false;
  np_task *t = np_spawn(L, h, lua_gettop(L) - 1, NP_TASK_PLAIN);
  t->pinned = true;
  h->main = t;
  h->end_with_main = true;
  np_loop_run(h);
  if (h->main_done) np_future_retrieved(L, lua_gettop(L)); /* it is raised */
  np_loop_unwind(h, h->grace);
  return take_results(L, h, t);
}

/* end_with_main(): the program ends with its main task; other tasks are
 * cancelled then. */
static int end_with_main(lua_State *L) {
  np_host *h = np_gethost(L);
  h->end_with_main = true;
  np_loop_recheck(h);
  return 0;
}

static const luaL_Reg funcs[] = {{"run", run},
                                 {"end_with_main", end_with_main},
                                 {"error", np_error_new},
                                 {"error_code", np_error_code},
                                 {NULL, NULL}};

/* ---- opening ----------------------------------------------------------- */

void np_lib_open(lua_State *L, np_host *h) {
  static void (*const parts[])(lua_State *, np_host *) = {
      np_stream_open,   np_tcp_open,     np_listener_open, np_dns_open,
      np_fdstream_open, np_memwire_open, np_poll_open,     np_pipe_open,
      np_udp_open,      np_signal_open,  np_process_open,  np_reverse_open,
      np_work_open,     np_fs_open,      np_file_open,     np_fsdir_open,
      np_tty_open,      np_fswatch_open, np_handle_open,   np_channel_open,
      np_thread_open,   np_guests_open,
  };
  h->open_lib = np_lib_open;
  h->close_lib = np_lib_close;
  np_host_attach(L, h); /* pushes neap.core */
  np_setfuncs(L, h, funcs);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) parts[i](L, h);
  lua_pushboolean(L, h->command);
  lua_setfield(L, -2, "is_command");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_insert(L, -2);
  if (h->yieldable_require) np_require_open(L, h);
  lua_setfield(L, -2, "neap.core");
  preload_sources(L);
  np_proto_open(L, h);
  run_init(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "neap");
  lua_remove(L, -2);
}

void np_lib_close_start(np_host *h) {
  lua_State *L = h->owns_state ? h->L : NULL;
  if (L) {
    lua_close(L); /* finalizers ask for the close of what they own */
  }
  np_host_detach(h);
  np_host_finish_start(h, np_handles_close);
}

void np_lib_close_end(np_host *h) {
  np_host_finish_end(h);
  np_pool_close(&h->pool_memory);
}

void np_lib_close(np_host *h) {
  np_lib_close_start(h);
  while (h->nhandles > 0) uv_run(h->uv, UV_RUN_ONCE);
  np_lib_close_end(h);
}

/* In a stock Lua the host lies in a userdata whose finalizer closes it with
 * the state. */
static int host__gc(lua_State *L) {
  np_host **box = lua_touserdata(L, 1);
  np_host *h = *box;
  if (!h) return 0;
  *box = NULL;
  np_loop_unwind(h, 0);
  np_lib_close(h);
  free(h);
  return 0;
}

/* A peer or a child that is gone is an error, not the end of the process;
 * a handler of the application's stays. */
static void ignore_sigpipe(void) {
  struct sigaction now;
  if (sigaction(SIGPIPE, NULL, &now) < 0 || now.sa_handler != SIG_DFL) return;
  signal(SIGPIPE, SIG_IGN);
}

int luaopen_neap(lua_State *L) {
  if (np_host_of(L)) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "neap");
    return 1;
  }
  np_host **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, host__gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &np_sources);
  np_host *h = calloc(1, sizeof *h);
  if (!h) return luaL_error(L, "not enough memory");
  int err = np_host_init(h, NULL);
  if (err < 0) {
    free(h);
    return luaL_error(L, "cannot open a loop: %s", uv_strerror(err));
  }
  *box = h;
  ignore_sigpipe();
  np_lib_open(L, h);
  return 1;
}
