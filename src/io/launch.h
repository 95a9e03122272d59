/*
 * launch.h: starting a program in a child process. Plain C.
 */
#ifndef NP_LAUNCH_H
#define NP_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum np_launch_stage {
  NP_LAUNCH_START, /* making the process */
  NP_LAUNCH_CWD,
  NP_LAUNCH_USER, /* uid, gid */
  NP_LAUNCH_EXEC,
} np_launch_stage;

typedef struct np_launch {
  const char *program; /* looked for in the child's PATH unless it has a '/' */
  char **argv;         /* one free place before it: argv[-1] */
  char **env;
  const char *path;     /* the child's PATH */
  char *room;           /* for a path: as long as `path` and `program` and 2 */
  const char *cwd;      /* or NULL */
  int fds[3];           /* what becomes 0, 1 and 2; -1 stays closed */
  int64_t uid, gid;     /* -1: ours */
  bool session;         /* a session of its own */
  bool group;           /* a process group of its own */
  uint64_t descriptors; /* soft limit of descriptors; 0: as ours */

  np_launch_stage stage; /* of an error */
} np_launch;

/* The process id, or a UV_ code and l->stage. The child has no descriptors
 * but 0, 1 and 2, no blocked signals and no handlers; SIGPIPE has its default
 * action. The calling thread waits until it has begun to run the program. */
pid_t np_launch_start(np_launch *l);

#endif
