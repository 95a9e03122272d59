/*
 * edit.c: the line editor of the prompt, on libedit.
 *
 * libedit reads keys with a function of ours, which never blocks: it takes
 * them from `keys`, where feed() puts them, one command at a time, and an
 * escape sequence only when it is complete. Between two commands the line is
 * just data, so tasks run while somebody types; what they print goes where the
 * line was, between hide() and show().
 *
 * The Editor owns the EditLine, its history and two FILEs of its own. It uses
 * descriptors 0 and 1, and the mode of the terminal is libedit's only between
 * start() and stop().
 */
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <lauxlib.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/class.h"
#include "base/err.h"

enum { KEYS_MAX = 4096, PROMPT_MAX = 256, HISTORY_MAX = 1000 };
enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_ESCAPE = 27 };

typedef struct editor {
  EditLine *el; /* NULL: closed */
  History *history;
  FILE *in, *out;
  bool started, hidden, wants_completion;
  bool typed_ahead; /* what is read next was typed before the line began */
  char prompt[PROMPT_MAX];
  char keys[KEYS_MAX]; /* typed, not looked at yet */
  size_t nkeys;
  mbstate_t state; /* of decoding */
} editor;

static int editor__gc(lua_State *L);
static int feed(lua_State *L);

/* ---- the keys ---------------------------------------------------------- */

static void drop_keys(editor *e, size_t n) {
  if (n > e->nkeys) n = e->nkeys;
  memmove(e->keys, e->keys + n, e->nkeys - n);
  e->nkeys -= n;
}

/* How libedit reads: the next character that was typed, or "end" for none. */
static int next_char(EditLine *el, wchar_t *c) {
  editor *e;
  el_get(el, EL_CLIENTDATA, &e);
  while (e->nkeys > 0) {
    size_t n = mbrtowc(c, e->keys, e->nkeys, &e->state);
    if (n == (size_t)-2) { /* the first bytes of a character */
      drop_keys(e, e->nkeys);
      return 0;
    }
    bool bad = n == (size_t)-1;
    if (bad) memset(&e->state, 0, sizeof e->state);
    drop_keys(e, bad || n == 0 ? 1 : n);
    if (!bad) return 1;
  }
  return 0;
}

/* The length of the escape sequence at the front; 0: it is not complete. */
static size_t escape_length(const editor *e) {
  const char *k = e->keys;
  size_t i = 2;
  if (e->nkeys < 2) return 0;
  if (k[1] == 'O') return e->nkeys < 3 ? 0 : 3;
  if (k[1] != '[') return 2;
  while (i < e->nkeys && k[i] >= 0x20 && k[i] < 0x40) i++;
  return i < e->nkeys ? i + 1 : 0;
}

/* Puts what libedit knows there; false: it knows nothing like it. */
static bool translate_escape(editor *e, size_t length) {
  static const struct {
    const char *from, *to;
  } table[] = {
      {"[1;5C", "f"}, {"[1;5D", "b"}, {"[1;3C", "f"}, {"[1;3D", "b"},
      {"[A", "[A"},   {"[B", "[B"},   {"[C", "[C"},   {"[D", "[D"},
      {"[H", "[H"},   {"[F", "[F"},   {"OA", "[A"},   {"OB", "[B"},
      {"OC", "[C"},   {"OD", "[D"},   {"OH", "[H"},   {"OF", "[F"},
      {"[1~", "[H"},  {"[4~", "[F"},  {"[7~", "[H"},  {"[8~", "[F"},
      {"[3~", "[3~"},
  };
  const char *to = NULL;
  if (length == 2) return true; /* a key with Meta */
  for (size_t i = 0; !to && i < sizeof table / sizeof *table; i++) {
    const char *from = table[i].from;
    if (strlen(from) == length - 1 &&
        memcmp(from, e->keys + 1, length - 1) == 0)
      to = table[i].to;
  }
  size_t n = to ? strlen(to) : 0; /* never longer than what it replaces */
  drop_keys(e, length - (to ? 1 + n : 0));
  if (!to) return false;
  e->keys[0] = KEY_ESCAPE;
  memcpy(e->keys + 1, to, n);
  return true;
}

/* Whether a whole command lies at the front of the keys. */
static bool has_command(editor *e) {
  while (e->nkeys > 0) {
    if (e->keys[0] == KEY_ESCAPE) {
      size_t length = escape_length(e);
      if (length == 0) return false;
      if (translate_escape(e, length)) return true;
      continue;
    }
    mbstate_t state = e->state;
    wchar_t c;
    return mbrtowc(&c, e->keys, e->nkeys, &state) != (size_t)-2;
  }
  return false;
}

/* ---- the screen -------------------------------------------------------- */

static char *prompt_of(EditLine *el) {
  editor *e;
  el_get(el, EL_CLIENTDATA, &e);
  return e->prompt;
}

