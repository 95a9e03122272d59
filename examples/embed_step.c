/*
 * embed_step.c: an application with a loop around poll(), which watches a pipe
 * of its own and the descriptor of a host.
 *
 *   make examples && build/examples/embed_step
 *
 * Prints
 *   script: one
 *   application: byte x
 *   script: two
 *   application: the script ended with 0
 */
#include <neap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char script[] =
    "local neap = require('neap')\n"
    "print('script: one')\n"
    "neap.sleep(0.02)\n"
    "poke('x')\n"
    "neap.sleep(0.02)\n"
    "print('script: two')\n";

/* poke(text): writes into the application's pipe. */
static int poke(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  int fd = (int)lua_tointeger(L, lua_upvalueindex(1));
  lua_pushinteger(L, write(fd, text, size));
  return 1;
}

int main(void) {
  neap_host *host;
  int ends[2], result;
  if (pipe(ends) != 0 || neap_open(&host, NULL) != 0) return 1;
  lua_State *L = neap_state(host);
  lua_pushinteger(L, ends[1]);
  lua_pushcclosure(L, poke, 1);
  lua_setglobal(L, "poke");
  setvbuf(stdout, NULL, _IOLBF, 0);
  neap_load_buffer(host, script, strlen(script), "=script");

  struct pollfd fds[2] = {{.fd = ends[0], .events = POLLIN},
                          {.fd = neap_fd(host), .events = POLLIN}};
  while ((result = neap_step(host, 0)) == 1) {
    if (poll(fds, 2, neap_timeout(host)) < 0) break;
    char byte;
    if ((fds[0].revents & POLLIN) && read(ends[0], &byte, 1) == 1)
      printf("application: byte %c\n", byte);
  }
  printf("application: the script ended with %d\n", result);
  if (result != 0) fprintf(stderr, "%s\n", neap_error_text(host));
  neap_free(host);
  close(ends[0]);
  close(ends[1]);
  return result != 0;
}
