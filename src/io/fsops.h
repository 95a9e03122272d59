/*
 * fsops.h: what file requests do on a thread of the pool. Plain functions that
 * block: 0 (or a count) or a negative UV_ code, nothing half open. Those that
 * take long look at *cancelled between two steps. Those that wait for a reader
 * or writer elsewhere return NP_WORK_LATER (work.h) once *wanted, which may be
 * NULL.
 */
#ifndef NP_FSOPS_H
#define NP_FSOPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* -errno as a UV_ code. */
int np_fsop_errno(void);

/* Opens with O_CLOEXEC. A fifo that is to be written waits for its reader,
 * until it is cancelled; one to be read waits when it is read. A directory is
 * EISDIR. Fills *st. A descriptor or an error. */
int np_fsop_open(const char *path, int flags, mode_t mode, struct stat *st,
                 const atomic_bool *cancelled, const atomic_bool *wanted);

/* A new file next to `path`; its name in *name, to be freed. A descriptor or an
 * error. */
int np_fsop_open_beside(const char *path, mode_t mode, char **name);

/* Waits until fd can be read (or written), or *cancelled. */
int np_fsop_poll(int fd, bool write, const atomic_bool *cancelled,
                 const atomic_bool *wanted);

/* At `offset`, or where the descriptor is if that is negative. As many as
 * there are up to n, 0 at the end. */
ssize_t np_fsop_read(int fd, char *data, size_t n, int64_t offset);

/* All of them, or an error. *cancelled may be NULL: it goes to the end. */
int np_fsop_write(int fd, const char *data, size_t n, int64_t offset,
                  const atomic_bool *cancelled);

/* The same to a fifo or device, which may keep it waiting. The first *sent
 * bytes have been written before; it adds to them. */
int np_fsop_send(int fd, const char *data, size_t n, size_t *sent,
                 const atomic_bool *cancelled, const atomic_bool *wanted);

typedef struct np_fsop_text {
  const char *data;
  size_t size;
  int mode; /* -1: not given */
  bool append;
  bool atomic;
} np_fsop_text;

int np_fsop_write_file(const char *path, const np_fsop_text *text,
                       const atomic_bool *cancelled, const atomic_bool *wanted);

int np_fsop_mkdirs(const char *path, mode_t mode);

/* Removes a directory and what is below; follows no link, at any depth. */
int np_fsop_rmtree(const char *path, const atomic_bool *cancelled);

/* opendir of a path of any length; with `nofollow`, not of a link. */
int np_fsop_opendir(const char *path, bool nofollow, void **dir);

#endif
