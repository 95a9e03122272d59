/*
 * stream_close.c: how a Stream closes.
 *
 * What was written is still sent, as long as the peer takes some of it within
 * NP_STREAM_LINGER seconds. If the peer has sent bytes that nobody read,
 * closing at once would make the system reset the connection, and the peer
 * could lose our last bytes: then our direction is ended, and what comes is
 * dropped until the peer ends too, for at most NP_STREAM_LINGER seconds. The
 * same look for progress serves writes that are paced.
 */
#include "core/task.h"
#include "io/bufpool.h"
#include "io/stream.h"

/* ---- progress ---------------------------------------------------------- */

void np_progress_begin(const np_stream *s, np_progress *p, uint8_t looks) {
  *p = (np_progress){np_stream_untaken(s), looks};
}

bool np_progress_made(const np_stream *s, np_progress *p, uint8_t looks) {
  size_t untaken = np_stream_untaken(s);
  p->left = untaken < p->untaken ? looks : p->left - 1;
  p->untaken = untaken;
  return p->left > 0;
}

/* ---- closing ----------------------------------------------------------- */

static void stop_linger(np_stream *s) {
  if (s->backlog) np_timer_stop(s->base.host, &s->backlog->linger);
}

void np_stream_on_closed(void *user) {
  np_stream *s = user;
  np_host *h = s->base.host;
  s->wire = NULL;
  stop_linger(s);
  np_handle_unlist(&s->base);
  np_link *link;
  while ((link = np_list_first(&s->waiters)) != NULL) {
    np_stream_wake(&np_container_of(link, np_swaiter, link)->base, 0);
  }
  np_unkeep(h);
  np_release(&s->base);
}

static void close_wire(np_stream *s, bool reset) {
  stop_linger(s);
  s->wire_closing = true;
  s->wire->cls->close(s->wire, reset);
}

/* Once a second while closing: is there progress? Dropping what a peer sends
 * is none. */
static void on_linger(np_timer *t) {
  np_backlog *b = np_container_of(t, np_backlog, linger);
  np_stream *s = b->writer.base.stream;
  np_host *h = s->base.host;
  if (!np_progress_made(s, &b->progress, NP_STREAM_LINGER) ||
      np_timer_start(h, t, np_now(h) + NP_SECOND) < 0) {
    close_wire(s, np_stream_unsent(s) > 0);
  }
}

/* Starts the clock of a phase of closing; false for want of memory. */
static bool start_linger(np_stream *s) {
  np_host *h = s->base.host;
  np_backlog *b = np_stream_backlog(s);
  if (!b) return false;
  np_timer_stop(h, &b->linger);
  b->linger = (np_timer){.fire = on_linger};
  np_progress_begin(s, &b->progress, NP_STREAM_LINGER);
  return np_timer_start(h, &b->linger, np_now(h) + NP_SECOND) == 0;
}

/* Ends our direction and drops what comes until the peer ends its own. */
static bool start_discarding(np_stream *s) {
  np_wire *w = s->wire;
  if (!s->wrote || s->end || !w->cls->unread || !w->cls->unread(w)) {
    return false;
  }
  s->discarding = true;
  s->shut = true;
  return np_stream_end_sending(s) == 0 && start_linger(s) &&
         w->cls->start(w) == 0;
}

void np_stream_closing(np_stream *s) {
  if (s->wire_closing) return;
  if (!s->write_error && np_stream_unsent(s) > 0) {
    if (np_timer_running(&s->backlog->linger) || start_linger(s)) return;
    close_wire(s, true);
  } else if (s->write_error || s->discarding || !start_discarding(s)) {
    close_wire(s, false);
  }
}

void np_stream_close(np_stream *s, bool reset) {
  if (!s->wire || s->wire_closing) return;
  if (!s->closing) {
    s->closing = true;
    np_keep(s->base.host);
    np_stream_wake(&s->reader, UV_ECANCELED);
    np_stream_wake_all(s, 0, UV_ECANCELED);
    // a reader that was woken before still takes its bytes
    if (!np_wait_busy(&s->reader.wait)) {
      np_bufpool_release(s->base.host, &s->in);
    }
    if (!reset) np_stream_closing(s);
  }
  if (reset && !s->wire_closing) close_wire(s, true);
}

/* ---- the host closes --------------------------------------------------- */

void np_stream_shut(np_handle *b) {
  np_stream *s = np_container_of(b, np_stream, base);
  stop_linger(s);
  if (!s->wire || s->wire_closing) return;
  if (!s->closing) np_keep(b->host);  // dropped in np_stream_on_closed
  s->closing = s->wire_closing = true;
  s->wire->cls->close(s->wire, false);
}
