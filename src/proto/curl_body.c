/*
 * curl_body.c: the bytes of a transfer: libcurl's callbacks for the head and
 * the body of the answer and for the body of the request. They copy between
 * libcurl and the buffers of the transfer, and pause it: the answer when its
 * reader does not keep up, the request when its writer does not.
 *
 * Of a request's body the beginning is kept after it was sent: when a
 * connection from the pool turns out to be dead, libcurl seeks back to the
 * start and sends it on another one.
 */
#include <string.h>
#include <strings.h>

#include "core/timer.h"
#include "proto/curl.h"

enum {
  REPLAY = 64 * 1024, /* how much of a streamed body may be sent again */
};

static np_curl *of(np_curl_easy *e) { return e->t; }

static void buf_alloc(np_curl *t, lua_Alloc *alloc, void **ud) {
  *alloc = t->host->alloc;
  *ud = t->host->alloc_ud;
}

static bool append(np_curl *t, np_buf *b, const char *data, size_t n) {
  lua_Alloc alloc;
  void *ud;
  buf_alloc(t, &alloc, &ud);
  return np_buf_append(b, data, n, alloc, ud) == 0;
}

static void touch(np_curl *t) {
  if (t->easy->idle != NP_FOREVER) t->active = np_now(t->host);
}

/* ---- waking -------------------------------------------------------------- */

bool np_curl_ready(const np_curl *t) {
  if (t->done) return true;
  if (t->rule == NP_CURL_HEAD) return t->head_done;
  if (t->rule == NP_CURL_END) return t->recv_paused;
  size_t n = np_curl_held(t);
  return t->rule == NP_CURL_SOME ? n > 0 : n > t->most;
}

void np_curl_wake_reader(np_curl *t) {
  if (!t->reader_held || !np_curl_ready(t)) return;
  t->reader_held = false;
  np_unforever(t->host);
  np_wake(&t->reader);
}

void np_curl_wake_writer(np_curl *t) {
  if (!t->writer_held) return;
  t->writer_held = false;
  np_unforever(t->host);
  np_wake(&t->writer);
}

/* ---- the answer ---------------------------------------------------------- */

static int status_of(const char *line, size_t n) {
  const char *space = memchr(line, ' ', n);
  if (!space || line + n - space < 4) return 0;
  return (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
}

static void begin_head(np_curl *t) {
  np_buf_consume(&t->head, np_buf_size(&t->head));
  t->encoded = false;
}

static bool is_encoding(const char *line, size_t n) {
  static const char name[] = "content-encoding:";
  return n >= sizeof name && (line[0] | 0x20) == 'c' &&
         strncasecmp(line, name, sizeof name - 1) == 0;
}

/* A field behind a chunked body. libcurl keeps them all. */
static size_t on_trailer(np_curl *t, size_t n) {
  t->trailers += n;
  if (t->trailers <= t->easy->max_head) return n;
  t->reason = NP_CURL_BIG_HEAD;
  return 0;
}

/* One line of a head. Interim answers (100 to 199) have heads of their own. */
size_t np_curl_on_head(char *data, size_t size, size_t n, void *easy) {
  np_curl *t = of(easy);
  n *= size;
  touch(t);
  if (t->head_done) return on_trailer(t, n);
  if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) begin_head(t);
  if (np_buf_size(&t->head) + n > t->easy->max_head) {
    t->reason = NP_CURL_BIG_HEAD;
    return 0;
  }
  if (!append(t, &t->head, data, n)) {
    t->reason = NP_CURL_NO_MEMORY;
    return 0;
  }
  if (is_encoding(data, n)) t->encoded = true;
  if (data[0] != '\r' && data[0] != '\n') return n;
  int status = status_of(np_buf_data(&t->head), np_buf_size(&t->head));
  if (status >= 100 && status < 200 && status != 101) return n;
  t->status = status;
  t->head_done = true;
  t->stage = NP_CURL_BODY;
  np_curl_wake_reader(t);
  return n;
}

size_t np_curl_on_body(char *data, size_t size, size_t n, void *easy) {
  np_curl *t = of(easy);
  n *= size;
  touch(t);
  if (np_curl_held(t) >= t->high) {
    t->recv_paused = true;
    np_curl_wake_reader(t);
    return CURL_WRITEFUNC_PAUSE;
  }
  if (!np_curl_hold(t, data, n)) {
    t->reason = NP_CURL_NO_MEMORY;
    return 0;
  }
  t->in_bytes += n;
  np_curl_wake_reader(t);
  return n;
}

/* ---- the request --------------------------------------------------------- */

/* The connection is there, and the request follows. */
int np_curl_on_request(void *easy, char *ip, char *local, int port,
                       int local_port) {
  np_curl *t = of(easy);
  (void)ip;
  (void)local;
  (void)port;
  (void)local_port;
  t->stage = NP_CURL_REQUEST;
  if (t->tries < UINT8_MAX) t->tries++;
  return CURL_PREREQFUNC_OK;
}

size_t np_curl_on_send(char *data, size_t size, size_t room, void *easy) {
  np_curl *t = of(easy);
  size_t n = np_buf_size(&t->out) - t->sent;
  room *= size;
  touch(t);
  if (n == 0 && !t->out_ended) {
    t->send_paused = true;
    np_curl_wake_writer(t);
    return CURL_READFUNC_PAUSE;
  }
  if (n > room) n = room;
  if (n > 0) memcpy(data, np_buf_data(&t->out) + t->sent, n);
  t->sent += n;
  t->out_bytes += n;
  if (!t->keep_out && (t->out_lost || t->sent > REPLAY)) {
    np_buf_consume(&t->out, t->sent);
    t->sent = 0;
    t->out_lost = true;
  }
  np_curl_wake_writer(t);
  return n;
}

int np_curl_on_seek(void *easy, curl_off_t offset, int origin) {
  np_curl *t = of(easy);
  if (origin != SEEK_SET || t->out_lost) return CURL_SEEKFUNC_CANTSEEK;
  if (offset < 0 || (uint64_t)offset > np_buf_size(&t->out))
    return CURL_SEEKFUNC_CANTSEEK;
  t->sent = (size_t)offset;
  t->out_bytes = (uint64_t)offset;
  return CURL_SEEKFUNC_OK;
}
