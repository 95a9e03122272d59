/*
 * fs.c: the list of requests about paths: what each one does on its thread,
 * and what it gives to Lua. They become the table `fs` of neap.core. Longer
 * operations are in fsops.c, open files in file.c.
 */
#include "io/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/class.h"
#include "base/err.h"
#include "base/opts.h"
#include "io/fetch.h"
#include "io/file.h"
#include "io/fsknown.h"
#include "io/fscopy.h"

/* ---- results ------------------------------------------------------------ */

static int push_stat(lua_State *L, np_fsreq *r) {
  np_fs_pushstat(L, &r->st);
  return 1;
}

static int push_text(lua_State *L, np_fsreq *r) {
  lua_pushstring(L, r->text);
  return 1;
}

static int push_data(lua_State *L, np_fsreq *r) {
  lua_pushlstring(L, r->data, r->size);
  return 1;
}

static int push_flag(lua_State *L, np_fsreq *r) {
  lua_pushboolean(L, r->flag);
  return 1;
}

/* ---- what runs on a thread --------------------------------------------- */

static int sys(int result) { return result < 0 ? np_fsop_errno() : 0; }

static int run_stat(np_fsreq *r) { return sys(stat(r->path, &r->st)); }
static int run_lstat(np_fsreq *r) { return sys(lstat(r->path, &r->st)); }
static int run_remove(np_fsreq *r) { return sys(unlink(r->path)); }
static int run_rename(np_fsreq *r) { return sys(rename(r->path, r->path2)); }
static int run_link(np_fsreq *r) { return sys(link(r->path, r->path2)); }
static int run_symlink(np_fsreq *r) { return sys(symlink(r->path, r->path2)); }
static int run_chmod(np_fsreq *r) { return sys(chmod(r->path, (mode_t)r->a)); }
static int run_chown(np_fsreq *r) {
  return sys(chown(r->path, (uid_t)r->a, (gid_t)r->b));
}

static int run_exists(np_fsreq *r) {
  int e = stat(r->path, &r->st) < 0 ? errno : 0;
  r->flag = e == 0;
  return e == ENOENT || e == ENOTDIR ? 0 : uv_translate_sys_error(e);
}

static int run_mkdir(np_fsreq *r) {
  if (r->flag) return np_fsop_mkdirs(r->path, (mode_t)r->a);
  return sys(mkdir(r->path, (mode_t)r->a));
}

static int run_rmdir(np_fsreq *r) {
  if (r->flag) return np_fsop_rmtree(r->path, &r->work.cancelled);
  return sys(rmdir(r->path));
}

static int run_copy(np_fsreq *r) {
  return np_fsop_copy(r->path, r->path2, r->flag, &r->work.cancelled);
}

static int run_realpath(np_fsreq *r) {
  r->text = realpath(r->path, NULL);
  return r->text ? 0 : np_fsop_errno();
}

static int run_readlink(np_fsreq *r) {
  for (size_t size = 256;; size *= 2) {
    char *text = realloc(r->text, size);
    if (!text) return UV_ENOMEM;
    r->text = text;
    ssize_t n = readlink(r->path, text, size);
    if (n < 0) return np_fsop_errno();
    text[(size_t)n < size ? (size_t)n : size - 1] = '\0';
    if ((size_t)n < size) return 0;
  }
}

/* The double as a time; NaN is now. */
static struct timespec to_timespec(double seconds) {
  if (isnan(seconds)) return (struct timespec){.tv_nsec = UTIME_NOW};
  double whole = floor(seconds);
  long ns = (long)((seconds - whole) * 1e9);
  return (struct timespec){.tv_sec = (time_t)whole, .tv_nsec = ns};
}

static int run_utime(np_fsreq *r) {
  struct timespec times[] = {to_timespec(r->atime), to_timespec(r->mtime)};
  return sys(utimensat(AT_FDCWD, r->path, times, 0));
}

/* Names of temporary files: a prefix with a slash is a path, another one is in
 * the directory for such files. */
static int temp_template(np_fsreq *r) {
  const char *dir = getenv("TMPDIR");
  if (!dir || !*dir) dir = "/tmp";
  bool whole = strchr(r->path, '/') != NULL;
  size_t size = strlen(dir) + strlen(r->path) + 8;
  r->text = malloc(size);
  if (!r->text) return UV_ENOMEM;
  snprintf(r->text, size, "%s%s%sXXXXXX", whole ? "" : dir, whole ? "" : "/",
           r->path);
  return 0;
}

