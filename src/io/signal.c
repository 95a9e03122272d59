/*
 * signal.c: the class Signals, a listener to one or more signals: called, it
 * waits for the next one and gives its name. What comes while nobody waits is
 * kept, up to PENDING_MAX. Libuv hands a signal to every listener, and puts
 * the default action back when the last one goes; where a signal was ignored
 * before (SIGPIPE), it is ignored again.
 */
#include "io/signal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/handle.h"

enum { PENDING_MAX = 256 };

static const struct {
  const char *name;
  int number;
} signals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},
    {"ILL", SIGILL},       {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},
    {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1},     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},     {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"CHLD", SIGCHLD},     {"CONT", SIGCONT}, {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},
    {"URG", SIGURG},       {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},         {"SYS", SIGSYS},
#ifdef SIGPWR
    {"PWR", SIGPWR},
#endif
#ifdef SIGSTKFLT
    {"STKFLT", SIGSTKFLT},
#endif
};
enum { NSIGNALS = sizeof(signals) / sizeof(*signals) };

const char *np_signal_name(int signum) {
  for (int i = 0; i < NSIGNALS; i++) {
    if (signals[i].number == signum) return signals[i].name;
  }
  return NULL;
}

int np_signal_number(const char *name) {
  if (strncmp(name, "SIG", 3) == 0) name += 3;
  for (int i = 0; i < NSIGNALS; i++) {
    if (strcmp(signals[i].name, name) == 0) return signals[i].number;
  }
  return 0;
}

/* ---- listening --------------------------------------------------------- */

typedef struct np_listened {
  uv_signal_t uv;
  int signum;
  bool was_ignored;
} np_listened;

typedef struct np_signals {
  np_handle base;               /* holds: the userdata, each uv_signal_t */
  np_wait wait;                 /* the task that waits */
  uint8_t pending[PENDING_MAX]; /* a ring */
  unsigned head, npending;
  bool closed;
  int count, capacity;
  np_listened listened[]; /* begun: the first `count` */
} np_signals;

static size_t size_of(int count) {
  return sizeof(np_signals) + (size_t)count * sizeof(np_listened);
}

static void wake(np_signals *s) {
  if (!np_waiter(&s->wait)) return;
  np_unforever(s->base.host);
  np_wake(&s->wait);
}

static void on_signal(uv_signal_t *uv, int signum) {
  np_signals *s = uv->data;
  if (s->npending == PENDING_MAX) return;
  s->pending[(s->head + s->npending++) % PENDING_MAX] = (uint8_t)signum;
  wake(s);
}

static bool is_handled_by(int signum, void (*handler)(int)) {
  struct sigaction now;
  return sigaction(signum, NULL, &now) == 0 && now.sa_handler == handler;
}

static int listen_to(np_signals *s, int signum) {
  np_host *h = s->base.host;
  np_listened *one = &s->listened[s->count];
  one->signum = signum;
  one->was_ignored = is_handled_by(signum, SIG_IGN);
  int r = uv_signal_init(h->uv, &one->uv);
  if (r < 0) return r;
  one->uv.data = s;
  s->count++;
  np_uv_opened(&s->base);
  h->listeners[signum]++;
  uv_unref((uv_handle_t *)&one->uv);
  return uv_signal_start(&one->uv, on_signal, signum);
}

static void signals_close(np_signals *s) {
  np_host *h = s->base.host;
  if (s->closed) return;
  s->closed = true;
  wake(s);
  for (int i = 0; i < s->count; i++) {
    np_listened *one = &s->listened[i];
    h->listeners[one->signum]--;
    uv_signal_stop(&one->uv);
    if (one->was_ignored && is_handled_by(one->signum, SIG_DFL)) {
      signal(one->signum, SIG_IGN);
    }
    np_uv_close(&s->base, (uv_handle_t *)&one->uv);
  }
  np_handle_unlist(&s->base);
}

static void signals_shut(np_handle *b) {
  signals_close(np_container_of(b, np_signals, base));
}

static void signals_destroy(np_handle *b) {
  np_signals *s = np_container_of(b, np_signals, base);
  np_free(b->host, s, size_of(s->capacity));
}

static const np_handle_class handle_class = {
    .shut = signals_shut, .destroy = signals_destroy, .kind = "signal handler"};

/* ---- the wait ---------------------------------------------------------- */

