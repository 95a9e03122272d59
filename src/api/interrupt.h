/*
 * interrupt.h: SIGINT, SIGTERM and SIGQUIT for the command.
 */
#ifndef NP_INTERRUPT_H
#define NP_INTERRUPT_H

#include <signal.h>

#include "core/host.h"

typedef struct np_interrupt_state {
  np_host *host;
  uv_signal_t sigint, sigterm, sigquit;
  struct sigaction uv_int, uv_term, uv_quit; /* libuv's handlers */
  volatile sig_atomic_t caught; /* the first SIGINT or SIGTERM, or 0 */
  int signum;                   /* the same, once the loop has acted on it */
} np_interrupt_state;

/* SIGQUIT dumps the tasks to stderr. The first other signal cancels the main
 * task, or everything once it has returned, and code that computes; a second
 * one ends the process at once. 0 or a UV_ code. */
int np_interrupt_init(np_interrupt_state *s, np_host *h);
void np_interrupt_close(np_interrupt_state *s);

#endif
