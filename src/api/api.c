/*
 * api.c: opening and closing a host of neap.h, and who may use it when.
 *
 * Closing has three parts: the tasks are unwound; what was accepted is
 * delivered and the Lua state closed, which asks every handle to close; and
 * when the last one is gone, the memory is freed. neap_close runs the loop
 * between them, neap_close_async is called back by it.
 */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/embed.h"
#include "api/lib.h"
#include "api/options.h"
#include "core/loop.h"
#include "core/task.h"

/* ---- who may use it ---------------------------------------------------- */

static bool is_mine(neap_host *n) {
  uv_thread_t self = uv_thread_self();
  return uv_thread_equal(&self, &n->thread);
}

int np_enter(neap_host *n) {
  if (!n) return NEAP_EINVAL;
  if (!is_mine(n)) return NEAP_ETHREAD;
  if (n->program < NP_CLOSING) return 0;
  return np_refuse(n, NEAP_ECLOSED, "the host is %s",
                   n->program == NP_CLOSED ? "closed" : "closing");
}

bool np_is_inside(const neap_host *n) {
  const np_host *h = &n->inside->host;
  return n->in_call > 0 || n->running || h->current || h->draining ||
         h->polling;
}

void neap_hold(neap_host *host) {
  if (host) host->holds++;
}

void neap_drop(neap_host *host) {
  if (!host || --host->holds > 0) return;
  uv_mutex_destroy(&host->lock);
  free(host->warning);
  free(host->report);
  free(host->text);
  free(host);
}

int neap_adopt(neap_host *host) {
  if (!host) return NEAP_EINVAL;
  if (host->running) return NEAP_ESTATE;
  host->thread = uv_thread_self();
  return 0;
}

lua_State *neap_state(neap_host *host) {
  return np_enter(host) == 0 ? host->inside->host.L : NULL;
}

neap_host *neap_of(lua_State *L) {
  np_host *h = L ? np_host_of(L) : NULL;
  return h ? h->api : NULL;
}

uv_loop_t *neap_loop(neap_host *host) {
  return np_enter(host) == 0 ? host->inside->host.uv : NULL;
}

int neap_exit_status(const neap_host *host) {
  return host ? host->exit_status : 0;
}

/* ---- opening ----------------------------------------------------------- */

static int open_libraries(lua_State *L) {
  neap_host *n = lua_touserdata(L, 1);
  luaL_checkversion(L);
  np_options_open(L, n);
  lua_settop(L, 1);
  return np_load_open(L);
}

static void on_wake(uv_async_t *async) {
  np_host *h = &((np_inside *)async->data)->host;
  h->posts_due = true;
  np_loop_kick(h);
}

/* The loop and the Lua state, with nothing in them yet. */
static int init_inside(np_inside *in, const neap_options *o) {
  np_host *h = &in->host;
  h->pool_memory.base = o->allocator;
  h->pool_memory.base_ud = o->allocator_ud;
  lua_State *L = lua_newstate(np_pool_alloc, h);
  int err = L ? np_host_init(h, o->loop) : UV_ENOMEM;
  if (err < 0) goto fail_state;
  h->L = L;
  h->owns_state = true;
  h->yieldable_require = true;
  h->grace = o->grace;
  *(void **)lua_getextraspace(L) = NULL; /* Lua leaves it as it was */
  err = uv_async_init(h->uv, &in->wake, on_wake);
  if (err < 0) goto fail_host;
  in->wake.data = in;
  uv_unref((uv_handle_t *)&in->wake);
  h->nhandles++;
  return 0;

fail_host:
  np_lib_close(h);
  return err;
fail_state:
  if (L) lua_close(L);
  np_pool_close(&h->pool_memory);
  return err;
}

static neap_host *new_shell(const neap_options *o) {
  neap_host *n = calloc(1, sizeof *n);
  if (!n) return NULL;
  if (uv_mutex_init(&n->lock) < 0) {
    free(n);
    return NULL;
  }
  n->holds = 1;
  n->thread = uv_thread_self();
  n->options = *o;
  np_list_init(&n->calls);
  np_list_init(&n->futures);
  np_list_init(&n->cancelled);
  return n;
}

static void ignore_sigpipe(void) {
  struct sigaction now;
  if (sigaction(SIGPIPE, NULL, &now) < 0 || now.sa_handler != SIG_DFL) return;
  signal(SIGPIPE, SIG_IGN);
}

