/*
 * curl.c: the module neap.proto.curl, HTTP requests by libcurl:
 *
 *   pool(max_idle)   connections, cookies and TLS sessions (curl_pool.c,
 *                    curl_session.c)
 *   transfer(pool)   a request and its answer (curl_transfer.c); begin: one
 *                    that is like an earlier one
 *
 * Names are resolved before a transfer begins (net.resolve), and libcurl is
 * given the addresses: taking a transfer away while libcurl resolves would
 * wait for its resolver, and hold up the whole loop.
 */
#include <lauxlib.h>

#include "base/err.h"
#include "proto/curl.h"

/* version() -> "7.88.1" */
static int version(lua_State *L) {
  lua_pushstring(L, curl_version_info(CURLVERSION_NOW)->version);
  return 1;
}

int luaopen_neap_proto_curl(lua_State *L);
int luaopen_neap_proto_curl(lua_State *L) {
  static const luaL_Reg functions[] = {{"pool", np_curl_pool_new},
                                       {"transfer", np_curl_new},
                                       {"begin", np_curl_begin},
                                       {"version", version},
                                       {NULL, NULL}};
  np_host *h = lua_touserdata(L, NP_UPHOST);
  // counted by libcurl, and safe in threads where its lock is
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return luaL_error(L, "libcurl cannot be used");
  np_class_register(L, h, &np_curl_pool_class);
  np_class_register(L, h, &np_curl_class);
  lua_newtable(L);
  np_setfuncs(L, h, functions);
  return 1;
}
