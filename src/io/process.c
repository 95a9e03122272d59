/*
 * process.c: the class Child, a process that was started here. While one
 * lives, the host listens to SIGCHLD and asks for each of its own children; so
 * none stays a zombie, and nobody else's is taken. A Child that is collected
 * goes on and is still reaped. One that is not detached keeps the program
 * alive until it has ended, and does not outlive the host.
 */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "core/task.h"
#include "io/handle.h"
#include "io/launch.h"
#include "io/signal.h"
#include "io/stream.h"
#include "io/uvwire.h"

extern char **environ;

enum { GRACE_MS = 1000, GRACE_STEP_MS = 2 }; /* from TERM to KILL */

typedef struct np_child {
  np_handle base;  /* holds: the userdata; until it has ended, the list's */
  np_link link;    /* in np_children.living */
  np_link waiters; /* np_task.own.u.queue */
  pid_t pid;
  int status; /* of waitpid; -1: unknown */
  bool ended;
  bool detached;
  bool group; /* it leads a process group or a session */
} np_child;

struct np_children {
  np_handle base; /* one hold, that of the uv_signal_t */
  uv_signal_t uv;
  np_link living;
};

typedef struct np_children np_children;

/* ---- reaping ----------------------------------------------------------- */

static void child_destroy(np_handle *b) {
  np_free(b->host, np_container_of(b, np_child, base), sizeof(np_child));
}

static const np_handle_class child_handle_class = {.destroy = child_destroy,
                                                   .kind = "child process"};

static void children_close(np_children *c) {
  c->base.host->children = NULL;
  np_handle_unlist(&c->base);
  np_uv_close(&c->base, (uv_handle_t *)&c->uv);
}

static bool is_reaped(const np_child *child, int options) {
  pid_t r;
  do {
    r = waitpid(child->pid, NULL, options);
  } while (r < 0 && errno == EINTR);
  return r != 0;
}

static void signal_child(const np_child *child, int signum) {
  kill(child->group ? -child->pid : child->pid, signum);
}

/* Nobody is left who could wait for them: TERM for those that are not
 * detached, and for who does not heed it in time, KILL. */
static void end_living(np_children *c) {
  const struct timespec pause = {.tv_nsec = GRACE_STEP_MS * 1000000L};
  np_link *link, *next;
  for (link = c->living.next; link != &c->living; link = link->next) {
    np_child *child = np_container_of(link, np_child, link);
    if (!child->detached) signal_child(child, SIGTERM);
  }
  for (int ms = 0;; ms += GRACE_STEP_MS) {
    bool last = ms >= GRACE_MS, waits = false;
    for (link = c->living.next; link != &c->living; link = next) {
      next = link->next;
      np_child *child = np_container_of(link, np_child, link);
      if (child->detached) continue;
      if (last) signal_child(child, SIGKILL);
      if (is_reaped(child, last ? 0 : WNOHANG)) {
        np_list_remove(link);
        np_release(&child->base);
      } else {
        waits = true;
      }
    }
    if (!waits) return;
    nanosleep(&pause, NULL);
  }
}

/* The host closes: those that are detached are nobody's any more. */
static void children_shut(np_handle *b) {
  np_children *c = np_container_of(b, np_children, base);
  np_link *link;
  end_living(c);
  while ((link = np_list_first(&c->living)) != NULL) {
    np_list_remove(link);
    np_release(&np_container_of(link, np_child, link)->base);
  }
  children_close(c);
}

static void children_destroy(np_handle *b) {
  np_free(b->host, np_container_of(b, np_children, base), sizeof(np_children));
}

static const np_handle_class children_handle_class = {
    .shut = children_shut, .destroy = children_destroy};

static void end_child(np_child *child, int status) {
  np_host *h = child->base.host;
  np_link *link;
  child->ended = true;
  child->status = status;
  np_list_remove(&child->link);
  while ((link = np_list_first(&child->waiters)) != NULL) {
    np_list_remove(link);
    np_unforever(h);
    np_wake(&np_container_of(link, np_task, own.u.queue)->own.wait);
  }
  if (!child->detached) {
    np_unforever(h);
    np_unkeep(h);
  }
  np_release(&child->base);
}