static int run_mkdtemp(np_fsreq *r) {
  int e = temp_template(r);
  if (e < 0) return e;
  return mkdtemp(r->text) ? 0 : np_fsop_errno();
}

static int run_mkstemp(np_fsreq *r) {
  int e = temp_template(r);
  if (e < 0) return e;
  r->fd = mkostemp(r->text, O_CLOEXEC);
  return r->fd < 0 ? np_fsop_errno() : sys(fstat(r->fd, &r->st));
}

static int run_open(np_fsreq *r) {
  r->fd = np_fsop_open(r->path, (int)r->a, 0666, &r->st, &r->work.cancelled,
                       r->work.wanted);
  return r->fd < 0 ? r->fd : 0;
}

static int run_write_file(np_fsreq *r) {
  np_fsop_text t = {.data = r->data,
                    .size = r->size,
                    .mode = (int)r->a,
                    .append = r->b != 0,
                    .atomic = r->flag};
  return np_fsop_write_file(r->path, &t, &r->work.cancelled, r->work.wanted);
}

/* Reads into the room there is; r->flag: that was all. A small file takes one
 * turn, a larger one comes back for room. */
static int run_read_file(np_fsreq *r) {
  if (r->fd < 0) {
    int e = run_open(r);
    if (e < 0) return e;
  }
  while (r->size < r->capacity && !r->flag) {
    if (!S_ISREG(r->st.st_mode)) {
      int e = np_fsop_poll(r->fd, false, &r->work.cancelled, r->work.wanted);
      if (e < 0) return e;
    }
    size_t room = r->capacity - r->size;
    if (room > 8 << 20) room = 8 << 20;
    ssize_t n = np_fsop_read(r->fd, r->data + r->size, room, -1);
    if (n < 0) return (int)n;
    r->size += (size_t)n;
    r->flag = n == 0;
    if (r->work.cancelled) return UV_ECANCELED;
  }
  return 0;
}

static bool again_read_file(np_fsreq *r) {
  if (r->flag) return false;
  size_t want = r->capacity * 2, size = (size_t)r->st.st_size + 1;
  if (S_ISREG(r->st.st_mode) && size > r->capacity) want = size;
  char *data = np_realloc(r->work.base.host, r->data, r->capacity, want);
  if (!data) {
    r->work.status = UV_ENOMEM;
    return false;
  }
  r->data = data;
  r->capacity = want;
  return true;
}

static int push_file(lua_State *L, np_fsreq *r) {
  np_file_push(L, r);
  if (!r->text) return 1;
  lua_pushstring(L, r->text);  // mkstemp
  return 2;
}

/* ---- the functions ----------------------------------------------------- */

enum { FIRST_READ = 64 * 1024 };

#define OP(name, push) \
  static const np_fsop op_##name = {#name, run_##name, push, NULL, NULL}
#define QUICK(name, push)                                          \
  static const np_fsop op_##name = {#name, run_##name, push, NULL, \
                                    np_fsknown_##name}
QUICK(stat, push_stat);
QUICK(lstat, push_stat);
QUICK(exists, push_flag);
OP(mkdir, NULL);
OP(remove, NULL);
OP(rmdir, NULL);
OP(rename, NULL);
OP(copy, NULL);
OP(link, NULL);
OP(symlink, NULL);
OP(readlink, push_text);
OP(realpath, push_text);
OP(chmod, NULL);
OP(chown, NULL);
OP(utime, NULL);
OP(mkdtemp, push_text);
OP(mkstemp, push_file);
OP(open, push_file);
OP(write_file, NULL);
#undef OP
#undef QUICK
static const np_fsop op_read_file = {"read_file", run_read_file, push_data,
                                     again_read_file, np_fsknown_read};

static int one_path(lua_State *L, const np_fsop *op) {
  const char *path = np_checkpath(L, 1);
  return np_fsreq_start(L, np_fsreq_new(L, op, path, NULL, NULL, 0));
}

