/* cpu.h: time, and the CPU time of the server under load. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU seconds of a process, user and system; 0 if it cannot be read. */
static inline double cpu_of(int pid) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(pid, &clock) != 0) return 0;
  if (clock_gettime(clock, &t) < 0) return 0;
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Its resident bytes, or 0. */
static inline long memory_of(int pid) {
  char path[64];
  long pages = 0;
  snprintf(path, sizeof(path), "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

#endif
