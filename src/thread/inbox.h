/*
 * inbox.h: how other threads reach the loop of a host. A note is put into the
 * host's inbox by any thread, and delivered by the loop of the host, outside
 * of Lua.
 */
#ifndef NP_INBOX_H
#define NP_INBOX_H

#include "core/host.h"

typedef struct np_note np_note;
typedef struct np_inbox np_inbox;

struct np_note {
  np_note *next;
  bool queued;                    /* under the inbox's lock */
  void (*deliver)(np_note *note); /* in the host's thread; plain */
  void (*discard)(np_note *note); /* instead, when the host closes */
};

/* The inbox of the host, made when first asked for. **raises** */
np_inbox *np_inbox_get(lua_State *L, np_host *h);

/* Puts a note, which must not be in any inbox. Whoever does it knows that the
 * host has not closed: it waits for this note, or for the thread that puts it.
 * **thread-safe** */
void np_inbox_put(np_inbox *b, np_note *note);

/* Takes a note out again; false if it was delivered, or never put. */
bool np_inbox_take(np_inbox *b, np_note *note);

#endif
