/*
 * drive.c: the life of a program, and the ways to drive it.
 *
 * There is one way for it to end, whoever runs the loop: a turn finds that it
 * has ended (on_ended), its results or its error are taken, what is left is
 * unwound, and a later turn calls on_unwound, where the host is idle again.
 */
#include <string.h>

#include "api/embed.h"
#include "core/loop.h"
#include "core/task.h"

/* ---- the end of a program ---------------------------------------------- */

static int result_of(neap_host *n) {
  np_host *h = &n->inside->host;
  if (n->stopped) return np_refuse(n, NEAP_ESTOPPED, "the program was stopped");
  if (h->deadlocked) {
    if (n->report)
      np_keep_report(n);
    else
      np_refuse(n, 0, "DEADLOCK: every task waited for good");
    return NEAP_EDEADLOCK;
  }
  if (h->exit_called) return 0;
  if (h->main_failed) return NEAP_ESCRIPT; /* its text is there */
  if (!h->failed) return 0;
  if (n->report)
    np_keep_report(n);
  else
    np_refuse(n, 0, "a task failed and nobody took its error");
  return NEAP_EREPORTED;
}

/* The program has ended and is unwound: the host is idle. */
static void finish(neap_host *n) {
  np_host *h = &n->inside->host;
  n->result = result_of(n);
  n->exit_status = h->exit_code;
  if (h->main) np_task_unpin(h, h->main);
  h->main = NULL;
  h->main_done = h->main_failed = h->deadlocked = h->failed = false;
  h->exit_called = h->ending = h->end_with_main = false;
  h->exit_code = 0;
  n->stopped = false;
  n->program = NP_IDLE;
  n->ended = true;
}

static void tell_end(neap_host *n) {
  void (*on_end)(neap_host *, int, void *) = n->on_end;
  n->on_end = NULL;
  if (!on_end) return;
  n->in_call++;
  on_end(n, n->result, n->on_end_ud);
  n->in_call--;
}

static void on_unwound(np_host *h) {
  neap_host *n = h->api;
  finish(n);
  if (n->running && !n->stepping) uv_stop(h->uv);
  tell_end(n);
}

static void on_ended(np_host *h) {
  neap_host *n = h->api;
  n->program = NP_ENDING;
  if (h->main_done && h->main && !h->exit_called)
    np_protected(n, h->main_failed ? np_take_error : np_take_results, NULL);
  np_loop_unwind_start(h, h->grace, on_unwound);
}

void np_program_forget(neap_host *n) {
  np_host *h = &n->inside->host;
  h->on_ended = NULL;
  if (n->program != NP_RUNNING && n->program != NP_ENDING) return;
  n->stopped = true;
  finish(n);
  h->ending = true;
  tell_end(n);
}

/* ---- its beginning ----------------------------------------------------- */

static bool has_work(const np_host *h) {
  return h->ntasks > h->ndaemons || h->nkeep > 0;
}

/* With no main chunk, what was spawned is the program. */
static int start(neap_host *n) {
  np_host *h = &n->inside->host;
  n->nresults = 0;
  h->exit_called = false; /* by a task when no program ran */
  if (n->program == NP_LOADED) {
    int err = np_protected(n, np_spawn_main, NULL);
    if (err < 0) return err;
  } else {
    h->main_done = true;
  }
  np_keep_error(n, "", NULL);
  n->program = NP_RUNNING;
  n->ended = false;
  h->on_ended = on_ended;
  h->posts_due = true; /* it may have been stopped already */
  np_loop_kick(h);
  return 0;
}

/* 0 if a program may be started now. */
static int check_start(neap_host *n) {
  int err = np_enter(n);
  if (err < 0) return err;
  if (n->closing) return np_refuse(n, NEAP_ECLOSED, "the host is closing");
  if (n->program > NP_LOADED)
    return np_refuse(n, NEAP_ESTATE, "a program runs already");
  if (n->program == NP_IDLE && !has_work(&n->inside->host))
    return np_refuse(n, NEAP_ESTATE, "there is nothing to run");
  return 0;
}

/* Every task waits, and nothing is left that could wake one. */
static void look_for_deadlock(neap_host *n) {
  np_host *h = &n->inside->host;
  if (n->program != NP_RUNNING || h->ready_head || h->posts_due) return;
  np_loop_deadlock(h);
  h->on_ended = NULL;
  on_ended(h);
}

/* ---- the four ways ----------------------------------------------------- */

int neap_run(neap_host *host) {
  int err = check_start(host);
  if (err < 0) return err;
  if (np_is_inside(host))
    return np_refuse(host, NEAP_ESTATE, "neap_run inside of a call");
  err = start(host);
  if (err < 0) return err;
  np_host *h = &host->inside->host;
  host->running = h->in_run = true;
  while (!host->ended)
    if (!uv_run(h->uv, UV_RUN_DEFAULT)) look_for_deadlock(host);
  host->running = h->in_run = false;
  host->ended = false;
  return host->result;
}

int neap_start(neap_host *host,
               void (*on_end)(neap_host *host, int result, void *ud),
               void *ud) {
  int err = check_start(host);
  if (err == 0) err = start(host);
  if (err < 0) return err;
  host->on_end = on_end;
  host->on_end_ud = ud;
  return 0;
}

/* What a step reports after it. */
static int after_step(neap_host *n, bool alive) {
  if (n->gone) {
    n->gone = false;
    np_close_done(n);
    return 0;
  }
  if (n->closing) return 1;
  if (!alive) look_for_deadlock(n);
  if (!n->ended) return n->program == NP_IDLE ? 0 : 1;
  n->ended = false;
  return n->result;
}

int neap_step(neap_host *host, int wait) {
  int err = host && host->closing ? 0 : np_enter(host);
  if (err < 0) return err;
  np_host *h = &host->inside->host;
  if (!h->owns_loop)
    return np_refuse(host, NEAP_ESTATE, "the loop is the application's to run");
  if (np_is_inside(host))
    return np_refuse(host, NEAP_ESTATE, "neap_step inside of a call");
  bool begins = host->program == NP_LOADED ||
                (host->program == NP_IDLE && has_work(h) && !host->closing);
  if (begins && (err = start(host)) < 0) return err;
  host->running = host->stepping = h->in_run = true;
  int alive = uv_run(h->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  host->running = host->stepping = h->in_run = false;
  return after_step(host, alive != 0);
}

int neap_fd(neap_host *host) {
  int err = np_enter(host);
  if (err < 0) return err;
  return uv_backend_fd(host->inside->host.uv);
}

/* True if libuv has descriptors that its next poll will watch for the first
 * time: until then what uv_backend_fd says does not include them. There is no
 * question for that in its API; the queue's first word points to itself while
 * it is empty, in every version. */
static bool has_new_watchers(const uv_loop_t *uv) {
  const void *first;
  memcpy(&first, &uv->watcher_queue, sizeof first);
  return first != &uv->watcher_queue;
}

int neap_timeout(neap_host *host) {
  if (!host || (!host->closing && np_enter(host) < 0)) return 0;
  np_host *h = &host->inside->host;
  if (host->program == NP_LOADED || has_new_watchers(h->uv)) return 0;
  if (host->program == NP_IDLE && !host->closing && !has_work(h) &&
      !h->posts_due)
    return -1;
  uv_update_time(h->uv);
  return uv_backend_timeout(h->uv);
}