static void on_sigchld(uv_signal_t *uv, int signum) {
  (void)signum;
  np_children *c = np_container_of(uv, np_children, uv);
  for (np_link *link = c->living.next, *next; link != &c->living; link = next) {
    next = link->next;
    np_child *child = np_container_of(link, np_child, link);
    int status = -1;
    pid_t r = waitpid(child->pid, &status, WNOHANG);
    if (r > 0) {
      end_child(child, status);
    } else if (r < 0 && errno == ECHILD) {
      end_child(child, -1);  // somebody else has taken it
    }
  }
  if (np_list_empty(&c->living)) children_close(c);
}

/* Makes host->children; 0 or an error. */
static int children_get(np_host *h) {
  if (h->children) return 0;
  np_children *c = np_alloc(h, sizeof(*c));
  if (!c) return UV_ENOMEM;
  memset(c, 0, sizeof(*c));
  int r = uv_signal_init(h->uv, &c->uv);
  if (r < 0) {
    np_free(h, c, sizeof(*c));
    return r;
  }
  np_list_init(&c->living);
  np_handle_init(&c->base, h, &children_handle_class);
  np_uv_opened(&c->base);
  np_release(&c->base);  // libuv's hold alone
  np_handle_list(&c->base);
  uv_unref((uv_handle_t *)&c->uv);
  h->children = c;
  r = uv_signal_start(&c->uv, on_sigchld, SIGCHLD);
  if (r < 0) children_close(c);
  return r;
}

static void child_begin(np_child *child, pid_t pid) {
  np_host *h = child->base.host;
  child->pid = pid;
  child->ended = false;
  np_hold(&child->base);
  np_list_append(&h->children->living, &child->link);
  if (child->detached) return;
  np_forever(h);
  np_keep(h);
}

/* ---- the class --------------------------------------------------------- */

static int wait_finish(lua_State *L, np_wait *w) {
  (void)w;
  np_child *child = *(np_child **)lua_touserdata(L, 1);
  if (child->status != -1 && WIFEXITED(child->status)) {
    lua_pushinteger(L, WEXITSTATUS(child->status));
    return 1;
  }
  lua_pushnil(L);
  if (child->status == -1) return 1;
  int signum = WTERMSIG(child->status);
  const char *name = np_signal_name(signum);
  if (name) {
    lua_pushstring(L, name);
  } else {
    lua_pushfstring(L, "%d", signum);
  }
  return 2;
}

static bool wait_cancel(np_wait *w) {
  np_task *t = np_container_of(w, np_task, own.wait);
  np_list_remove(&t->own.u.queue);
  np_unforever(np_task_host(t));
  return true;
}

static void wait_describe(np_wait *w, char *buf, size_t size) {
  np_task *t = np_container_of(w, np_task, own.wait);
  np_child *child = *(np_child **)lua_touserdata(t->leaf, 1);
  snprintf(buf, size, "process %d", (int)child->pid);
}

static const np_wait_class wait_class = {"process", wait_describe, wait_cancel,
                                         wait_finish, NULL};

/* wait() -> code | nil, signal */
static int child_wait(lua_State *L) {
  np_child **box = np_checkself(L);
  np_host *h = np_gethost(L);
  np_checkwait(L, h);
  np_checkreal(L, h, "a process");
  lua_settop(L, 1);
  np_task *t = h->current;
  if ((*box)->ended) return np_settle(L, h, &t->own.wait, &wait_class);
  np_list_append(&(*box)->waiters, &t->own.u.queue);
  np_forever(h);
  return np_park(L, h, &t->own.wait, &wait_class);
}

/* kill(number, whole_group) -> true | nil, err */
static int child_kill(lua_State *L) {
  np_child *child = *(np_child **)np_checkself(L);
  int signum = (int)np_checkinteger(L, 2, 0, NP_NSIGNALS - 1);
  bool whole = lua_toboolean(L, 3) && child->group;
  int r = UV_ESRCH;
  if (!child->ended) {
    r = kill(whole ? -child->pid : child->pid, signum);
    if (r < 0) r = uv_translate_sys_error(errno);
  }
  if (r < 0) return np_fail_uv(L, r, "kill process %d", (int)child->pid);
  lua_pushboolean(L, true);
  return 1;
}

