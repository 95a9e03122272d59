/*
 * warn.h: debug mode, which is slower and tells more: what was not closed, who
 * held the loop, who still waited at the end, and where each came from.
 */
#ifndef NP_WARN_H
#define NP_WARN_H

#include "core/host.h"

/* A task that holds the loop for longer is warned of. */
#define NP_SLOW_NS UINT64_C(100000000)

/* Writes "neap: warning: ..." to stderr, or hands it to host->on_warning.
 * Plain. */
void np_warn(np_host *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* [.. ud] -> [.. ud]  In debug mode, notes where this resource was made. */
void np_warn_made(lua_State *L, np_host *h);

/* [.. ud] -> [.. ud]  This one need not be closed: the note is dropped. */
void np_warn_expected(lua_State *L, np_host *h);

/* In the __gc of such a userdata (index 1) that is still open: warns. Never
 * raises. */
void np_warn_unclosed(lua_State *L, np_host *h);

/* [.. ] -> [.. text or nil]  Where the userdata at idx was made. */
void np_warn_pushorigin(lua_State *L, int idx);

/* The task on top of h->scratch, of that name, has held the loop for so long.
 * Plain, as is the next. */
void np_warn_slow(np_host *h, const char *name, uint64_t ns);

/* The host closes while this task, on top of h->scratch, waits. */
void np_warn_waiting(np_host *h, np_task *t);

void np_warn_open(lua_State *L, np_host *h);

#endif