/* What came before a close is still given; then nil. */
static int next_finish(lua_State *L, np_wait *w) {
  np_signals *s = np_container_of(w, np_signals, wait);
  if (s->npending == 0) {
    lua_pushnil(L);
    return 1;
  }
  int signum = s->pending[s->head];
  s->head = (s->head + 1) % PENDING_MAX;
  s->npending--;
  lua_pushstring(L, np_signal_name(signum));
  return 1;
}

static bool next_cancel(np_wait *w) {
  np_unforever(np_container_of(w, np_signals, wait)->base.host);
  return true;
}

/* Writes "INT TERM". */
static void list_names(const np_signals *s, char *buf, size_t size) {
  size_t used = 0;
  buf[0] = '\0';
  for (int i = 0; i < s->count && used < size; i++) {
    int n = snprintf(buf + used, size - used, "%s%s", i ? " " : "",
                     np_signal_name(s->listened[i].signum));
    used += n > 0 ? (size_t)n : 0;
  }
}

static void next_describe(np_wait *w, char *buf, size_t size) {
  char names[128];
  list_names(np_container_of(w, np_signals, wait), names, sizeof(names));
  snprintf(buf, size, "signal %s", names);
}

static const np_wait_class next_class = {"signal", next_describe, next_cancel,
                                         next_finish, NULL};

static int signals__call(lua_State *L) {
  np_signals **box = np_checkself(L);
  np_host *h = np_gethost(L);
  np_checkwait(L, h);
  np_signals *s = *box;
  if (!s) {
    lua_pushnil(L);
    return 1;
  }
  if (np_wait_busy(&s->wait)) {
    return np_raise(L, "BUSY", "another task waits for this signal");
  }
  if (s->npending > 0 || s->closed) {
    return np_settle(L, h, &s->wait, &next_class);
  }
  np_forever(h);
  return np_park(L, h, &s->wait, &next_class);
}

/* ---- the class --------------------------------------------------------- */

static int signals_m_close(lua_State *L) {
  np_signals **box = np_checkself(L);
  if (*box) signals_close(*box);
  return 0;
}

static int signals__gc(lua_State *L) {
  np_signals **box = np_checkself(L);
  np_signals *s = *box;
  *box = NULL;
  if (s) {
    signals_close(s);
    np_release(&s->base);
  }
  return 0;
}

static int signals__tostring(lua_State *L) {
  np_signals **box = np_checkself(L);
  char names[128] = "closed";
  if (*box && !(*box)->closed) list_names(*box, names, sizeof(names));
  lua_pushfstring(L, "Signals (%s)", names);
  return 1;
}

static const luaL_Reg methods[] = {{"close", signals_m_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__call", signals__call},
                                       {"__gc", signals__gc},
                                       {"__tostring", signals__tostring},
                                       {NULL, NULL}};
static const np_class signals_class = {"Signals", methods, metamethods};

/* signals(number, ...) -> Signals | nil, err. Each number is valid. */
static int core_signals(lua_State *L) {
  np_host *h = np_gethost(L);
  int n = lua_gettop(L);
  luaL_checkstack(L, 4, NULL);
  for (int i = 1; i <= n; i++) np_checkinteger(L, i, 1, NP_NSIGNALS - 1);
  np_signals **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &signals_class);
  np_signals *s = np_alloc(h, size_of(n));
  if (!s) return luaL_error(L, "not enough memory");
  memset(s, 0, size_of(n));
  s->capacity = n;
  np_handle_init(&s->base, h, &handle_class);
  np_handle_list(&s->base);
  *box = s;
  for (int i = 1; i <= n; i++) {
    int signum = (int)lua_tointeger(L, i);
    int r = listen_to(s, signum);
    if (r < 0) {
      signals_close(s);
      return np_fail_uv(L, r, "listen to signal %s", np_signal_name(signum));
    }
  }
  return 1;
}

/* signal_number(name) -> number | nil, and its plain name */
static int core_signal_number(lua_State *L) {
  int number = np_signal_number(np_checkstring(L, 1, NULL));
  if (number == 0) return 0;
  lua_pushinteger(L, number);
  lua_pushstring(L, np_signal_name(number));
  return 2;
}

void np_signal_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {{"signals", core_signals},
                                       {"signal_number", core_signal_number},
                                       {NULL, NULL}};
  np_class_register(L, h, &signals_class);
  np_setfuncs(L, h, functions);
}
