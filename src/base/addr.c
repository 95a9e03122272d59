/*
 * addr.c: socket addresses as Lua tables and as text. An address that comes
 * from the kernel says how long it is: Unix paths need not be terminated, an
 * unnamed socket has no path at all, and an abstract name (it starts with a
 * zero byte, shown as "@") may hold any bytes.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <uv.h>

enum { HOST_MAX = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE };

/* As inet_ntop does it, without printf: this is on the way of datagrams. */
static void format_inet(const struct in_addr *in, char host[HOST_MAX]) {
  uint8_t bytes[4];
  memcpy(bytes, in, sizeof(bytes));
  for (int i = 0; i < 4; i++) {
    if (i > 0) *host++ = '.';
    if (bytes[i] >= 100) *host++ = (char)('0' + bytes[i] / 100);
    if (bytes[i] >= 10) *host++ = (char)('0' + bytes[i] / 10 % 10);
    *host++ = (char)('0' + bytes[i] % 10);
  }
  *host = '\0';
}

/* The host as text with its scope, and the port; false for another family. */
static bool split_inet(const struct sockaddr *sa, char host[HOST_MAX],
                       int *port) {
  if (sa->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
    format_inet(&in->sin_addr, host);
    *port = ntohs(in->sin_port);
    return true;
  }
  if (sa->sa_family != AF_INET6) return false;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
  inet_ntop(AF_INET6, &in6->sin6_addr, host, HOST_MAX);
  *port = ntohs(in6->sin6_port);
  if (in6->sin6_scope_id != 0) {
    size_t n = strlen(host);
    char name[IF_NAMESIZE];
    if (if_indextoname(in6->sin6_scope_id, name)) {
      snprintf(host + n, HOST_MAX - n, "%%%s", name);
    } else {
      snprintf(host + n, HOST_MAX - n, "%%%u", (unsigned)in6->sin6_scope_id);
    }
  }
  return true;
}

/* The path or abstract name of a Unix address, without its leading zero, which
 * sets *abstract. */
static const char *unix_path(const struct sockaddr *sa, socklen_t len,
                             size_t *size, bool *abstract) {
  const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
  size_t offset = offsetof(struct sockaddr_un, sun_path);
  size_t max = len > offset ? len - offset : 0;
  if (max > sizeof(un->sun_path)) max = sizeof(un->sun_path);
  *abstract = max > 0 && un->sun_path[0] == '\0';
  if (*abstract) {
    *size = max - 1;
    return un->sun_path + 1;
  }
  *size = strnlen(un->sun_path, max);
  return un->sun_path;
}

void np_addr_push(lua_State *L, const struct sockaddr *sa, socklen_t len) {
  char host[HOST_MAX];
  int port;
  lua_createtable(L, 0, 2);
  if (split_inet(sa, host, &port)) {
    lua_pushstring(L, host);
    lua_setfield(L, -2, "host");
    lua_pushinteger(L, port);
    lua_setfield(L, -2, "port");
  } else if (sa->sa_family == AF_UNIX) {
    size_t size;
    bool abstract;
    const char *path = unix_path(sa, len, &size, &abstract);
    lua_pushstring(L, abstract ? "@" : "");
    lua_pushlstring(L, path, size);
    lua_concat(L, 2);
    lua_setfield(L, -2, "path");
  }
}

void np_addr_format(const struct sockaddr *sa, socklen_t len, char *buf,
                    size_t size) {
  char host[HOST_MAX];
  int port;
  if (split_inet(sa, host, &port)) {
    const char *format = strchr(host, ':') ? "[%s]:%d" : "%s:%d";
    snprintf(buf, size, format, host, port);
  } else if (sa->sa_family == AF_UNIX) {
    size_t n;
    bool abstract;
    const char *path = unix_path(sa, len, &n, &abstract);
    snprintf(buf, size, "%s%.*s", abstract ? "@" : "", (int)n, path);
  } else {
    snprintf(buf, size, "?");
  }
}

/* The number of an interface given by name or number; 0 if there is none. */
static unsigned scope_of(const char *text) {
  unsigned index = if_nametoindex(text);
  if (index != 0) return index;
  char *end;
  unsigned long n = strtoul(text, &end, 10);
  bool is_number = *text >= '0' && *text <= '9' && *end == '\0';
  return is_number && n <= UINT32_MAX ? (unsigned)n : 0;
}

static int parse_inet6(const char *host, int port, struct sockaddr_in6 *out) {
  char text[INET6_ADDRSTRLEN];
  size_t n = strcspn(host, "%");
  if (n >= sizeof(text)) return UV_EINVAL;
  memcpy(text, host, n);
  text[n] = '\0';
  if (inet_pton(AF_INET6, text, &out->sin6_addr) != 1) return UV_EINVAL;
  if (host[n] == '%') {
    out->sin6_scope_id = scope_of(host + n + 1);
    if (out->sin6_scope_id == 0) return UV_EINVAL;
  }
  out->sin6_family = AF_INET6;
  out->sin6_port = htons((uint16_t)port);
  return 0;
}

int np_addr_parse(const char *host, int port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof(*out));
  if (port < 0 || port > UINT16_MAX) return UV_EINVAL;
  struct sockaddr_in *in = (struct sockaddr_in *)out;
  if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    return 0;
  }
  return parse_inet6(host, port, (struct sockaddr_in6 *)out);
}
