/*
 * options.c: what neap_options does, and what it refuses.
 */
#include "check.h"

#include <math.h>
#include <signal.h>

static neap_options defaults(void) {
  neap_options o;
  neap_options_init(&o);
  return o;
}

/* ---- the struct -------------------------------------------------------- */

static void refuses_another_abi(void) {
  neap_options o = defaults();
  neap_host *host = (neap_host *)&o;

  o.abi = NEAP_ABI + 1;
  CHECK_EQ(neap_open(&host, &o), NEAP_EABI);
  CHECK(host == NULL);
  o = defaults();
  o.size = 8;
  CHECK_EQ(neap_open(&host, &o), NEAP_EABI);
  CHECK(neap_options_error(&o) != NULL);
}

/* What a program that was compiled with a later neap.h gives. */
static void takes_a_larger_struct(void) {
  struct {
    neap_options o;
    double later;
  } larger;
  neap_host *host;
  neap_options_fill(&larger.o, NEAP_ABI, sizeof larger);

  CHECK_EQ(neap_open(&host, &larger.o), 0);
  neap_free(host);
  larger.later = 1;
  CHECK_EQ(neap_open(&host, &larger.o), NEAP_EABI);
}

static void refuses(neap_options o, const char *field) {
  neap_host *host;
  CHECK_EQ(neap_open(&host, &o), NEAP_EINVAL);
  CHECK(host == NULL);
  CHECK(neap_options_error(&o) != NULL);
  CHECK_HAS(neap_options_error(&o), field);
}

static void refuses_what_is_out_of_range(void) {
  neap_options o = defaults();
  static const char *const args[] = {"a", NULL};
  static const char *const modules[] = {"net", "nett", NULL};

  CHECK(neap_options_error(&o) == NULL);
  CHECK(neap_options_error(NULL) == NULL);
  o.grace = -1, refuses(o, "grace"), o = defaults();
  o.grace = NAN, refuses(o, "grace"), o = defaults();
  o.argc = -1, refuses(o, "argc"), o = defaults();
  o.argc = 1, refuses(o, "argv"), o = defaults();
  o.argc = 2, o.argv = args, refuses(o, "argv"), o = defaults();
  o.time_limit = -1, refuses(o, "time_limit"), o = defaults();
  o.time_limit = INFINITY, refuses(o, "time_limit"), o = defaults();
  o.preempt = NAN, refuses(o, "preempt"), o = defaults();
  o.preempt_signal = SIGINT, refuses(o, "preempt_signal"), o = defaults();
  o.libraries = 1u << 20, refuses(o, "libraries"), o = defaults();
  o.modules = modules, refuses(o, "modules"), o = defaults();
}

/* ---- what scripts see -------------------------------------------------- */

static neap_host *with_libraries(unsigned libraries) {
  neap_options o = defaults();
  o.libraries = libraries;
  return check_open(&o);
}