/* How many cells the first n bytes of a text take. */
static int cells(const char *text, size_t n) {
  mbstate_t state = {0};
  int width = 0;
  while (n > 0) {
    wchar_t c;
    size_t used = mbrtowc(&c, text, n, &state);
    if (used == 0 || used > n) return width + 1;
    int w = wcwidth(c);
    width += w >= 0 ? w : 2; /* shown as ^X */
    text += used;
    n -= used;
  }
  return width;
}

static void hide(editor *e) {
  struct winsize size = {0};
  if (!e->started || e->hidden) return;
  const LineInfo *line = el_line(e->el);
  int column = cells(e->prompt, strlen(e->prompt)) +
               cells(line->buffer, (size_t)(line->cursor - line->buffer));
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  int columns = size.ws_col > 1 ? size.ws_col : 80;
  fputc('\r', e->out);
  for (int row = column / columns; row > 0; row--) fputs("\033[A", e->out);
  fputs("\033[J", e->out);
  fflush(e->out);
  e->hidden = true;
}

static void show(editor *e) {
  if (!e->started || !e->hidden) return;
  e->hidden = false;
  el_resize(e->el);
  el_set(e->el, EL_REFRESH);
}

static void stop(editor *e) {
  if (!e->started) return;
  hide(e);
  e->started = e->hidden = false;
  el_set(e->el, EL_UNBUFFERED, 0);
}

/* ---- methods ----------------------------------------------------------- */

static unsigned char complete(EditLine *el, int key) {
  editor *e;
  (void)key;
  el_get(el, EL_CLIENTDATA, &e);
  e->wants_completion = true;
  return CC_NORM;
}

static editor *self(lua_State *L) {
  editor *e = np_checkself(L);
  if (!e->el) np_raise(L, "CLOSED", "the editor is closed");
  return e;
}

static bool has_input(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&input, 1, 0) != 0;
}

/* A Ctrl-D that was typed while the terminal took whole lines is a NUL once it
 * does not. */
static void restore_ends(editor *e, char *keys, ssize_t n) {
  for (ssize_t i = 0; e->typed_ahead && i < n; i++)
    if (keys[i] == '\0') keys[i] = KEY_END;
  e->typed_ahead = false;
}

/* start(prompt): a new line begins. */
static int editor_start(lua_State *L) {
  editor *e = self(L);
  snprintf(e->prompt, sizeof e->prompt, "%s", luaL_checkstring(L, 2));
  if (mbstowcs(NULL, e->prompt, 0) == (size_t)-1) strcpy(e->prompt, "> ");
  stop(e);
  fflush(stdout);
  e->started = true;
  el_set(e->el, EL_UNBUFFERED, 1); /* shows it */
  e->typed_ahead = has_input();
  return 0;
}

static int editor_stop(lua_State *L) {
  stop(self(L));
  return 0;
}

static int editor_hide(lua_State *L) {
  hide(self(L));
  return 0;
}

static int editor_show(lua_State *L) {
  editor *e = self(L);
  fflush(stdout);
  show(e);
  return 0;
}

/* resume(): the terminal may have another mode or size than we left it. */
static int editor_resume(lua_State *L) {
  editor *e = self(L);
  if (!e->started) return 0;
  hide(e);
  el_set(e->el, EL_PREP_TERM, 1);
  show(e);
  return 0;
}

/* clear(): what was typed is gone. */
static int editor_clear(lua_State *L) {
  editor *e = self(L);
  const LineInfo *line = el_line(e->el);
  bool was_hidden = e->hidden;
  hide(e);
  el_cursor(e->el, (int)(line->lastchar - line->cursor));
  line = el_line(e->el);
  el_deletestr(e->el, (int)(line->cursor - line->buffer));
  e->nkeys = 0;
  if (!was_hidden) show(e);
  return 0;
}

/* insert(text): as if it were typed. */
static int editor_insert(lua_State *L) {
  editor *e = self(L);
  el_insertstr(e->el, luaL_checkstring(L, 2));
  if (!e->hidden) el_set(e->el, EL_REFRESH);
  return 0;
}

/* add(line): to the history. */
static int editor_add(lua_State *L) {
  HistEvent event;
  editor *e = self(L);
  const char *line = luaL_checkstring(L, 2);
  if (mbstowcs(NULL, line, 0) != (size_t)-1) /* it can be shown */
    history(e->history, &event, H_ENTER, line);
  return 0;
}

/* read() -> what was typed | nil at the end. Does not block. */
static int editor_read(lua_State *L) {
  char buffer[256];
  editor *e = self(L);
  errno = 0;
  if (!has_input()) {
    lua_pushliteral(L, "");
    return 1;
  }
  ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) n = 0;
  restore_ends(e, buffer, n);
  if (n > 0 || errno == EINTR || errno == EAGAIN)
    lua_pushlstring(L, buffer, (size_t)n);
  else
    lua_pushnil(L);
  return 1;
}