static int child_pid(lua_State *L) {
  lua_pushinteger(L, (*(np_child **)np_checkself(L))->pid);
  return 1;
}

static int child_ended(lua_State *L) {
  lua_pushboolean(L, (*(np_child **)np_checkself(L))->ended);
  return 1;
}

static int child__gc(lua_State *L) {
  np_child **box = np_checkself(L);
  if (*box) np_release(&(*box)->base);
  *box = NULL;
  return 0;
}

static const luaL_Reg methods[] = {
    {"wait", child_wait},   {"kill", child_kill}, {"pid", child_pid},
    {"ended", child_ended}, {NULL, NULL},
};
static const luaL_Reg metamethods[] = {{"__gc", child__gc}, {NULL, NULL}};
static const np_class child_class = {"Child", methods, metamethods};

/* [..] -> [.. Child] */
static np_child *child_new(lua_State *L, np_host *h) {
  np_child **box = lua_newuserdatauv(L, sizeof(*box), 0);
  *box = NULL;
  np_class_set(L, &child_class);
  np_child *child = np_alloc(h, sizeof(*child));
  if (!child) luaL_error(L, "not enough memory");
  *child = (np_child){.ended = true, .status = -1};
  np_list_init(&child->waiters);
  np_list_init(&child->link);
  np_handle_init(&child->base, h, &child_handle_class);
  return *box = child;
}

/* ---- starting ---------------------------------------------------------- */

/* The arguments of core.launch, and what it makes. */
enum {
  PROGRAM = 1,
  ARGV, /* list of strings */
  ENV,  /* list of "NAME=value", or nil: ours */
  PATH, /* where to look for the program */
  CWD,  /* or nil */
  STDIN,
  STDOUT,
  STDERR, /* each "pipe", "null", a Stream or a descriptor */
  UID,
  GID,  /* or nil */
  MODE, /* nil, "group" or "session" */
  DETACHED,
  NARGS = DETACHED,
  CHILD,
  PIPES, /* three Streams, or nil */
};

/* [..] -> [.. userdata]  the strings of a list as C wants them, after one free
 * place; they live as long as the list. */
static char **push_vector(lua_State *L, int list) {
  lua_Integer n = luaL_len(L, list);
  char **v = lua_newuserdatauv(L, (size_t)(n + 2) * sizeof(*v), 0);
  v[0] = NULL;
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    v[i] = (char *)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  v[n + 1] = NULL;
  return v + 1;
}

static int stream_fd(np_stream *s, int *fd) {
  if (s->closing || !s->wire) return UV_EBADF;
  return s->wire->cls->fileno ? s->wire->cls->fileno(s->wire, fd) : UV_EBADF;
}

/* A pipe, of which the Stream gets our end and *fd the child's. */
static int open_pipe(np_stream *s, int which, int *fd) {
  int ends[2];
  np_wire *wire;
  if (pipe2(ends, O_CLOEXEC) < 0) return uv_translate_sys_error(errno);
  int ours = ends[which == 0], theirs = ends[which != 0];
  int r = np_uvwire_open(s->base.host, ours, &wire);
  if (r < 0) {
    close(ours);
    close(theirs);
    return r;
  }
  np_stream_attach(s, wire);
  *fd = theirs;
  return 0;
}

/* The child's descriptor `which`, in *fd; *opened if it is ours to close. */
static int open_stdio(lua_State *L, int which, int *fd, bool *opened) {
  int arg = STDIN + which;
  if (lua_isinteger(L, arg)) {
    *fd = (int)lua_tointeger(L, arg);
    return 0;
  } else if (lua_isuserdata(L, arg)) {
    return stream_fd(np_stream_check(L, arg), fd);
  }
  *opened = true;
  if (*lua_tostring(L, arg) == 'p') {
    return open_pipe(np_stream_check(L, PIPES + which), which, fd);
  }
  *fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  return *fd < 0 ? uv_translate_sys_error(errno) : 0;
}