int neap_open(neap_host **host, const neap_options *options) {
  neap_options o;
  if (!host) return NEAP_EINVAL;
  *host = NULL;
  int err = np_options_copy(&o, options);
  if (err < 0) return err;
  neap_host *n = new_shell(&o);
  np_inside *in = n ? calloc(1, sizeof *in) : NULL;
  err = in ? init_inside(in, &o) : UV_ENOMEM;
  if (err < 0) {
    free(in);
    neap_drop(n);
    return err;
  }
  n->inside = in;
  in->host.api = n;
  in->host.on_posts = np_deliver;
  np_options_hooks(n);
  if (o.ignore_sigpipe) ignore_sigpipe();
  err = np_protected(n, open_libraries, NULL);
  if (err == 0) err = np_options_limits(n);
  if (err < 0) {
    neap_free(n);
    return err;
  }
  *host = n;
  return 0;
}

/* ---- closing ----------------------------------------------------------- */

/* The tasks are gone: delivers what was accepted, refuses what comes later,
 * closes the state and asks every handle to close. */
static void close_state(neap_host *n) {
  np_host *h = &n->inside->host;
  np_program_forget(n);
  uv_mutex_lock(&n->lock);
  n->refuses = true;
  uv_mutex_unlock(&n->lock);
  if (h->slots) np_deliver(h);
  n->program = NP_CLOSING;
  if (h->slots) np_futures_abandon(n);
  n->exit_status = h->exit_code;
  n->in_call++; /* finalizers are inside */
  np_loop_close_handle(h, &n->inside->wake);
  np_lib_close_start(h);
  n->in_call--;
}

static void close_end(neap_host *n) {
  np_lib_close_end(&n->inside->host);
  free(n->inside);
  n->inside = NULL;
  n->closing = false;
  n->program = NP_CLOSED;
}

int neap_close(neap_host *host) {
  if (!host) return 0;
  if (!is_mine(host)) return NEAP_ETHREAD;
  if (host->program == NP_CLOSED) return 0;
  int err = np_enter(host);
  if (err < 0) return err;
  if (host->closing)
    return np_refuse(host, NEAP_ECLOSED, "the host is closing");
  if (np_is_inside(host))
    return np_refuse(host, NEAP_ESTATE,
                     "a host cannot be closed inside of its own call");
  np_host *h = &host->inside->host;
  h->on_ended = NULL;
  host->running = true;
  np_timer_stop(h, &h->grace_timer);
  if (h->slots) np_loop_unwind(h, h->grace);
  close_state(host);
  while (h->nhandles > 0) uv_run(h->uv, UV_RUN_ONCE);
  host->running = false;
  close_end(host);
  return 0;
}

int neap_free(neap_host *host) {
  int err = neap_close(host);
  if (err == 0) neap_drop(host);
  return err;
}

/* ---- closing without waiting ------------------------------------------- */

/* The last handle is closed. On a loop of its own that loop still runs: then
 * neap_step does the rest. */
static void on_gone(np_host *h) {
  neap_host *n = h->api;
  if (h->owns_loop)
    n->gone = true;
  else
    np_close_done(n);
}

void np_close_done(neap_host *n) {
  close_end(n);
  if (n->on_closed) n->on_closed(n, n->on_closed_ud);
  neap_drop(n);
}

static void on_unwound(np_host *h) {
  neap_host *n = h->api;
  h->on_gone = on_gone;
  close_state(n);
}

int neap_close_async(neap_host *host, double grace,
                     void (*on_closed)(neap_host *host, void *ud), void *ud) {
  int err = np_enter(host);
  if (err < 0) return err;
  if (host->closing)
    return np_refuse(host, NEAP_ECLOSED, "the host is closing");
  if (isnan(grace))
    return np_refuse(host, NEAP_EINVAL, "the grace time is not a number");
  if (host->running && !host->stepping)
    return np_refuse(host, NEAP_ESTATE,
                     "neap_run is at work: neap_stop ends it");
  np_host *h = &host->inside->host;
  neap_hold(host);
  host->on_closed = on_closed;
  host->on_closed_ud = ud;
  if (host->program == NP_RUNNING || host->program == NP_ENDING)
    host->stopped = true;
  host->closing = true;
  np_timer_stop(h, &h->grace_timer);
  np_loop_unwind_start(h, grace < 0 ? h->grace : grace, on_unwound);
  return 0;
}
