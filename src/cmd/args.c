/*
 * args.c: the arguments of the command. The short options are those of `lua`,
 * read as it reads them: each stands alone, only -e and -l take a text, in the
 * same argument or in the next one. The long ones are neap's; their values
 * follow behind a "=" or in the next argument.
 */
#include "cmd/args.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char options_text[] =
    "  -e stat   execute string 'stat'\n"
    "  -i        enter interactive mode after executing 'script'\n"
    "  -l mod    require library 'mod' into global 'mod'\n"
    "  -l g=mod  require library 'mod' into global 'g'\n"
    "  -v        show version information\n"
    "  -E        ignore environment variables\n"
    "  -W        turn warnings on\n"
    "  --        stop handling options\n"
    "  -         stop handling options and execute stdin\n"
    "  --debug   warn of slow turns and of what was not closed\n"
    "  --watch   run again when a loaded file changes\n"
    "  --memory-limit N[KMG]  most memory that scripts may take\n"
    "  --time-limit S         longest that a task may hold the loop\n"
    "  --preempt[=S]          suspend tasks that compute longer than that\n"
    "  --help    show this text\n";

const char *np_progname(const np_args *a) {
  return a->argc > 0 && a->argv[0][0] ? a->argv[0] : "neap";
}

static void usage(const np_args *a, FILE *file) {
  fprintf(file, "usage: %s [options] [script [args]]\n", np_progname(a));
  fprintf(file, "       %s compile script.lua -o program", np_progname(a));
  fprintf(file, " [--include mod] [--strip]\nAvailable options are:\n%s",
          options_text);
}

void np_args_help(void) {
  const np_args a = {.argc = 0};
  usage(&a, stdout);
  printf("\nWithout a script and on a terminal, neap is a prompt.\n");
}

/* Says what is wrong with an option; false. */
static bool refuse(const np_args *a, const char *option, const char *problem) {
  fprintf(stderr, "%s: ", np_progname(a));
  fprintf(stderr, problem, option);
  fputc('\n', stderr);
  usage(a, stderr);
  return false;
}

static bool unrecognized(const np_args *a, const char *option) {
  return refuse(a, option, "unrecognized option '%s'");
}

/* ---- the values of long options ---------------------------------------- */

/* A positive number of bytes, with K, M or G behind it. */
static bool read_size(const char *text, size_t *size) {
  static const char units[] = "KMG";
  char *end;
  double n = strtod(text, &end);
  const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
  if (end == text || (*end && (!unit || end[1]))) return false;
  if (unit) n = ldexp(n, 10 * (int)(unit - units + 1));
  if (!(n >= 1 && n < (double)SIZE_MAX)) return false;
  *size = (size_t)n;
  return true;
}

/* More than 0, and at most a day. */
static bool read_seconds(const char *text, double *seconds) {
  char *end;
  *seconds = strtod(text, &end);
  return end != text && !*end && *seconds > 0 && *seconds <= 86400;
}

enum { NONE, OPTIONAL, NEEDED };

static const struct long_option {
  const char *name;
  int value;
} long_options[] = {
    {"--debug", NONE},        {"--watch", NONE},
    {"--help", NONE},         {"--memory-limit", NEEDED},
    {"--time-limit", NEEDED}, {"--preempt", OPTIONAL},
};

static const struct long_option *find_long(const char *arg) {
  size_t length = strcspn(arg, "=");
  for (size_t i = 0; i < sizeof long_options / sizeof *long_options; i++) {
    const char *name = long_options[i].name;
    if (strncmp(name, arg, length) == 0 && !name[length])
      return &long_options[i];
  }
  return NULL;
}

static bool take_long(np_args *a, const char *option, const char *value) {
  switch (option[2]) {
    case 'd': return a->debug = true;
    case 'w': a->mode = NP_WATCH; return true;
    case 'h': return a->help = true;
    case 'm':
      return read_size(value, &a->memory) ||
             refuse(a, option, "'%s' needs a size such as 500K, 64M or 1G");
    case 't':
      return read_seconds(value, &a->time) ||
             refuse(a, option, "'%s' needs a number of seconds");
    default:
      a->preempt = NP_DEFAULT_PREEMPT;
      return !value || read_seconds(value, &a->preempt) ||
             refuse(a, option, "'%s' needs a number of seconds");
  }
}

static bool parse_long(np_args *a, int *i) {
  const char *arg = a->argv[*i], *value;
  const struct long_option *option = find_long(arg);
  if (!option || (option->value == NONE && strchr(arg, '=')))
    return unrecognized(a, arg);
  *i = np_args_option(a, *i, &value) - 1;
  if (option->value == NEEDED && !value)
    return refuse(a, option->name, "'%s' needs argument");
  return take_long(a, option->name, value);
}

/* ---- all of them ------------------------------------------------------- */

int np_args_option(const np_args *a, int i, const char **text) {
  const char *arg = a->argv[i];
  *text = NULL;
  if (arg[1] == '-') {
    const struct long_option *option = find_long(arg);
    const char *equals = strchr(arg, '=');
    if (equals) *text = equals + 1;
    if (equals || !option || option->value != NEEDED) return i + 1;
  } else if (arg[1] != 'e' && arg[1] != 'l') {
    return i + 1;
  } else if (arg[2]) {
    *text = arg + 2;
    return i + 1;
  }
  if (i + 1 >= a->argc) return i + 1;
  *text = a->argv[i + 1];
  return i + 2;
}

static bool parse_short(np_args *a, int *i) {
  const char *arg = a->argv[*i], *text;
  bool alone = arg[2] == '\0';
  switch (arg[1]) {
    case 'E': a->no_env = true; break;
    case 'W': break;
    case 'i':
      a->interactive = true; /* and shows the version */
      a->version = true;
      break;
    case 'v': a->version = true; break;
    case 'e':
    case 'l':
      if (arg[1] == 'e') a->statement = true;
      *i = np_args_option(a, *i, &text) - 1;
      if (!text || (alone && text[0] == '-'))
        return refuse(a, arg, "'%s' needs argument");
      return true;
    default: alone = false;
  }
  return alone || unrecognized(a, arg);
}

/* The command runs itself with this in front, when it watches. */
static void take_loads(np_args *a) {
  if (a->argc < 3 || strcmp(a->argv[1], "--watched") != 0) return;
  a->loads = a->argv[2];
  a->argv[2] = a->argv[0];
  a->argv += 2;
  a->argc -= 2;
}

bool np_args_parse(np_args *a) {
  int i = 1;
  take_loads(a);
  if (a->argc > 1 && strcmp(a->argv[1], "compile") == 0) a->mode = NP_COMPILE;
  if (a->mode != NP_RUN) {
    a->script = a->argc;
    return true;
  }
  for (; i < a->argc && a->argv[i][0] == '-'; i++) {
    const char *arg = a->argv[i];
    a->stdin_ = arg[1] == '\0';
    if (a->stdin_) break;
    if (strcmp(arg, "--") == 0) {
      i++;
      break;
    }
    if (!(arg[1] == '-' ? parse_long(a, &i) : parse_short(a, &i))) return false;
  }
  a->script = i < a->argc ? i : a->argc;
  if (a->mode == NP_WATCH && a->script == a->argc && !a->statement)
    return refuse(a, "--watch", "'%s' needs a script");
  return true;
}
