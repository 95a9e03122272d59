/*
 * addr.h: socket addresses to Lua and back.
 */
#ifndef NP_ADDR_H
#define NP_ADDR_H

#include <lua.h>
#include <stddef.h>
#include <sys/socket.h>

/* [.. table] { host =, port = } or { path = }; an IPv6 scope is kept as
 * "fe80::1%eth0"; an abstract Unix name is "@name". Raises when memory is out.
 */
void np_addr_push(lua_State *L, const struct sockaddr *sa, socklen_t len);

/* Text "host:port", "[v6]:port" or "path" for messages; always terminated. */
void np_addr_format(const struct sockaddr *sa, socklen_t len, char *buf,
                    size_t size);

/* A numeric IPv4 or IPv6 text (with %scope) and a port to *out; 0 or
 * UV_EINVAL when it is not numeric. */
int np_addr_parse(const char *host, int port, struct sockaddr_storage *out);

#endif
