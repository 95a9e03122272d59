/*
 * fixed_time.c: loaded before libc, so that Lua seeds its hashes alike in each
 * counted run: collisions in small tables would change the counts otherwise.
 */
#include <time.h>

time_t time(time_t *t) {
  if (t) *t = 0;
  return 0;
}