static void hides_libraries(void) {
  static const struct {
    unsigned bit;
    const char *name;
  } list[] = {{NEAP_LIB_COROUTINE, "coroutine"}, {NEAP_LIB_TABLE, "table"},
              {NEAP_LIB_IO, "io"},               {NEAP_LIB_OS, "os"},
              {NEAP_LIB_STRING, "string"},       {NEAP_LIB_MATH, "math"},
              {NEAP_LIB_UTF8, "utf8"},           {NEAP_LIB_DEBUG, "debug"},
              {NEAP_LIB_PACKAGE, "package"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    char script[256];
    neap_host *host = with_libraries(NEAP_LIB_ALL & ~list[i].bit);
    snprintf(script, sizeof script,
             "assert(%s == nil and not pcall(require, '%s')) "
             "local neap = require('neap') neap.sleep(0.001) "
             "local q = neap.sync.queue() q:put(1) assert(q:get() == 1)",
             list[i].name, list[i].name);
    check_script(host, script);
    neap_free(host);
  }
}

static void hides_the_base(void) {
  neap_host *host = with_libraries(NEAP_LIB_ALL & ~NEAP_LIB_BASE);
  neap_value v;
  check_script(host, "return print == nil and pcall == nil and load == nil "
                     "and require ~= nil");
  CHECK_EQ(neap_result(host, 0, &v), 0);
  CHECK(v.type == NEAP_BOOLEAN && v.as.boolean);
  neap_free(host);
}

static void safe_libraries_open_no_files(void) {
  neap_host *host = with_libraries(NEAP_LIB_SAFE);
  check_script(host, "assert(not (io or os or debug or dofile or loadfile)) "
                     "assert(load('return 1')() == 1)");
  neap_free(host);
}

static void hides_the_inside(void) {
  neap_host *host = with_libraries(NEAP_LIB_SAFE);
  check_script(host,
               "assert(not pcall(require, 'neap.core'))"
               "assert(not pcall(require, 'neap.args'))"
               "for name in pairs(package.loaded) do "
               "  assert(name == 'neap' or not name:find('^neap'), name) end "
               "assert(getmetatable('') == false)"
               "table.insert = error string.format = error "
               "require('neap').gather({})");
  neap_free(host);
}

static void chooses_modules(void) {
  static const char *const modules[] = {"net", "sync", NULL};
  neap_options o = defaults();
  o.modules = modules;
  neap_host *host = check_open(&o);

  check_script(
      host,
      "local neap = require('neap')\n"
      "assert(neap.net.connect and require('neap.net') == neap.net)\n"
      "assert(neap.sync and neap.sleep and neap.gather)\n"
      "for _, name in ipairs({ 'process', 'fs', 'signal', 'stdout' }) do\n"
      "  local ok, e = pcall(function() return neap[name] end)\n"
      "  assert(not ok and e:find(\"does not let scripts use 'neap.\" .. name, 1,"
      " true), e)\n"
      "end\n"
      "local ok, e = pcall(require, 'neap.process')\n"
      "assert(not ok and e:find('does not let scripts use', 1, true))\n"
      "local server <close> = assert(neap.net.serve('127.0.0.1', 0, "
      "function(s) s:write('hi') end))\n"
      "local s <close> = neap.net.connect('127.0.0.1', server:address().port)\n"
      "assert(s:readall() == 'hi')");
  neap_free(host);
}

static void modules_may_be_none(void) {
  static const char *const modules[] = {NULL};
  neap_options o = defaults();
  o.modules = modules;
  neap_host *host = check_open(&o);
  check_script(host, "local neap = require('neap') neap.sleep(0) "
                     "assert(not pcall(function() return neap.sync end))");
  neap_free(host);
}

static void refuses_c_modules(void) {
  neap_options o = defaults();
  o.no_c_modules = 1;
  neap_host *host = check_open(&o);
  check_script(host, "assert(package.loadlib == nil)"
                     "assert(#package.searchers == 2)");
  neap_free(host);
}

static void refuses_bytecode(void) {
  neap_options o = defaults();
  o.no_bytecode = 1;
  neap_host *host = check_open(&o);
  check_script(
      host,
      "local code = string.dump(function() return 1 end)\n"
      "local f, e = load(code)\n"
      "assert(not f and e:find('attempt to load a binary chunk'))\n"
      "assert(not load(code, 'x', 'b') and not load(code, 'x', 'bt', {}))\n"
      "assert(load('return x', 'x', nil, { x = 5 })() == 5)\n"
      "local name = os.tmpname()\n"
      "local file = io.open(name, 'wb') file:write(code) file:close()\n"
      "assert(not loadfile(name) and not loadfile(name, 'b'))\n"
      "assert(not pcall(dofile, name))\n"
      "package.path = name assert(not pcall(require, 'x'))\n"
      "file = io.open(name, 'wb') file:write('return ...') file:close()\n"
      "assert(loadfile(name)(3) == 3 and require('x') == 'x')\n"
      "assert(dofile(name) == nil)\n"
      "os.remove(name)");
  CHECK_EQ(neap_load_buffer(host, "\x1bLua", 4, NULL), NEAP_ESYNTAX);
  CHECK_HAS(neap_error_text(host), "binary chunk");
  neap_free(host);
}

static void sets_the_paths(void) {
  neap_options o = defaults();
  o.path = "";
  o.cpath = "./x/?.so";
  neap_host *host = check_open(&o);
  check_script(host, "assert(package.path == '')"
                     "assert(package.cpath == './x/?.so')");
  neap_free(host);
}

/* ---- the application's own modules ------------------------------------- */

static int freed;

static void free_text(void *ud, const char *text) {
  CHECK(ud == &freed);
  CHECK_HAS(text, "return");
  freed++;
}

static int find_module(void *ud, const char *name, neap_source *source) {
  CHECK(ud == &freed);
  if (strcmp(name, "mine") == 0)
    source->text = "require('neap').sleep(0.001) return { name = ... }";
  else if (strcmp(name, "broken") == 0)
    source->text = "return return";
  else
    return 0;
  source->size = strlen(source->text);
  source->name = "@mine.lua";
  source->free = free_text;
  return 1;
}

static void finds_modules(unsigned libraries) {
  neap_options o = defaults();
  o.ud = &freed;
  o.find_module = find_module;
  o.libraries = libraries;
  freed = 0;
  neap_host *host = check_open(&o);
  check_script(host,
               "assert(require('mine').name == 'mine')"
               "local ok, e = pcall(require, 'broken')"
               "assert(not ok and e:find(\"module 'broken'\", 1, true))"
               "assert(e:find('mine.lua:1:', 1, true))"
               "ok, e = pcall(require, 'other')"
               "assert(e:find(\"no module 'other' of the application\", 1, true))");
  CHECK_EQ(freed, 2);
  neap_free(host);
}

static void asks_the_application(void) { finds_modules(NEAP_LIB_ALL); }

static void asks_it_alone(void) {
  finds_modules(NEAP_LIB_ALL & ~NEAP_LIB_PACKAGE);
}

/* ---- output ------------------------------------------------------------ */

static char output[2][512], warnings[256], report[512];

static void on_output(void *ud, int fd, const char *data, size_t size) {
  (void)ud;
  strncat(output[fd - 1], data, size);
}

static void on_warning(void *ud, const char *text) {
  (void)ud;
  snprintf(warnings, sizeof warnings, "%s", text);
}

static void on_error(void *ud, const neap_report *r) {
  CHECK(ud == output);
  snprintf(report, sizeof report, "%s|%s|%s", r->message, r->error,
           r->traceback);
}

static void gives_output(void) {
  neap_options o = defaults();
  o.output = on_output;
  neap_host *host = check_open(&o);
  check_script(host, "print('a', 1, nil) io.write('b', 2, '\\n') "
                     "io.stdout:write('c') io.stderr:write('e') "
                     "local ok, e = pcall(function() "
                     "return require('neap').stdout end) "
                     "assert(not ok and e:find('does not let'))");
  CHECK(strcmp(output[0], "a\t1\tnil\nb2\nc") == 0);
  CHECK(strcmp(output[1], "e") == 0);
  neap_free(host);
}

static void gives_warnings(void) {
  neap_options o = defaults();
  o.warn = on_warning;
  neap_host *host = check_open(&o);
  check_script(host, "warn('@on') warn('mind ', 'the ', 'gap')");
  CHECK(strcmp(warnings, "mind the gap") == 0);
  neap_free(host);
}

static const char loses_an_error[] =
    "local neap = require('neap') neap.spawn(function() error('lost') end)";

static void gives_errors(void) {
  neap_options o = defaults();
  o.on_error = on_error;
  o.ud = output;
  neap_host *host = check_open(&o);
  CHECK_EQ(check_run(host, loses_an_error), NEAP_EREPORTED);
  CHECK_HAS(report, "task-2 failed");
  CHECK_HAS(report, "|script:1: lost|stack traceback");
  report[0] = '\0';
  check_script(host, "local neap = require('neap') local got "
                     "neap.loop.set_exception_handler(function(c) got = c end) "
                     "neap.loop.call_soon(error, 'y') neap.sleep(0.001) "
                     "assert(got.error == 'y')");
  CHECK(report[0] == '\0');
  CHECK_EQ(check_run(host, "local neap = require('neap') "
                           "neap.loop.set_exception_handler(nil) "
                           "neap.loop.call_soon(error, 'z')"),
           NEAP_EREPORTED);
  CHECK_HAS(report, "|z|");
  neap_free(host);
}

static void prints_errors_when_asked(void) {
  neap_options o = defaults();
  o.output = on_output;
  o.print_errors = 1;
  neap_host *host = check_open(&o);
  CHECK_EQ(check_run(host, loses_an_error), NEAP_EREPORTED);
  CHECK_HAS(output[1], "script:1: lost\nstack traceback");
  neap_free(host);
}

/* ---- the rest ---------------------------------------------------------- */

static size_t in_use, most;

static void *counting(void *ud, void *ptr, size_t osize, size_t nsize) {
  CHECK(ud == &in_use);
  in_use += nsize - (ptr ? osize : 0);
  if (in_use > most) most = in_use;
  if (nsize > 0) return realloc(ptr, nsize);
  free(ptr);
  return NULL;
}

static void uses_the_allocator(void) {
  neap_options o = defaults();
  o.allocator = counting;
  o.allocator_ud = &in_use;
  neap_host *host = check_open(&o);
  check_script(host, "local t = {} for i = 1, 1e4 do t[i] = i .. 'x' end "
                     "require('neap').net.pair()");
  CHECK(most > 200000);
  neap_free(host);
  CHECK_EQ(in_use, 0);
}

static void gives_arguments(void) {
  char one[] = "one";
  const char *args[] = {one, "two"};
  neap_options o = defaults();
  o.argc = 2;
  o.argv = args;
  neap_host *host = check_open(&o);
  one[0] = 'X'; /* they are copied */
  check_script(host, "local a, b = ... assert(a == 'one' and b == 'two') "
                     "assert(arg[0] == '=script' and arg[1] == a and #arg == 2)");
  neap_free(host);
}

static void ends_by_force(void) {
  neap_options o = defaults();
  o.grace = 0.02;
  neap_host *host = check_open(&o);
  uint64_t start = uv_hrtime();
  CHECK_EQ(check_run(host,
                     "local neap = require('neap') neap.spawn(function() "
                     "local _ <close> = setmetatable({}, { __close = function() "
                     "forced = true end }) "
                     "while true do pcall(neap.sleep, 1) end end) "
                     "neap.sleep(0) error('x')"),
           NEAP_ESCRIPT);
  CHECK(uv_hrtime() - start < 2000000000);
  CHECK(check_true(host, "return forced"));
  neap_free(host);
}

static void ignores_sigpipe_when_asked(void) {
  neap_options o = defaults();
  struct sigaction now;
  signal(SIGPIPE, SIG_DFL);
  neap_free(check_open(&o));
  sigaction(SIGPIPE, NULL, &now);
  CHECK(now.sa_handler == SIG_DFL);
  o.ignore_sigpipe = 1;
  neap_free(check_open(&o));
  sigaction(SIGPIPE, NULL, &now);
  CHECK(now.sa_handler == SIG_IGN);
}

static void ignores_the_environment_when_asked(void) {
  neap_options o = defaults();
  setenv("LUA_PATH_5_4", "/of/the/user/?.lua", 1);
  neap_host *host = check_open(&o);
  CHECK(check_true(host, "return package.path == '/of/the/user/?.lua'"));
  neap_free(host);
  o.ignore_env = 1;
  host = check_open(&o);
  CHECK(check_true(host, "return not package.path:find('user', 1, true) or "
                         "package.path ~= '/of/the/user/?.lua'"));
  neap_free(host);
}

static const check_case cases[] = {
    {"refuses options of another ABI", refuses_another_abi},
    {"takes a larger struct whose rest is unused", takes_a_larger_struct},
    {"refuses what is out of range and names it",
     refuses_what_is_out_of_range},
    {"hides standard libraries one by one", hides_libraries},
    {"hides the base functions", hides_the_base},
    {"opens no files with the safe libraries", safe_libraries_open_no_files},
    {"hides the inside of neap", hides_the_inside},
    {"lets scripts use some modules of neap", chooses_modules},
    {"lets scripts use no module of neap", modules_may_be_none},
    {"refuses C modules", refuses_c_modules},
    {"refuses bytecode", refuses_bytecode},
    {"sets the paths", sets_the_paths},
    {"asks the application for modules", asks_the_application},
    {"asks nobody but the application", asks_it_alone},
    {"gives what print and io write", gives_output},
    {"gives warnings", gives_warnings},
    {"gives errors that nobody took", gives_errors},
    {"prints such errors when asked", prints_errors_when_asked},
    {"takes all memory from the allocator", uses_the_allocator},
    {"gives arguments to scripts", gives_arguments},
    {"closes by force what outlives the grace", ends_by_force},
    {"ignores SIGPIPE when asked", ignores_sigpipe_when_asked},
    {"ignores the environment when asked", ignores_the_environment_when_asked},
    {NULL, NULL}};

int main(int argc, char **argv) { return check_main(argc, argv, cases); }
