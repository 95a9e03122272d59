/*
 * fixed_time.c: loaded before libc, so that Lua seeds its hashes alike in each
 * counted run: collisions in small tables would change the counts otherwise.
 */
#include <time.h>

time_t time(time_t *t) {
  static const time_t fixed = 784111777; /* some time in 1994 */
  if (t) *t = fixed;
  return fixed;
}