static int two_paths(lua_State *L, const np_fsop *op) {
  const char *from = np_checkpath(L, 1), *to = np_checkpath(L, 2);
  return np_fsreq_start(L, np_fsreq_new(L, op, from, to, NULL, 0));
}

static int fs_stat(lua_State *L) { return one_path(L, &op_stat); }
static int fs_lstat(lua_State *L) { return one_path(L, &op_lstat); }
static int fs_exists(lua_State *L) { return one_path(L, &op_exists); }
static int fs_remove(lua_State *L) { return one_path(L, &op_remove); }
static int fs_readlink(lua_State *L) { return one_path(L, &op_readlink); }
static int fs_realpath(lua_State *L) { return one_path(L, &op_realpath); }
static int fs_rename(lua_State *L) { return two_paths(L, &op_rename); }
static int fs_link(lua_State *L) { return two_paths(L, &op_link); }
static int fs_symlink(lua_State *L) { return two_paths(L, &op_symlink); }

static int fs_mkdir(lua_State *L) {
  struct options {
    bool parents;
    lua_Integer mode;
  } o = {.mode = 0777};
  static const np_opt list[] = {
      {"parents", NP_OPT_BOOL, offsetof(struct options, parents), 0, 0},
      {"mode", NP_OPT_INTEGER, offsetof(struct options, mode), 0, 07777},
      {NULL, 0, 0, 0, 0}};
  const char *path = np_checkpath(L, 1);
  np_opts_read(L, 2, list, &o);
  np_fsreq *r = np_fsreq_new(L, &op_mkdir, path, NULL, NULL, 0);
  r->flag = o.parents;
  r->a = o.mode;
  return np_fsreq_start(L, r);
}

/* An operation on `paths` paths with one option, a boolean. */
static int with_flag(lua_State *L, const np_fsop *op, int paths,
                     const char *name) {
  bool flag = false;
  const np_opt list[] = {{name, NP_OPT_BOOL, 0, 0, 0}, {NULL, 0, 0, 0, 0}};
  const char *path = np_checkpath(L, 1);
  const char *path2 = paths == 2 ? np_checkpath(L, 2) : NULL;
  np_opts_read(L, paths + 1, list, &flag);
  np_fsreq *r = np_fsreq_new(L, op, path, path2, NULL, 0);
  r->flag = flag;
  return np_fsreq_start(L, r);
}

static int fs_rmdir(lua_State *L) {
  return with_flag(L, &op_rmdir, 1, "recursive");
}

static int fs_copy(lua_State *L) {
  return with_flag(L, &op_copy, 2, "exclusive");
}

static int fs_chmod(lua_State *L) {
  const char *path = np_checkpath(L, 1);
  lua_Integer mode = np_checkinteger(L, 2, 0, 07777);
  np_fsreq *r = np_fsreq_new(L, &op_chmod, path, NULL, NULL, 0);
  r->a = mode;
  return np_fsreq_start(L, r);
}

static int64_t opt_id(lua_State *L, int arg) {
  if (lua_isnil(L, arg)) return -1;  // stays as it is
  return np_checkinteger(L, arg, 0, UINT32_MAX);
}

static int fs_chown(lua_State *L) {
  const char *path = np_checkpath(L, 1);
  lua_settop(L, 3);
  int64_t uid = opt_id(L, 2), gid = opt_id(L, 3);
  np_fsreq *r = np_fsreq_new(L, &op_chown, path, NULL, NULL, 0);
  r->a = uid;
  r->b = gid;
  return np_fsreq_start(L, r);
}

static double opt_time(lua_State *L, int arg) {
  return lua_isnoneornil(L, arg) ? NAN : np_checknumber(L, arg);
}

static int fs_utime(lua_State *L) {
  const char *path = np_checkpath(L, 1);
  double atime = opt_time(L, 2), mtime = opt_time(L, 3);
  np_fsreq *r = np_fsreq_new(L, &op_utime, path, NULL, NULL, 0);
  r->atime = atime;
  r->mtime = mtime;
  return np_fsreq_start(L, r);
}

static int temporary(lua_State *L, const np_fsop *op) {
  const char *prefix = lua_isnoneornil(L, 1) ? "neap-" : np_checkpath(L, 1);
  np_fsreq *r = np_fsreq_new(L, op, prefix, NULL, NULL, 0);
  r->a = O_RDWR;
  return np_fsreq_start(L, r);
}

