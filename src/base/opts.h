/*
 * opts.h: option tables. A function lists the options it takes; the reader
 * fills a struct, and refuses unknown names and wrong types by name.
 */
#ifndef NP_OPTS_H
#define NP_OPTS_H

#include <lua.h>
#include <stddef.h>

typedef enum np_opt_type {
  NP_OPT_BOOL,    /* bool */
  NP_OPT_NUMBER,  /* lua_Number, NaN refused */
  NP_OPT_INTEGER, /* lua_Integer within [min, max] */
  NP_OPT_SECONDS, /* lua_Number >= 0, NaN refused; math.huge allowed */
  NP_OPT_STRING,  /* const char *, valid while the table keeps it */
  NP_OPT_VALUE,   /* int: set to 1 when present; the caller reads the field */
} np_opt_type;

typedef struct np_opt {
  const char *name;
  np_opt_type type;
  size_t offset;        /* of the field in the struct */
  lua_Integer min, max; /* for NP_OPT_INTEGER; both 0 is no bound */
} np_opt;

/*
 * Reads the table at stack index `arg` into *out, which the caller has filled
 * with defaults; nil or none leaves them. `list` ends with a NULL name. Raises
 * an argument error: "unknown option 'foo'", "option 'backlog' (integer
 * expected, got string)", "option 'port' out of range (0 to 65535)".
 */
void np_opts_read(lua_State *L, int arg, const np_opt *list, void *out);

#endif
