/*
 * embed_host.c: an application that runs a script with a function of its own.
 *
 *   make examples && build/examples/embed_host [script.lua [args]]
 *
 * Without a script it runs a small one, which prints what the application's
 * function says after a wait.
 */
#include <lauxlib.h>
#include <neap.h>
#include <stdio.h>
#include <string.h>

static const char script[] =
    "local neap = require 'neap'\n"
    "local name = ... or 'world'\n"
    "local task = neap.spawn(function()\n"
    "  neap.sleep(0.05)\n"
    "  return greeting(name)\n"
    "end)\n"
    "print(task:await())\n";

/* greeting(name): a C function of the application. */
static int greeting(lua_State *L) {
  lua_pushfstring(L, "hello, %s", luaL_checkstring(L, 1));
  return 1;
}

int main(int argc, char **argv) {
  neap_host *host;
  neap_options options;
  neap_options_init(&options);
  if (argc > 2) {
    options.argc = argc - 2;
    options.argv = (const char *const *)argv + 2;
  }
  int err = neap_open(&host, &options);
  if (err != 0) {
    fprintf(stderr, "embed_host: no host: %d\n", err);
    return 1;
  }
  lua_register(neap_state(host), "greeting", greeting);
  if (argc > 1)
    err = neap_load_file(host, argv[1]);
  else
    err = neap_load_buffer(host, script, strlen(script), "=script");
  if (err == 0) err = neap_run(host);
  if (err != 0) fprintf(stderr, "embed_host: %s\n", neap_error_text(host));
  neap_free(host);
  return err == 0 ? 0 : 1;
}
