/*
 * tty.c: the standard streams, and what is special about terminals.
 *
 * What a script has written to a standard stream is out when the program ends:
 * the np_stdio, which is listed before its streams are, sends the rest when
 * the host closes.
 *
 * The mode of a terminal belongs to the terminal, not to a host, and must be
 * put back however the process ends. So what it was is kept for the whole
 * process, for exit handlers and signal handlers to find: the one piece of
 * static data that changes. Handlers are set while a terminal is raw, and only
 * for signals that nobody else handles.
 */
#include "io/tty.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/warn.h"
#include "io/file.h"
#include "io/stdwire.h"
#include "io/stream.h"

/* ---- the mode of the terminal ------------------------------------------ */

enum { MAX_RAW = 4 };

static struct raw_terminal {
  volatile sig_atomic_t on;
  int fd;
  struct termios before;
} raw_terminals[MAX_RAW];

static const int fatal[] = {SIGHUP,  SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE,
                            SIGSEGV, SIGALRM, SIGINT, SIGTERM, SIGXCPU};

void np_tty_restore(void) {
  int e = errno;
  for (int i = 0; i < MAX_RAW; i++) {
    struct raw_terminal *t = &raw_terminals[i];
    if (t->on) tcsetattr(t->fd, TCSANOW, &t->before);
    t->on = 0;
  }
  errno = e;
}

static void on_fatal(int signum) {
  np_tty_restore();
  signal(signum, SIG_DFL);
  raise(signum);
}

static void watch_ends(void) {
  static bool registered;
  if (!registered) atexit(np_tty_restore);
  registered = true;
  for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
    struct sigaction now, ours = {.sa_handler = on_fatal};
    if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
      sigaction(fatal[i], &ours, NULL);
    }
  }
}

static void unwatch_ends(void) {
  for (int i = 0; i < MAX_RAW; i++) {
    if (raw_terminals[i].on) return;
  }
  for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
    struct sigaction now;
    if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler == on_fatal) {
      signal(fatal[i], SIG_DFL);
    }
  }
}

static struct raw_terminal *find_raw(int fd) {
  for (int i = 0; i < MAX_RAW; i++) {
    if (raw_terminals[i].on && raw_terminals[i].fd == fd) {
      return &raw_terminals[i];
    }
  }
  return NULL;
}

/* 0 or an error. */
static int make_raw(int fd) {
  if (find_raw(fd)) return 0;
  struct raw_terminal *t = NULL;
  for (int i = 0; i < MAX_RAW; i++) {
    if (!raw_terminals[i].on) t = &raw_terminals[i];
  }
  if (!t) return UV_EMFILE;
  if (tcgetattr(fd, &t->before) < 0) return uv_translate_sys_error(errno);
  struct termios raw = t->before;
  raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  raw.c_oflag |= ONLCR;
  raw.c_cflag |= CS8;
  raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  t->fd = fd;
  t->on = 1;
  watch_ends();
  if (tcsetattr(fd, TCSADRAIN, &raw) == 0) return 0;
  int r = uv_translate_sys_error(errno);
  t->on = 0;
  unwatch_ends();
  return r;
}

static int make_cooked(int fd) {
  struct raw_terminal *t = find_raw(fd);
  if (!t) return isatty(fd) ? 0 : uv_translate_sys_error(errno);
  int r = tcsetattr(fd, TCSADRAIN, &t->before);
  if (r < 0) return uv_translate_sys_error(errno);
  t->on = 0;
  unwatch_ends();
  return 0;
}

/* ---- methods of Stream ------------------------------------------------- */

/* The descriptor of an open stream, or an error. */
static int fd_of(lua_State *L, np_stream *s) {
  np_stream_checkopen(L, s);
  int fd;
  int r = s->wire->cls->fileno(s->wire, &fd);
  return r < 0 ? r : fd;
}

int np_stream_m_isatty(lua_State *L) {
  int fd = fd_of(L, np_stream_self(L));
  lua_pushboolean(L, fd >= 0 && isatty(fd));
  return 1;
}

