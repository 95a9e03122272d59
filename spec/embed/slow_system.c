/*
 * slow_system.c: a script in a process whose system makes it wait when the
 * script says so. The program has a getaddrinfo and a sendmsg of its own, which
 * libuv calls.
 *
 *   slow_system script.lua
 *
 * hold_names(true | false)  names are not answered until they are let go, and
 *                           then not known
 * refuse_sends(n)           the next n calls of sendmsg are not possible now
 */
#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <neap.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

static atomic_bool hold;
static atomic_int refused;

int getaddrinfo(const char *host, const char *service,
                const struct addrinfo *hints, struct addrinfo **found) {
  const struct timespec pause = {.tv_nsec = 1000000};
  (void)host, (void)service, (void)hints;
  while (hold) nanosleep(&pause, NULL);
  *found = NULL;
  return EAI_NONAME;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  ssize_t (*real)(int, const struct msghdr *, int);
  *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
  if (refused == 0) return real(fd, message, flags);
  refused--;
  errno = EAGAIN;
  return -1;
}

static int hold_names(lua_State *L) {
  hold = lua_toboolean(L, 1);
  return 0;
}

static int refuse_sends(lua_State *L) {
  refused = (int)luaL_checkinteger(L, 1);
  return 0;
}

int main(int argc, char **argv) {
  neap_host *host;
  if (argc != 2) return 1;
  int err = neap_open(&host, NULL);
  if (err != 0) return 1;
  lua_register(neap_state(host), "hold_names", hold_names);
  lua_register(neap_state(host), "refuse_sends", refuse_sends);
  err = neap_load_file(host, argv[1]);
  if (err == 0) err = neap_run(host);
  if (err != 0) fprintf(stderr, "slow_system: %s\n", neap_error_text(host));
  hold = false;
  neap_close(host);
  return err == 0 ? 0 : 1;
}
