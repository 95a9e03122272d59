/*
 * interrupt.c: SIGINT, SIGTERM and SIGQUIT for the command.
 *
 * libuv tells of a signal in the loop, which a script that computes does not
 * reach. So a handler of ours stands before libuv's: it starts the timer that
 * finds such code (core/hook.h), and ends the process at the second signal.
 * The libuv handles do not keep the loop alive.
 */
#include "api/interrupt.h"

#include <errno.h>
#include <unistd.h>

#include "core/loop.h"
#include "core/task.h"
#include "io/signal.h"
#include "io/tty.h"

/* All that a signal handler has to know its host by; the command has one. */
static np_interrupt_state *volatile watching;

/* ---- in the loop, or in the hook of code that computes ------------------ */

/* True if this is what acts on the signal. */
static bool act(np_host *h) {
  np_interrupt_state *s = watching;
  if (!s || !s->caught || s->signum) return false;
  s->signum = s->caught;
  if (!h->main_done) {
    if (h->main) np_task_cancel(h, h->main);
    return true;
  }
  h->exit_called = true;
  h->exit_code = 128 + s->signum;
  np_loop_recheck(h);
  return true;
}

static void on_signal(uv_signal_t *handle, int signum) {
  np_interrupt_state *s = handle->data;
  np_host *h = s->host;
  if (np_signal_taken(h, signum)) return; /* the script's own affair */
  if (signum != SIGQUIT)
    act(h);
  else if (h->dump_due)
    np_loop_kick(h);
}

/* ---- the signal handler ------------------------------------------------ */

static void pass_on(const struct sigaction *next, int signum, siginfo_t *info,
                    void *context) {
  if (next->sa_flags & SA_SIGINFO)
    next->sa_sigaction(signum, info, context);
  else if (next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN)
    next->sa_handler(signum);
}

static void on_kernel(int signum, siginfo_t *info, void *context) {
  int saved = errno;
  np_interrupt_state *s = watching;
  if (!s) return;
  if (np_signal_taken(s->host, signum)) {
    /* the script's own affair */
  } else if (signum == SIGQUIT) {
    s->host->dump_due = true;
    np_guard_look(s->host);
  } else if (s->caught) {
    np_tty_restore();
    _exit(128 + signum);
  } else {
    s->caught = signum;
    np_guard_interrupt(s->host);
  }
  pass_on(signum == SIGINT    ? &s->uv_int
          : signum == SIGTERM ? &s->uv_term
                              : &s->uv_quit,
          signum, info, context);
  errno = saved;
}

static int start(np_interrupt_state *s, uv_signal_t *handle, int signum,
                 struct sigaction *next) {
  int err = uv_signal_init(s->host->uv, handle);
  if (err < 0) return err;
  s->host->nhandles++;
  handle->data = s;
  uv_unref((uv_handle_t *)handle);
  err = uv_signal_start(handle, on_signal, signum);
  if (err < 0) return err;
  struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_RESTART};
  ours.sa_sigaction = on_kernel;
  sigfillset(&ours.sa_mask); /* as libuv's handler wants it */
  return sigaction(signum, &ours, next) < 0 ? uv_translate_sys_error(errno) : 0;
}

int np_interrupt_init(np_interrupt_state *s, np_host *h) {
  s->host = h;
  s->signum = s->caught = 0;
  h->guard.on_interrupt = act;
  int err = np_guard_watch(h);
  if (err < 0) return err;
  watching = s;
  err = start(s, &s->sigint, SIGINT, &s->uv_int);
  if (err >= 0) err = start(s, &s->sigterm, SIGTERM, &s->uv_term);
  return err < 0 ? err : start(s, &s->sigquit, SIGQUIT, &s->uv_quit);
}

void np_interrupt_close(np_interrupt_state *s) {
  s->host->guard.on_interrupt = NULL;
  uv_signal_t *all[] = {&s->sigint, &s->sigterm, &s->sigquit};
  for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
    if (all[i]->data) np_loop_close_handle(s->host, all[i]); /* was opened */
  }
}
