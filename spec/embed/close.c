/*
 * close.c: closes a host while a task is in a wait of a class, once for each
 * line of close.lua and each way to close.
 *
 *   close count        how many waits close.lua has
 *   close N WAY        closes in wait N: "now", "async" (on a loop of the
 *                      application), "stubborn" (a task that catches its
 *                      cancellation again and again), "twice"
 *
 * Prints "ok". uv_loop_close must say 0, `<close>` handlers run, and no
 * descriptor be left.
 */
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

#include "core/task.h"

static bool refusing; /* sends of datagrams would block */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags);

/* In front of libc's. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  static ssize_t (*real)(int, const struct msghdr *, int);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
  if (!refusing || !message->msg_name) return real(fd, message, flags);
  errno = EAGAIN;
  return -1;
}

static int refuse_sends(lua_State *L) {
  (void)L;
  refusing = true;
  return 0;
}

static int cleaned;
static int clean(lua_State *L) {
  (void)L;
  cleaned++;
  return 0;
}

/* True if a task is in the wait of that name. */
static bool someone_waits(np_host *h, const char *name) {
  for (uint32_t i = 1; i <= h->nslots; i++) {
    lua_rawgeti(h->slots, NP_SLOT_LIVE, i);
    np_task *t = lua_touserdata(h->slots, -1);
    lua_pop(h->slots, 1);
    if (t && t->begun && t->wait && t->wait->cls &&
        strcmp(t->wait->cls->name, name) == 0)
      return true;
  }
  return false;
}

static void describe_tasks(np_host *h) {
  char text[160];
  for (uint32_t i = 1; i <= h->nslots; i++) {
    lua_rawgeti(h->slots, NP_SLOT_LIVE, i);
    np_task *t = lua_touserdata(h->slots, -1);
    lua_pop(h->slots, 1);
    if (!t || !t->begun || !t->wait) continue;
    np_task_describe(t, text, sizeof text);
    printf("a task waits in '%s': %s\n", t->wait->cls->name, text);
  }
}

typedef struct entry {
  char class[80], name[80], script[2000];
} entry;

/* Line `index` of close.lua, or with 0 only their number. */
static int read_entry(int index, entry *e) {
  neap_host *host = check_open(NULL);
  lua_State *L = neap_state(host);
  CHECK(luaL_dofile(L, "spec/embed/close.lua") == LUA_OK);
  int n = (int)lua_rawlen(L, -1);
  if (index > 0) {
    char *const to[] = {e->class, e->name, e->script};
    size_t sizes[] = {sizeof e->class, sizeof e->name, sizeof e->script};
    CHECK(index <= n);
    lua_rawgeti(L, -1, index);
    for (int i = 0; i < 3; i++) {
      lua_rawgeti(L, -1, i + 1);
      CHECK(lua_rawlen(L, -1) < sizes[i]);
      strcpy(to[i], lua_tostring(L, -1));
      lua_pop(L, 1);
    }
  }
  lua_settop(L, 0);
  neap_free(host);
  return n;
}

static const char before[] =
    "neap = require('neap') "
    "local cleaner = setmetatable({}, { __close = clean }) "
    "local function subject() local _ <close> = cleaner ";
static const char after[] =
    "\nend "
    "if stubborn then local body = subject "
    "subject = function() while true do pcall(body) end end end "
    "neap.spawn(subject) "
    "neap.sleep(math.huge)";

static void load(neap_host *host, const entry *e, bool stubborn) {
  char script[3000];
  snprintf(script, sizeof script, "%s%s%s", before, e->script, after);
  lua_register(neap_state(host), "clean", clean);
  lua_register(neap_state(host), "refuse_sends", refuse_sends);
  CHECK_EQ(neap_set_global(host, "stubborn", neap_boolean(stubborn)), 0);
  check_load(host, script);
  CHECK_EQ(neap_start(host, NULL, NULL), 0);
}

static void wait_for(neap_host *host, uv_loop_t *loop, const entry *e) {
  np_host *h = np_host_of(neap_state(host));
  uint64_t until = uv_hrtime() + UINT64_C(10000000000);
  while (!someone_waits(h, e->name)) {
    uv_run(loop, UV_RUN_NOWAIT);
    if (uv_hrtime() < until && !neap_error_message(host)[0]) continue;
    printf("%s: nobody waits in '%s'\n%s\n", e->class, e->name,
           neap_error_text(host));
    describe_tasks(h);
    exit(1);
  }
}

static int closed;
static void on_closed(neap_host *host, void *ud) {
  (void)host, (void)ud;
  closed++;
}

static void close_in(const entry *e, const char *way) {
  neap_options options;
  uv_loop_t loop;
  bool async = strcmp(way, "async") == 0;
  bool stubborn = strcmp(way, "stubborn") == 0;
  neap_options_init(&options);
  options.grace = stubborn ? 0.02 : 0.3;
  options.ignore_sigpipe = 1; /* both ends of some are ours */
  if (async) options.loop = &loop;
  if (async) CHECK_EQ(uv_loop_init(&loop), 0);
  neap_host *host = check_open(&options);
  load(host, e, stubborn);
  wait_for(host, neap_loop(host), e);
  if (async) {
    CHECK_EQ(neap_close_async(host, -1, on_closed, NULL), 0);
    while (!closed) uv_run(&loop, UV_RUN_ONCE);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&loop), 0);
  } else {
    CHECK_EQ(neap_close(host), 0);
  }
  CHECK_EQ(neap_close(host), 0);
  CHECK(cleaned > 0);
  CHECK_EQ(neap_free(host), 0);
}

int main(int argc, char **argv) {
  static entry e;
  int index = argc > 1 ? atoi(argv[1]) : 0;
  check_warm_up();
  int n = read_entry(index, &e);
  if (index == 0) {
    printf("%d\n", n);
    return 0;
  }
  int descriptors = check_descriptors();
  close_in(&e, argc > 2 ? argv[2] : "now");
  CHECK(check_descriptors() <= descriptors);
  printf("ok\n");
  return 0;
}
