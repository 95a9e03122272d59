/*
 * check.h: a program of cases, one `it` each: `program list` names them,
 * `program NAME` runs one. A case fails at a CHECK that does not hold, or when
 * it leaves a descriptor open.
 */
#ifndef CHECK_H
#define CHECK_H

#include <dirent.h>
#include <neap.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct check_case {
  const char *name;
  void (*run)(void);
} check_case;

#define CHECK(what)                                                  \
  do {                                                               \
    if (!(what)) {                                                   \
      printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
      exit(1);                                                       \
    }                                                                \
  } while (0)

#define CHECK_EQ(got, expected)                                          \
  do {                                                                   \
    long long got_ = (got), expected_ = (expected);                      \
    if (got_ != expected_) {                                             \
      printf("%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__,   \
             #got, got_, expected_);                                     \
      exit(1);                                                           \
    }                                                                    \
  } while (0)

/* The text has the part in it. */
#define CHECK_HAS(text, part)                                             \
  do {                                                                    \
    const char *text_ = (text);                                           \
    if (!strstr(text_, part)) {                                           \
      printf("%s:%d: not in the text: %s\n%s\n", __FILE__, __LINE__, part, \
             text_);                                                      \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

static inline neap_host *check_open(const neap_options *options) {
  neap_host *host;
  CHECK_EQ(neap_open(&host, options), 0);
  return host;
}

static inline void check_load(neap_host *host, const char *script) {
  int err = neap_load_buffer(host, script, strlen(script), "=script");
  if (err != 0) printf("%s\n", neap_error_text(host));
  CHECK_EQ(err, 0);
}

/* Runs a script to its end; what neap_run gives. */
static inline int check_run(neap_host *host, const char *script) {
  check_load(host, script);
  return neap_run(host);
}

/* The same; it must end well. */
static inline void check_script(neap_host *host, const char *script) {
  int err = check_run(host, script);
  if (err != 0) printf("%s\n", neap_error_text(host));
  CHECK_EQ(err, 0);
}

/* The first result of the main chunk as a boolean. */
static inline bool check_true(neap_host *host, const char *script) {
  neap_value value;
  check_script(host, script);
  CHECK_EQ(neap_result(host, 0, &value), 0);
  return value.type == NEAP_BOOLEAN && value.as.boolean;
}

static inline int check_descriptors(void) {
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return 0;
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

/* libuv opens a pipe for signals once per process. */
static inline void check_warm_up(void) {
  uv_loop_t loop;
  CHECK_EQ(uv_loop_init(&loop), 0);
  CHECK_EQ(uv_loop_close(&loop), 0);
}

static inline int check_main(int argc, char **argv, const check_case *cases) {
  for (const check_case *c = cases; c->name; c++) {
    if (argc < 2 || strcmp(argv[1], "list") == 0) {
      printf("%s\n", c->name);
    } else if (strcmp(argv[1], c->name) == 0) {
      setvbuf(stdout, NULL, _IOLBF, 0);
      check_warm_up();
      int before = check_descriptors();
      c->run();
      CHECK_EQ(check_descriptors(), before);
      printf("ok\n");
      return 0;
    }
  }
  return argc < 2 || strcmp(argv[1], "list") == 0 ? 0 : 2;
}

#endif
