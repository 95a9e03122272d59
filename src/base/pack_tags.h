/*
 * pack_tags.h: what packed bytes consist of, for pack.c and unpack.c. Numbers
 * are uint32_t, sizes size_t, both as the machine has them.
 */
#ifndef NP_PACK_TAGS_H
#define NP_PACK_TAGS_H

enum {
  T_NIL,
  T_FALSE,
  T_TRUE,
  T_INTEGER,
  T_FLOAT,
  T_STRING,
  T_TABLE,    /* key, value, .. T_END, then its metatable or T_NIL */
  T_ERROR,    /* the same: an error of neap */
  T_FUNCTION, /* dump, number of upvalues, each: T_JOIN fn i | value */
  T_REF,      /* number of a table or function */
  T_MODULE,   /* name */
  T_FIELD,    /* name of a module, name in it */
  T_SHARED,   /* index in held */
  T_JOIN,
  T_END
};

#endif
