/*
 * sources.h: the Lua files of lua/neap, compiled into the library. The array
 * is made at build time (src/embed.lua) and ends with a NULL name.
 */
#ifndef NP_SOURCES_H
#define NP_SOURCES_H

#include <stddef.h>

typedef struct np_source {
  const char *name;  /* of the module: "neap.sync.queue"; init.lua is "neap" */
  const char *chunk; /* for messages: "@neap/sync/queue.lua" */
  const char *data;  /* the text; a zero byte follows it */
  size_t size;       /* of the text, in bytes */
} np_source;

extern const np_source np_sources[];

#endif
