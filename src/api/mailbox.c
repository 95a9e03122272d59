/*
 * mailbox.c: what reaches a host from other threads: posts, the ends of
 * futures, the wish to stop. Putting something in is safe from any thread as
 * long as there is a hold; a turn of the loop takes it out.
 */
#include <stdlib.h>

#include "api/embed.h"
#include "core/loop.h"

typedef struct np_post {
  np_item item;
  void (*fn)(neap_host *n, void *ud);
  void *ud;
} np_post;

void np_mail(neap_host *n, np_item *item) {
  item->next = NULL;
  if (n->first)
    n->last->next = item;
  else
    n->first = item;
  n->last = item;
  uv_async_send(&n->inside->wake);
}

static void run_post(neap_host *n, np_item *item) {
  np_post post = *(np_post *)item;
  free(item);
  uv_mutex_lock(&n->lock);
  n->nposts--;
  uv_mutex_unlock(&n->lock);
  post.fn(n, post.ud);
}

int neap_post(neap_host *host, void (*fn)(neap_host *host, void *ud),
              void *ud) {
  if (!host || !fn) return NEAP_EINVAL;
  np_post *post = malloc(sizeof *post);
  if (!post) return UV_ENOMEM;
  *post = (np_post){{.run = run_post}, fn, ud};
  int err = 0;
  uv_mutex_lock(&host->lock);
  if (host->refuses) {
    err = NEAP_ECLOSED;
  } else if (host->nposts >= host->options.max_posts) {
    err = NEAP_EFULL;
  } else {
    host->nposts++;
    np_mail(host, &post->item);
  }
  uv_mutex_unlock(&host->lock);
  if (err < 0) free(post);
  return err;
}

int neap_stop(neap_host *host) {
  if (!host) return NEAP_EINVAL;
  uv_mutex_lock(&host->lock);
  int err = host->refuses ? NEAP_ECLOSED : 0;
  if (err == 0) {
    host->stop = true;
    uv_async_send(&host->inside->wake);
  }
  uv_mutex_unlock(&host->lock);
  return err;
}

/* As neap.exit would, but that there is no status. */
static void stop_program(neap_host *n) {
  np_host *h = &n->inside->host;
  if (n->program < NP_LOADED || n->program > NP_RUNNING) return;
  n->stopped = true;
  h->exit_called = true;
  np_loop_recheck(h);
}

void np_deliver(np_host *h) {
  neap_host *n = h->api;
  uv_mutex_lock(&n->lock);
  np_item *item = n->first;
  bool stop = n->stop;
  n->first = n->last = NULL;
  n->stop = false;
  uv_mutex_unlock(&n->lock);
  n->in_call++;
  if (stop) stop_program(n);
  while (item) {
    np_item *next = item->next;
    item->run(n, item);
    item = next;
  }
  np_futures_tell(n);
  np_calls_tell(n);
  n->in_call--;
}
