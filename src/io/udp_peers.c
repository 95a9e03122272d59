/*
 * udp_peers.c: what a UdpSocket knows of its peers: the table that recv gives
 * for each address, and the address for each host and port that send is given.
 * Both are hash tables with two places for each: a newcomer that finds both
 * taken gets the first. While that happens often they grow, up to a bound, and
 * are learned anew.
 *
 * The texts of hosts are compared as pointers. A list in a user value keeps
 * them: a pointer that is in a slot is still that text.
 */
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "io/udp.h"

enum { SELF = 1, FIRST_SLOTS = 32, MAX_SLOTS = 2048, GROWTH = 4 };

/* ---- the tables -------------------------------------------------------- */

/* The memory of both: the peers, and behind them the targets. */
static size_t size_of(unsigned slots) {
  return slots * (sizeof(np_udp_addr) + sizeof(np_udp_target));
}

void np_udp_peers_free(np_udp *u) {
  if (u->targets) np_free(u->base.host, u->targets, size_of(u->slots));
  u->targets = NULL;
}

/* Empty ones, with the userdata at `self`. 0 or UV_ENOMEM. **raises** */
static int resize(lua_State *L, np_udp *u, int self, unsigned slots) {
  luaL_checkstack(L, 3, NULL);
  lua_createtable(L, (int)slots, 0);
  lua_createtable(L, (int)slots, 0);
  np_udp_target *targets = np_alloc(u->base.host, size_of(slots));
  if (!targets) {
    lua_pop(L, 2);
    return UV_ENOMEM;
  }
  memset(targets, 0, size_of(slots));
  np_udp_peers_free(u);
  u->targets = targets;
  u->peers = (np_udp_addr *)(targets + slots);
  u->slots = slots;
  u->evicted = 0;
  lua_setiuservalue(L, self, NP_UDP_TABLES);
  lua_setiuservalue(L, self, NP_UDP_TEXTS);
  return 0;
}

int np_udp_peers_open(lua_State *L, np_udp *u, int self) {
  return resize(L, u, self, FIRST_SLOTS);
}

/* A newcomer takes a place that is not free: true if they have grown. */
static bool evict(lua_State *L, np_udp *u) {
  if (++u->evicted <= u->slots || u->slots >= MAX_SLOTS) return false;
  u->evicted = 0;  // also if there is no memory for more
  return resize(L, u, SELF, u->slots * GROWTH) == 0;
}

/* ---- tables of addresses ----------------------------------------------- */

/* Family, port and IPv4 address are the first 8 bytes; there are no others. */
static bool is_same(const np_udp_addr *a, const np_udp_addr *b) {
  uint64_t x, y;
  memcpy(&x, a, sizeof(x));
  memcpy(&y, b, sizeof(y));
  if (x != y) return false;
  return a->sa.sa_family == AF_INET || memcmp(a, b, sizeof(*a)) == 0;
}

/* The first of two places; the other one is its neighbour. */
static unsigned peer_slot(const np_udp *u, const np_udp_addr *peer) {
  const char *bytes = peer->sa.sa_family == AF_INET
                          ? (const char *)&peer->in.sin_addr
                          : (const char *)&peer->in6.sin6_addr + 12;
  uint32_t last;
  memcpy(&last, bytes, sizeof(last));
  return (ntohl(last) ^ ntohs(peer->in.sin_port)) & (u->slots - 1);
}

static bool is_free(const np_udp_addr *addr) {
  return addr->sa.sa_family == AF_UNSPEC;
}

/* The place for a newcomer; the list may be another one afterwards. */
static unsigned take_peer_slot(lua_State *L, np_udp *u, int list,
                               const np_udp_addr *peer) {
  unsigned i = peer_slot(u, peer);
  if (is_free(&u->peers[i])) return i;
  if (is_free(&u->peers[i ^ 1])) return i ^ 1;
  if (!evict(L, u)) return i;
  lua_getiuservalue(L, SELF, NP_UDP_TABLES);
  lua_replace(L, list);
  return peer_slot(u, peer);
}

void np_udp_push_peer(lua_State *L, np_udp *u, int list,
                      const np_udp_addr *peer) {
  unsigned i = peer_slot(u, peer);
  if (is_same(&u->peers[i], peer) || is_same(&u->peers[i ^= 1], peer)) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    return;
  }
  list = lua_absindex(L, list);
  i = take_peer_slot(L, u, list, peer);
  np_addr_push(L, &peer->sa, sizeof(*peer));
  lua_pushvalue(L, -1);
  lua_rawseti(L, list, (lua_Integer)i + 1);
  u->peers[i] = *peer;
}

/* ---- addresses of texts ------------------------------------------------ */

static np_udp_target *take_target(lua_State *L, np_udp *u, const char *text,
                                  int port) {
  unsigned i = np_udp_slot(u, text, port);
  if (!u->targets[i].host) return &u->targets[i];
  if (!u->targets[i ^ 1].host) return &u->targets[i ^ 1];
  return &u->targets[evict(L, u) ? np_udp_slot(u, text, port) : i];
}

const np_udp_addr *np_udp_find_target(lua_State *L, np_udp *u, int host,
                                      int port) {
  const char *text = lua_tostring(L, host);
  np_udp_target *t = np_udp_known_target(u, text, port);
  if (t) return &t->addr;
  struct sockaddr_storage addr;
  if (np_addr_parse(text, port, &addr) < 0) return NULL;
  t = take_target(L, u, text, port);
  lua_getiuservalue(L, SELF, NP_UDP_TEXTS);
  lua_pushvalue(L, host);
  lua_rawseti(L, -2, t - u->targets + 1);
  lua_pop(L, 1);
  memcpy(&t->addr, &addr, sizeof(t->addr));
  np_udp_to_native(u, &t->addr);
  t->port = port;
  t->host = text;
  return &t->addr;
}