static int fs_mkdtemp(lua_State *L) { return temporary(L, &op_mkdtemp); }
static int fs_mkstemp(lua_State *L) { return temporary(L, &op_mkstemp); }

/* The flags of a mode as fopen has it, with "x" behind it; -1: none. */
static int open_flags(const char *mode) {
  static const struct {
    char letter;
    int plain, plus;
  } modes[] = {
      {'r', O_RDONLY, O_RDWR},
      {'w', O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_CREAT | O_TRUNC},
      {'a', O_WRONLY | O_CREAT | O_APPEND, O_RDWR | O_CREAT | O_APPEND}};
  for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
    if (*mode != modes[i].letter) continue;
    bool plus = *++mode == '+';
    int flags = plus ? modes[i].plus : modes[i].plain;
    if (plus) mode++;
    if (*mode == 'b') mode++;
    if (*mode == 'x' && (flags & O_CREAT)) {
      flags |= O_EXCL;
      mode++;
    }
    return *mode == '\0' ? flags : -1;
  }
  return -1;
}

static int fs_open(lua_State *L) {
  const char *path = np_checkpath(L, 1);
  const char *mode = lua_isnoneornil(L, 2) ? "r" : np_checkstring(L, 2, NULL);
  int flags = open_flags(mode);
  if (flags < 0) np_argerror(L, 2, "invalid mode");
  int room = np_handle_room(np_gethost(L));
  if (room < 0) return np_fail_uv(L, room, "open \"%s\"", path);
  np_fsreq *r = np_fsreq_new(L, &op_open, path, NULL, NULL, 0);
  r->a = flags;
  return np_fsreq_start(L, r);
}

static int fs_read_file(lua_State *L) {
  const char *path = np_checkpath(L, 1);
  np_fsreq *r = np_fsreq_new(L, &op_read_file, path, NULL, NULL, 0);
  r->a = O_RDONLY;
  r->data = np_alloc(r->work.base.host, FIRST_READ);
  if (!r->data) return luaL_error(L, "not enough memory");
  r->capacity = FIRST_READ;
  return np_fsreq_start(L, r);
}

static int fs_write_file(lua_State *L) {
  struct options {
    bool atomic, append;
    lua_Integer mode;
  } o = {.mode = -1};
  static const np_opt list[] = {
      {"atomic", NP_OPT_BOOL, offsetof(struct options, atomic), 0, 0},
      {"append", NP_OPT_BOOL, offsetof(struct options, append), 0, 0},
      {"mode", NP_OPT_INTEGER, offsetof(struct options, mode), 0, 07777},
      {NULL, 0, 0, 0, 0}};
  const char *path = np_checkpath(L, 1);
  size_t n;
  const char *data = np_checkstring(L, 2, &n);
  np_opts_read(L, 3, list, &o);
  if (o.atomic && o.append) {
    np_argerror(L, 3, "options 'atomic' and 'append' exclude each other");
  }
  np_fsreq *r = np_fsreq_new(L, &op_write_file, path, NULL, data, n);
  r->flag = o.atomic;
  r->b = o.append;
  r->a = o.mode;
  return np_fsreq_start(L, r);
}

void np_fs_open(lua_State *L, np_host *h) {
  static const luaL_Reg functions[] = {
      {"open", fs_open},
      {"read_file", fs_read_file},
      {"write_file", fs_write_file},
      {"stat", fs_stat},
      {"lstat", fs_lstat},
      {"exists", fs_exists},
      {"mkdir", fs_mkdir},
      {"remove", fs_remove},
      {"rmdir", fs_rmdir},
      {"rename", fs_rename},
      {"copy", fs_copy},
      {"link", fs_link},
      {"symlink", fs_symlink},
      {"readlink", fs_readlink},
      {"realpath", fs_realpath},
      {"chmod", fs_chmod},
      {"chown", fs_chown},
      {"utime", fs_utime},
      {"mkdtemp", fs_mkdtemp},
      {"mkstemp", fs_mkstemp},
      {NULL, NULL},
  };
  np_fsreq_open(L, h);
  lua_newtable(L);
  np_setfuncs(L, h, functions);
  np_fetch_open(L, h);
  lua_setfield(L, -2, "fs");
}
