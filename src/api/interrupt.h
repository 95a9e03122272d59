/*
 * interrupt.h: SIGINT and SIGTERM for the command.
 */
#ifndef NP_INTERRUPT_H
#define NP_INTERRUPT_H

#include "core/host.h"

typedef struct np_interrupt_state {
  np_host *host;
  uv_signal_t sigint, sigterm, sigquit;
  int signum; /* the first one that came, or 0 */
} np_interrupt_state;

/* SIGQUIT dumps the tasks to stderr. The first other signal cancels the main task, or everything once it has returned;
 * a second one ends the process at once. 0 or a UV_ code. */
int np_interrupt_init(np_interrupt_state *s, np_host *h);
void np_interrupt_close(np_interrupt_state *s);

#endif
