/*
 * curl_easy.c: the easy handles of a pool. One that a transfer gives back is
 * kept with all that it was told. A request that is like an earlier one (Lua
 * numbers such plans) takes the very handle and tells it nothing; another one
 * takes that which was not used for longest, and tells it all, which overrides
 * what was said; only what not each request says makes it start anew.
 */
#include <string.h>

#include "proto/curl.h"

static void keep(np_curl_pool *p, np_curl_easy *e) {
  np_list_prepend(&p->spare, &e->link);
  p->nspare++;
}

static np_curl_easy *new_easy(np_curl_pool *p, bool no_cookies) {
  np_host *h = p->base.host;
  np_curl_easy *e = np_alloc(h, sizeof *e);
  if (!e) return NULL;
  memset(e, 0, sizeof *e);
  np_list_init(&e->link);
  e->no_cookies = no_cookies;
  if ((e->curl = curl_easy_init()) == NULL) {
    np_free(h, e, sizeof *e);
    return NULL;
  }
  keep(p, e);
  return e;
}

static void free_parts(np_curl_easy *e) {
  curl_slist_free_all(e->fields);
  curl_slist_free_all(e->resolve);
  curl_slist_free_all(e->connect_to);
  curl_url_cleanup(e->url);
  e->fields = e->resolve = e->connect_to = NULL;
  e->url = NULL;
}

static void free_easy(np_curl_pool *p, np_curl_easy *e) {
  curl_easy_cleanup(e->curl);
  free_parts(e);
  np_free(p->base.host, e, sizeof *e);
}

static void reset(np_curl_easy *e) {
  curl_easy_setopt(e->curl, CURLOPT_COOKIEFILE, NULL);  // reset would leak it
  curl_easy_reset(e->curl);
  free_parts(e);
  e->plan = 0;
  e->set = e->special = false;
}

void np_curl_easy_take(np_curl_pool *p, np_curl *t) {
  np_list_remove(&t->easy->link);
  p->nspare--;
  t->easy->t = t;
  t->easy->text[0] = '\0';
}

static np_curl_easy *spare_of(np_link *l) {
  return np_container_of(l, np_curl_easy, link);
}

np_curl_easy *np_curl_easy_like(np_curl_pool *p, uint64_t plan) {
  for (np_link *l = p->spare.next; l != &p->spare; l = l->next)
    if (spare_of(l)->plan == plan) return spare_of(l);
  return NULL;
}

/* One that is not to know of cookies has never seen any. */
np_curl_easy *np_curl_easy_any(np_curl_pool *p, bool no_cookies) {
  for (np_link *l = p->spare.prev; l != &p->spare; l = l->prev) {
    np_curl_easy *e = spare_of(l);
    if (e->no_cookies != no_cookies) continue;
    if (e->special) reset(e);
    e->plan = 0;
    return e;
  }
  return new_easy(p, no_cookies);
}

/* How often libcurl may send a request anew, because a connection of the pool
 * was dead, it counts over all requests of a handle: one that had to starts
 * anew. */
void np_curl_easy_give_back(np_curl_pool *p, np_curl_easy *e) {
  if (e->t->tries > 1) {
    e->special = true;
    e->plan = 0;
  }
  e->t = NULL;
  if (p->closing || p->nspare == NP_CURL_SPARES) {
    free_easy(p, e);
    return;
  }
  keep(p, e);
}

void np_curl_easy_close(np_curl_pool *p) {
  np_link *l;
  while ((l = np_list_first(&p->spare)) != NULL) {
    np_list_remove(l);
    free_easy(p, spare_of(l));
  }
  p->nspare = 0;
}