/* 0, or NP_EPROCESSES if as many children live as the limits allow. */
static int check_room(const np_host *h) {
  uint32_t n = 0;
  if (h->limits.processes == 0 || !h->children) return 0;
  np_link *living = &h->children->living;
  for (np_link *l = living->next; l != living; l = l->next) n++;
  return n < h->limits.processes ? 0 : NP_EPROCESSES;
}

/* Opens the three, starts, and closes what only the child needs. */
static pid_t start(lua_State *L, np_launch *l) {
  bool opened[3] = {false, false, false};
  int r = check_room(np_gethost(L));
  for (int i = 0; i < 3; i++) l->fds[i] = -1;
  for (int i = 0; i < 3 && r == 0; i++) {
    r = open_stdio(L, i, &l->fds[i], &opened[i]);
  }
  if (r == 0) r = np_launch_start(l);
  for (int i = 0; i < 3; i++) {
    if (opened[i] && l->fds[i] >= 0) close(l->fds[i]);
  }
  return r;
}

static int failed(lua_State *L, const np_launch *l, int r) {
  int path = PROGRAM;
  for (int i = 0; i < 3; i++) {
    if (!lua_isnil(L, PIPES + i)) {
      np_stream_close(np_stream_check(L, PIPES + i), true);
    }
  }
  if (l->stage == NP_LAUNCH_CWD) {
    path = CWD;
    np_fail_uv(L, r, "spawn \"%s\" in \"%s\"", lua_tostring(L, PROGRAM),
               lua_tostring(L, CWD));
  } else if (l->stage == NP_LAUNCH_USER) {
    np_fail_uv(L, r, "spawn \"%s\" as another user", lua_tostring(L, PROGRAM));
  } else {
    np_fail_uv(L, r, "spawn \"%s\"", lua_tostring(L, PROGRAM));
  }
  lua_pushliteral(L, "spawn");
  lua_setfield(L, -2, "op");
  lua_pushvalue(L, path);
  lua_setfield(L, -2, "path");
  return 2;
}

static bool mode_is(lua_State *L, const char *name) {
  const char *mode = lua_tostring(L, MODE);
  return mode && strcmp(mode, name) == 0;
}

/* launch(...) -> Child, stdin, stdout, stderr (Streams of pipes, or nil) |
 * nil, err. process.lua has checked the arguments. */
static int core_launch(lua_State *L) {
  np_host *h = np_gethost(L);
  lua_settop(L, NARGS);
  np_checkreal(L, h, "a process");
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  np_child *child = child_new(L, h);
  for (int i = 0; i < 3; i++) {
    bool text = lua_type(L, STDIN + i) == LUA_TSTRING;
    if (text && *lua_tostring(L, STDIN + i) == 'p') {
      np_stream_new(L, h);
    } else {
      lua_pushnil(L);
    }
  }
  np_launch l = {
      .program = lua_tostring(L, PROGRAM),
      .argv = push_vector(L, ARGV),
      .env = lua_isnil(L, ENV) ? environ : push_vector(L, ENV),
      .path = lua_tostring(L, PATH),
      .cwd = lua_tostring(L, CWD),
      .uid = luaL_optinteger(L, UID, -1),
      .gid = luaL_optinteger(L, GID, -1),
      .session = mode_is(L, "session"),
      .group = mode_is(L, "group"),
      .descriptors = h->child_descriptors,
  };
  l.room = lua_newuserdatauv(L, strlen(l.path) + strlen(l.program) + 2, 0);
  child->detached = lua_toboolean(L, DETACHED);
  child->group = l.session || l.group;
  int r = children_get(h);
  pid_t pid = r < 0 ? r : start(L, &l);
  if (pid < 0) {
    if (h->children && np_list_empty(&h->children->living)) {
      children_close(h->children);
    }
    return failed(L, &l, pid);
  }
  child_begin(child, pid);
  lua_settop(L, PIPES + 2);
  return 4;
}

static int core_process_id(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

void np_process_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"launch", core_launch}, {"process_id", core_process_id}, {NULL, NULL}};
  np_class_register(L, h, &child_class);
  np_setfuncs(L, h, functions);
}
