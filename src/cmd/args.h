/*
 * args.h: the arguments of the command, read before there is a Lua state.
 */
#ifndef NP_CMD_ARGS_H
#define NP_CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#define NP_DEFAULT_PREEMPT 0.010 /* seconds */

typedef enum np_mode {
  NP_RUN,     /* options, script, prompt: as `lua` does */
  NP_WATCH,   /* --watch: run it again when a file changes */
  NP_COMPILE, /* neap compile */
  NP_PROGRAM  /* what neap compile made: all arguments are the program's */
} np_mode;

typedef struct np_args {
  int argc;
  char **argv;
  np_mode mode;
  int script;        /* index of the script, or argc */
  bool version;      /* -v, -i */
  bool no_env;       /* -E */
  bool interactive;  /* -i */
  bool statement;    /* some -e */
  bool stdin_;       /* the script is "-" */
  bool debug;        /* --debug */
  bool help;         /* --help */
  size_t memory;     /* --memory-limit, in bytes; 0: none */
  double time;       /* --time-limit, in seconds; 0: none */
  double preempt;    /* --preempt, in seconds; 0: no */
  const char *loads; /* where to note the files that are loaded, or NULL */
  bool unloadable;   /* what was to run did not compile: no traceback */
} np_args;

/* Reads a->argv. On a mistake it says what is wrong, prints the usage and
 * returns false. */
bool np_args_parse(np_args *a);

/* What --help prints. */
void np_args_help(void);

/* The option at index i: its text, if it takes one, in *text. The index of the
 * next argument. */
int np_args_option(const np_args *a, int i, const char **text);

/* How the command was called; "neap" until np_args_parse. */
const char *np_progname(const np_args *a);

#endif
