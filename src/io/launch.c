/*
 * launch.c: vfork and exec. Why not uv_spawn: it can neither give the child a
 * limit of descriptors of its own, nor a process group without a session, nor
 * keep descriptors of others from it; and it forks, which copies the tables of
 * a large process.
 *
 * Between vfork and exec the child runs in our memory, on our stack: it makes
 * system calls and changes nothing else. libc's setuid and its kin would tell
 * the parent's threads, so they are called directly. Errors come through a
 * pipe that exec closes: it works where vfork is a fork, too.
 */
#include "io/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { FIRST_OTHER = 3, CLOSE_BY_HAND = 65536 };

typedef struct failure {
  np_launch_stage stage;
  int error;
} failure;

/* ---- in the child ------------------------------------------------------ */

static void reset_signals(void) {
  struct sigaction now, dfl;
  memset(&dfl, 0, sizeof(dfl));
  dfl.sa_handler = SIG_DFL;
  for (int n = 1; n < NSIG; n++) {
    if (sigaction(n, NULL, &now) < 0 || now.sa_handler == SIG_DFL) continue;
    if (now.sa_handler != SIG_IGN || n == SIGPIPE) sigaction(n, &dfl, NULL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Marks all descriptors but 0, 1 and 2: exec closes them. */
static void mark_others(void) {
#ifdef SYS_close_range
  enum { CLOEXEC = 4 }; /* CLOSE_RANGE_CLOEXEC */
  if (syscall(SYS_close_range, FIRST_OTHER, UINT_MAX, CLOEXEC) == 0) return;
#endif
  struct rlimit limit;
  int end = CLOSE_BY_HAND;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < CLOSE_BY_HAND) {
    end = (int)limit.rlim_cur;
  }
  for (int fd = FIRST_OTHER; fd < end; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Puts fds in the places 0, 1 and 2. Those in these places already are moved
 * away first: another may have to go there. */
static bool place(const int wanted[3]) {
  int fds[3];
  for (int i = 0; i < 3; i++) {
    fds[i] = wanted[i];
    if (fds[i] < 0 || fds[i] >= FIRST_OTHER) continue;
    fds[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, FIRST_OTHER);
    if (fds[i] < 0 && errno != EBADF) return false;
  }
  for (int i = 0; i < 3; i++) {
    if (fds[i] < 0) {
      close(i);
      continue;
    }
    if (dup2(fds[i], i) < 0) return false;
    int flags = fcntl(i, F_GETFL);
    if (flags >= 0 && flags & O_NONBLOCK)
      fcntl(i, F_SETFL, flags & ~O_NONBLOCK);
  }
  return true;
}

static bool become_user(const np_launch *l) {
  if (l->uid < 0 && l->gid < 0) return true;
  syscall(SYS_setgroups, 0, NULL);  // only root can, and only root must
  if (l->gid >= 0 && syscall(SYS_setgid, (gid_t)l->gid) < 0) return false;
  return l->uid < 0 || syscall(SYS_setuid, (uid_t)l->uid) == 0;
}

/* Runs the file; a script without #! is the shell's. */
static void run_file(const np_launch *l, const char *file) {
  execve(file, l->argv, l->env);
  if (errno != ENOEXEC) return;
  char *argv0 = l->argv[0], **shell = l->argv - 1;
  shell[0] = (char *)"sh";
  shell[1] = (char *)file;
  execve("/bin/sh", shell, l->env);
  shell[1] = argv0;
}

/* Tries the folders of PATH; returns if none has the program, with errno. */
static void run(const np_launch *l) {
  if (strchr(l->program, '/') || !*l->program) {
    run_file(l, l->program);
    return;
  }
  const char *path = l->path;
  size_t length = strlen(l->program) + 1;
  bool forbidden = false;
  for (;;) {
    size_t n = strcspn(path, ":");
    memcpy(l->room, path, n);
    if (n > 0) l->room[n++] = '/';
    memcpy(l->room + n, l->program, length);
    run_file(l, l->room);
    if (errno == EACCES) forbidden = true;
    if (errno != EACCES && errno != ENOENT && errno != ENOTDIR) return;
    path += strcspn(path, ":");
    if (*path++ == '\0') break;
  }
  errno = forbidden ? EACCES : ENOENT;
}

static void child(const np_launch *l, int report) {
  failure f = {NP_LAUNCH_START, 0};
  reset_signals();
  if (l->session) {
    setsid();
  } else if (l->group) {
    setpgid(0, 0);
  }
  if (place(l->fds)) {
    mark_others();
    f.stage = NP_LAUNCH_CWD;
    if (!l->cwd || chdir(l->cwd) == 0) {
      f.stage = NP_LAUNCH_USER;
      if (become_user(l)) {
        struct rlimit limit;
        if (l->descriptors && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
          limit.rlim_cur = l->descriptors;
          setrlimit(RLIMIT_NOFILE, &limit);
        }
        f.stage = NP_LAUNCH_EXEC;
        run(l);
      }
    }
  }
  f.error = errno;
  while (write(report, &f, sizeof(f)) < 0 && errno == EINTR) {
  }
  _exit(127);
}

/* ---- in the parent ----------------------------------------------------- */

/* Not inlined: nothing of the caller's lies in registers across the vfork. */
__attribute__((noinline)) static pid_t fork_child(const np_launch *l,
                                                  int report) {
  pid_t pid = vfork();
  if (pid == 0) child(l, report);
  return pid;
}

pid_t np_launch_start(np_launch *l) {
  int report[2];
  l->stage = NP_LAUNCH_START;
  if (pipe2(report, O_CLOEXEC) < 0) return uv_translate_sys_error(errno);
  for (int i = 0; i < 2; i++) {  // out of the way of 0, 1 and 2
    if (report[i] >= FIRST_OTHER) continue;
    int low = report[i];
    report[i] = fcntl(low, F_DUPFD_CLOEXEC, FIRST_OTHER);
    close(low);
  }
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork_child(l, report[1]);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(report[1]);
  failure f;
  ssize_t n = 0;
  if (pid > 0) {
    do {
      n = read(report[0], &f, sizeof(f));
    } while (n < 0 && errno == EINTR);
  }
  close(report[0]);
  if (pid < 0) return uv_translate_sys_error(error);
  if (n != sizeof(f)) return pid;
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
  l->stage = f.stage;
  return uv_translate_sys_error(f.error);
}