/* One command; what it led to: [..] -> [.. event text], or nothing. */
static int run_command(lua_State *L, editor *e) {
  int n = 0;
  const LineInfo *line = el_line(e->el);
  bool empty = line->lastchar == line->buffer;
  if (e->keys[0] == KEY_INTERRUPT || (e->keys[0] == KEY_END && empty)) {
    lua_pushstring(L, e->keys[0] == KEY_END ? "end" : "interrupt");
    drop_keys(e, 1);
    return 1;
  }
  const char *text = el_gets(e->el, &n);
  if (text && n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
    lua_pushliteral(L, "line");
    lua_pushlstring(L, text, (size_t)n - 1);
    e->hidden = true; /* the screen is behind it already */
    stop(e);
    return 2;
  }
  if (!e->wants_completion) return 0;
  e->wants_completion = false;
  line = el_line(e->el);
  lua_pushliteral(L, "complete");
  lua_pushlstring(L, line->buffer, (size_t)(line->cursor - line->buffer));
  return 2;
}

/* feed(keys) -> event, text: "line" and what was typed, "complete" and what
 * stands before the cursor, "interrupt", "end"; nil: more keys are needed.
 * After an event, feed("") goes on with the keys that are left. */
static int feed(lua_State *L) {
  size_t n;
  editor *e = self(L);
  const char *keys = luaL_checklstring(L, 2, &n);
  if (n > KEYS_MAX - e->nkeys) n = KEYS_MAX - e->nkeys;
  memcpy(e->keys + e->nkeys, keys, n);
  e->nkeys += n;
  show(e);
  while (e->started && has_command(e)) {
    int results = run_command(L, e);
    if (results > 0) return results;
  }
  return 0;
}

static int editor__gc(lua_State *L) {
  editor *e = np_checkself(L);
  if (e->el) {
    stop(e);
    el_end(e->el);
  }
  if (e->history) history_end(e->history);
  if (e->in) fclose(e->in);
  if (e->out) fclose(e->out);
  *e = (editor){.el = NULL};
  return 0;
}

static const luaL_Reg editor_methods[] = {
    {"start", editor_start},   {"stop", editor_stop},
    {"hide", editor_hide},     {"show", editor_show},
    {"clear", editor_clear},   {"insert", editor_insert},
    {"resume", editor_resume}, {"add", editor_add},
    {"read", editor_read},     {"feed", feed},
    {"close", editor__gc},     {NULL, NULL}};
static const luaL_Reg editor_meta[] = {
    {"__gc", editor__gc}, {"__close", editor__gc}, {NULL, NULL}};
static const np_class editor_class = {"Editor", editor_methods, editor_meta};

static FILE *open_copy(int fd, const char *mode) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  FILE *file = copy < 0 ? NULL : fdopen(copy, mode);
  if (!file && copy >= 0) close(copy);
  return file;
}

static void set_up(editor *e) {
  HistEvent event;
  history(e->history, &event, H_SETSIZE, HISTORY_MAX);
  history(e->history, &event, H_SETUNIQUE, 1);
  el_set(e->el, EL_CLIENTDATA, e);
  el_set(e->el, EL_PROMPT, prompt_of);
  el_set(e->el, EL_EDITOR, "emacs");
  el_set(e->el, EL_SIGNAL, 0);
  el_set(e->el, EL_GETCFN, next_char);
  el_set(e->el, EL_HIST, history, e->history);
  el_set(e->el, EL_ADDFN, "neap-complete", "Completes a name.", complete);
  el_set(e->el, EL_BIND, "^I", "neap-complete", NULL);
  el_set(e->el, EL_BIND, "\033[A", "ed-search-prev-history", NULL);
  el_set(e->el, EL_BIND, "\033[B", "ed-search-next-history", NULL);
  el_set(e->el, EL_BIND, "\033[C", "ed-next-char", NULL);
  el_set(e->el, EL_BIND, "\033[D", "ed-prev-char", NULL);
  el_set(e->el, EL_BIND, "\033[H", "ed-move-to-beg", NULL);
  el_set(e->el, EL_BIND, "\033[F", "ed-move-to-end", NULL);
  el_set(e->el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
  el_set(e->el, EL_BIND, "^V", "ed-unassigned", NULL); /* it would read on */
}

/* open() -> Editor | nil, err */
static int open_editor(lua_State *L) {
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
    return np_fail(L, "ENOTTY", "edit: there is no terminal");
  editor *e = lua_newuserdatauv(L, sizeof *e, 0);
  *e = (editor){.el = NULL};
  np_class_set(L, &editor_class);
  setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
  e->in = open_copy(STDIN_FILENO, "r");
  e->out = open_copy(STDOUT_FILENO, "w");
  e->history = history_init();
  if (e->in && e->out && e->history)
    e->el = el_init("neap", e->in, e->out, e->out);
  if (!e->el) return np_fail(L, "ENOMEM", "edit: cannot open the terminal");
  set_up(e);
  return 1;
}

int luaopen_neap_proto_edit(lua_State *L);

int luaopen_neap_proto_edit(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", open_editor}, {NULL, NULL}};
  void *h = lua_touserdata(L, NP_UPHOST);
  np_class_register(L, h, &editor_class);
  lua_createtable(L, 0, 1);
  np_setfuncs(L, h, functions);
  return 1;
}
