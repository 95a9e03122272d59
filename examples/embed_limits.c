/*
 * embed_limits.c: scripts that nobody trusts, with caps on memory and time and
 * little to see. What they try ends them, and the host goes on.
 *
 *   make examples && build/examples/embed_limits
 *
 * Prints
 *   spins: ended
 *   spins in pcall: ended
 *   eats memory: ended
 *   reads a file: ended
 *   counts: 5050
 */
#include <neap.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name, *script;
} attempts[] = {
    {"spins", "while true do end"},
    {"spins in pcall", "while true do pcall(function() while true do end end) end"},
    {"eats memory", "local s = 'x' while true do s = s .. s end"},
    {"reads a file", "return io.open('/etc/passwd')"},
    {"counts", "local n = 0 for i = 1, 100 do n = n + i end return n"},
};

int main(void) {
  static const char *const modules[] = {"sync", NULL};
  neap_options options;
  neap_host *host;
  neap_options_init(&options);
  options.memory_limit = 16 << 20;
  options.time_limit = 0.1;
  options.max_tasks = 100;
  options.libraries = NEAP_LIB_SAFE;
  options.modules = modules; /* no net, no fs, no process */
  options.path = "";
  options.no_c_modules = options.no_bytecode = 1;
  if (neap_open(&host, &options) != 0) return 1;

  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    const char *script = attempts[i].script;
    neap_value result;
    neap_load_buffer(host, script, strlen(script), "=script");
    if (neap_run(host) != 0) {
      printf("%s: ended\n", attempts[i].name);
      fprintf(stderr, "%s\n", neap_error_message(host)); /* why */
    } else if (neap_result(host, 0, &result) == 0) {
      printf("%s: %lld\n", attempts[i].name, (long long)result.as.integer);
    }
  }
  neap_free(host);
  return 0;
}
