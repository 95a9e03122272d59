/*
 * uv_files.c: small files read with libuv's requests and nothing else: open,
 * fstat, read, close, each on the pool of threads.
 *
 *   uv_files dir count [at once]     reads dir/1 to dir/count; prints seconds
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { ROOM = 64 * 1024 };

typedef struct reader {
  uv_fs_t req;
  int fd;
  char data[ROOM];
} reader;

static const char *dir;
static int count, started;

static void begin(reader *r);

static void check(uv_fs_t *req, const char *what) {
  if (req->result >= 0) return;
  fprintf(stderr, "uv_files: %s: %s\n", what, uv_strerror((int)req->result));
  exit(1);
}

static void on_close(uv_fs_t *req) {
  check(req, "close");
  uv_fs_req_cleanup(req);
  begin(req->data);
}

static void on_read(uv_fs_t *req) {
  reader *r = req->data;
  check(req, "read");
  uv_fs_req_cleanup(req);
  uv_fs_close(req->loop, req, r->fd, on_close);
}

static void on_stat(uv_fs_t *req) {
  reader *r = req->data;
  check(req, "fstat");
  uv_fs_req_cleanup(req);
  uv_buf_t buf = uv_buf_init(r->data, ROOM);
  uv_fs_read(req->loop, req, r->fd, &buf, 1, -1, on_read);
}

static void on_open(uv_fs_t *req) {
  reader *r = req->data;
  check(req, "open");
  r->fd = (int)req->result;
  uv_fs_req_cleanup(req);
  uv_fs_fstat(req->loop, req, r->fd, on_stat);
}

static void begin(reader *r) {
  char path[4096];
  if (started == count) return;
  snprintf(path, sizeof(path), "%s/%d", dir, ++started);
  r->req.data = r;
  uv_fs_open(uv_default_loop(), &r->req, path, O_RDONLY, 0, on_open);
}

int main(int argc, char **argv) {
  if (argc < 3) return 1;
  dir = argv[1];
  count = atoi(argv[2]);
  int at_once = argc > 3 ? atoi(argv[3]) : 1;
  reader *readers = calloc((size_t)at_once, sizeof(*readers));
  uint64_t start = uv_hrtime();
  for (int i = 0; i < at_once; i++) begin(&readers[i]);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  printf("%.6f\n", (double)(uv_hrtime() - start) / 1e9);
  free(readers);
  return 0;
}
