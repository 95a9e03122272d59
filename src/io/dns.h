/*
 * dns.h: names to addresses, off the loop.
 */
#ifndef NP_DNS_H
#define NP_DNS_H

#include "core/host.h"

/* resolve and numeric_family of neap.core. */
void np_dns_open(lua_State *L, np_host *h);

#endif