/* winsize() -> columns, rows | nil, err */
int np_stream_m_winsize(lua_State *L) {
  np_stream *s = np_stream_self(L);
  struct winsize size;
  int fd = fd_of(L, s);
  int r = fd < 0 ? fd : ioctl(fd, TIOCGWINSZ, &size);
  if (r == -1 && fd >= 0) r = uv_translate_sys_error(errno);
  if (r < 0) return np_stream_fail(L, s, r, "winsize");
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}

/* raw(b) -> true | nil, err: keys one by one, without echo, or as it was. */
int np_stream_m_raw(lua_State *L) {
  np_stream *s = np_stream_self(L);
  bool on = lua_isnone(L, 2) || lua_toboolean(L, 2);
  int fd = fd_of(L, s);
  int r = fd < 0 ? fd : on ? make_raw(fd) : make_cooked(fd);
  if (r < 0) return np_stream_fail(L, s, r, "raw");
  lua_pushboolean(L, true);
  return 1;
}

/* ---- the standard streams ---------------------------------------------- */

typedef struct np_stdio {
  np_handle base;
  np_stream *streams[3]; /* a hold for each */
} np_stdio;

static const char registry_key = 0;

/* Sends what the streams have not sent yet. */
static void drain(np_stdio *io, bool patient) {
  for (int i = 0; i < 3; i++) {
    np_stream *s = io->streams[i];
    if (!s || !s->wire || s->write_error || s->wire_closing) continue;
    if (!s->backlog) continue; /* nothing is unsent */
    np_buf *queued = &s->backlog->queued;
    np_stdwire_drain(s->wire, np_buf_data(queued), np_buf_size(queued),
                     patient);
    np_buf_consume(queued, np_buf_size(queued));
  }
}

static void stdio_shut(np_handle *b) {
  np_stdio *io = np_container_of(b, np_stdio, base);
  drain(io, true);
  np_tty_restore();
  np_release(b);
}

static void stdio_destroy(np_handle *b) {
  np_stdio *io = np_container_of(b, np_stdio, base);
  for (int i = 0; i < 3; i++) {
    if (io->streams[i]) np_release(&io->streams[i]->base);
  }
  np_free(b->host, io, sizeof(*io));
}

static const np_handle_class stdio_class = {.shut = stdio_shut,
                                            .destroy = stdio_destroy};

/* The np_stdio of the host, or NULL while no standard stream was used. */
static np_stdio *find(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  np_stdio *io = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return io;
}

static np_stdio *make(lua_State *L, np_host *h) {
  np_stdio *io = np_alloc(h, sizeof(*io));
  if (!io) luaL_error(L, "not enough memory");
  memset(io, 0, sizeof(*io));
  np_handle_init(&io->base, h, &stdio_class);
  np_handle_list(&io->base);
  lua_pushlightuserdata(L, io);  // until the host closes
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  return io;
}

/* stdio(0 | 1 | 2) -> Stream: each call a new one; the caller keeps it. */
static int core_stdio(lua_State *L) {
  np_host *h = np_gethost(L);
  int fd = (int)np_checkinteger(L, 1, 0, 2);
  np_stdio *io = find(L);
  if (!io) io = make(L, h);
  np_stream *s = np_stream_new(L, h);
  np_wire *wire;
  int r = np_stdwire_open(L, h, fd, &wire);
  if (r < 0) return luaL_error(L, "not enough memory");
  np_stream_attach(s, wire);
  np_warn_expected(L, h);
  s->lazy = true;
  s->high = 0;  // a write has gone out when it returns: print may follow
  if (io->streams[fd]) np_release(&io->streams[fd]->base);
  np_hold(&s->base);
  io->streams[fd] = s;
  return 1;
}

/* flush_all(): the process ends at once: files and standard streams hand over
 * what they can. */
static int core_flush_all(lua_State *L) {
  np_files_flush(np_workers_dirty(L));
  np_stdio *io = find(L);
  if (io) drain(io, false);
  return 0;
}

void np_tty_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"stdio", core_stdio}, {"flush_all", core_flush_all}, {NULL, NULL}};
  np_setfuncs(L, h, functions);
}
