/*
 * interrupt.c: SIGINT, SIGTERM and SIGQUIT for the command. The handles do not keep the
 * loop alive.
 */
#include "api/interrupt.h"

#include <unistd.h>

#include "core/loop.h"
#include "core/task.h"
#include "io/tty.h"
#include "io/signal.h"

static void on_signal(uv_signal_t *handle, int signum) {
  np_interrupt_state *s = handle->data;
  np_host *h = s->host;
  if (np_signal_taken(h, signum)) return; /* the script's own affair */
  if (signum == SIGQUIT) {
    h->dump_due = true;
    np_loop_kick(h);
    return;
  }
  if (s->signum) {
    np_tty_restore();
    _exit(128 + signum);
  }
  s->signum = signum;
  if (!h->main_done) {
    np_task_cancel(h, h->main);
    return;
  }
  h->exit_called = true;
  h->exit_code = 128 + signum;
  np_loop_recheck(h);
}

static int start(np_interrupt_state *s, uv_signal_t *handle, int signum) {
  int err = uv_signal_init(s->host->uv, handle);
  if (err < 0) return err;
  s->host->nhandles++;
  handle->data = s;
  uv_unref((uv_handle_t *)handle);
  return uv_signal_start(handle, on_signal, signum);
}

int np_interrupt_init(np_interrupt_state *s, np_host *h) {
  s->host = h;
  s->signum = 0;
  int err = start(s, &s->sigint, SIGINT);
  if (err >= 0) err = start(s, &s->sigterm, SIGTERM);
  return err < 0 ? err : start(s, &s->sigquit, SIGQUIT);
}

void np_interrupt_close(np_interrupt_state *s) {
  np_loop_close_handle(s->host, &s->sigint);
  np_loop_close_handle(s->host, &s->sigterm);
  np_loop_close_handle(s->host, &s->sigquit);
}
