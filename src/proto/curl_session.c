/*
 * curl_session.c: the class Pool, what Lua sees of a pool:
 *
 *   pool(max_running, max_per_host, max_idle) -> Pool
 *   p:once()                 closes it with the end of the transfer that runs
 *   p:cookies() p:set_cookie(line)   in Netscape's format
 *   p:close()                ends its transfers and connections
 */
#include <lauxlib.h>

#include "base/err.h"
#include "proto/curl.h"

static int pool_close(lua_State *L) {
  np_curl_pool **box = np_checkself(L);
  if (*box) np_curl_pool_close(*box);
  return 0;
}

static int pool__gc(lua_State *L) {
  np_curl_pool **box = np_checkself(L);
  if (*box) {
    np_curl_pool_close(*box);
    np_release(&(*box)->base);
  }
  *box = NULL;
  return 0;
}

/* once(): closes with the end of the transfer that runs. */
static int pool_once(lua_State *L) {
  np_curl_pool **box = np_checkself(L);
  if (!*box) return 0;
  (*box)->once = true;
  np_curl_settle(*box);
  return 0;
}

static np_curl_pool *check_open(lua_State *L) {
  np_curl_pool **box = np_checkself(L);
  if (!*box || !(*box)->multi) np_raise(L, "CLOSED", "the session is closed");
  return *box;
}

/* cookies() -> list of lines in Netscape's format */
static int pool_cookies(lua_State *L) {
  np_curl_pool *p = check_open(L);
  lua_newtable(L);
  CURL *easy = curl_easy_init();
  if (!easy) return 1;
  struct curl_slist *list = NULL;
  curl_easy_setopt(easy, CURLOPT_SHARE, p->share);
  curl_easy_getinfo(easy, CURLINFO_COOKIELIST, &list);
  for (struct curl_slist *c = list; c; c = c->next) {
    lua_pushstring(L, c->data);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  curl_slist_free_all(list);
  curl_easy_cleanup(easy);
  return 1;
}

/* set_cookie(text): a line of the same format, or "ALL" to forget them */
static int pool_set_cookie(lua_State *L) {
  np_curl_pool *p = check_open(L);
  const char *text = np_checkstring(L, 2, NULL);
  CURL *easy = curl_easy_init();
  if (!easy) return 0;
  curl_easy_setopt(easy, CURLOPT_SHARE, p->share);
  curl_easy_setopt(easy, CURLOPT_COOKIELIST, text);
  curl_easy_cleanup(easy);
  return 0;
}

static const luaL_Reg methods[] = {{"close", pool_close},
                                   {"once", pool_once},
                                   {"cookies", pool_cookies},
                                   {"set_cookie", pool_set_cookie},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", pool__gc}, {NULL, NULL}};
const np_class np_curl_pool_class = {"Pool", methods, metamethods};

int np_curl_pool_new(lua_State *L) {
  np_host *h = np_gethost(L);
  enum { RUNNING = 1, PER_HOST, IDLE };
  lua_Integer max_running = np_checkinteger(L, RUNNING, 1, UINT32_MAX);
  lua_Integer max_per_host = np_checkinteger(L, PER_HOST, 1, UINT32_MAX);
  long max_idle = (long)np_checkinteger(L, IDLE, 1, 1000000);
  np_curl_pool **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  np_class_set(L, &np_curl_pool_class);
  np_curl_pool *p = np_alloc(h, sizeof *p);
  if (!p) return luaL_error(L, "not enough memory");
  np_curl_pool_init(p, h);
  p->max_running = (uint32_t)max_running;
  p->max_per_host = (uint32_t)max_per_host;
  *box = p;
  if (!np_curl_pool_open(p, max_idle))
    return luaL_error(L, "not enough memory");
  np_handle_list(&p->base);
  return 1;
}
