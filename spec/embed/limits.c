/*
 * limits.c: the limits that an application sets a host.
 */
#include "check.h"

static neap_options defaults(void) {
  neap_options o;
  neap_options_init(&o);
  return o;
}

static void limits_time(void) {
  neap_options o = defaults();
  o.time_limit = 0.05;
  neap_host *host = check_open(&o);
  CHECK_EQ(check_run(host, "local neap = require('neap') "
                           "neap.spawn(function() other = true end) "
                           "neap.sleep(0) "
                           "while true do pcall(function() while true do end "
                           "end) end"),
           NEAP_ESCRIPT);
  CHECK_HAS(neap_error_text(host), "script:1:");
  CHECK(check_true(host, "return other"));
  neap_free(host);
}

static void limits_memory(void) {
  neap_options o = defaults();
  o.memory_limit = 8 << 20;
  neap_host *host = check_open(&o);
  CHECK_EQ(check_run(host, "local t = {} while true do t[#t + 1] = "
                           "('x'):rep(1000) .. #t end"),
           NEAP_ESCRIPT);
  CHECK_HAS(neap_error_text(host), "not enough memory");
  check_script(host, "collectgarbage() return 1");
  neap_free(host);
}

static void limits_tasks(void) {
  neap_options o = defaults();
  o.max_tasks = 10;
  neap_host *host = check_open(&o);
  check_script(host, "local neap = require('neap') local e "
                     "for i = 1, 20 do local ok, err = pcall(neap.spawn, "
                     "neap.sleep, 0) if not ok then e = err end end "
                     "assert(neap.error_code(e) == 'LIMIT')");
  neap_free(host);
}

/* `make(i)` succeeds twice, then says LIMIT, and again when one was undone. */
static void limits_to_two(neap_options o, const char *make) {
  char script[1024];
  neap_host *host = check_open(&o);
  snprintf(script, sizeof script,
           "local neap = require('neap')\n"
           "local function make() %s end\n"
           "local a, b = make(), make()\n"
           "local c, e = make()\n"
           "assert(a and b and not c, 'there is a third')\n"
           "assert(neap.error_code(e) == 'LIMIT', tostring(e))\n"
           "undo(a)\n"
           "for _ = 1, 100 do c = c or make() neap.sleep(0) end\n"
           "assert(c, 'none could follow')\n"
           "undo(b) undo(c)",
           make);
  check_script(host, script);
  neap_free(host);
}

static void limits_handles(void) {
  neap_options o = defaults();
  o.max_handles = 2;
  limits_to_two(o, "undo = function(f) f:close() end "
                   "return neap.fs.open('/dev/null')");
}

static void limits_processes(void) {
  neap_options o = defaults();
  o.max_processes = 2;
  limits_to_two(o, "undo = function(p) p:kill() p:wait() end "
                   "return neap.process.spawn({ 'sleep', '20' })");
}

static void limits_timers(void) {
  neap_options o = defaults();
  o.max_timers = 3; /* one for the sleep(0) of the script, if it takes one */
  neap_host *host = check_open(&o);
  check_script(host, "local neap, e = require('neap') local made = {} "
                     "for i = 1, 10 do local ok, timer = "
                     "pcall(neap.loop.call_later, 100, print) "
                     "if ok then made[#made + 1] = timer else e = timer end end "
                     "assert(#made <= 3 and #made >= 2, #made) "
                     "assert(neap.error_code(e) == 'LIMIT', tostring(e)) "
                     "for _, timer in ipairs(made) do timer:cancel() end "
                     "neap.sleep(0.001)");
  neap_free(host);
}

static void preempts(void) {
  neap_options o = defaults();
  o.preempt = 0.005;
  neap_host *host = check_open(&o);
  check_script(host, "local neap = require('neap') local turns, stop = 0 "
                     "local busy = neap.spawn(function() "
                     "while not stop do end end) "
                     "for i = 1, 3 do neap.sleep(0) turns = turns + 1 end "
                     "stop = true busy:await() assert(turns == 3)");
  neap_free(host);
}

static const check_case cases[] = {{"limits memory", limits_memory},
                                   {"limits time", limits_time},
                                   {"limits tasks", limits_tasks},
                                   {"limits timers", limits_timers},
                                   {"limits handles", limits_handles},
                                   {"limits processes", limits_processes},
                                   {"preempts a task that computes", preempts},
                                   {NULL, NULL}};

int main(int argc, char **argv) { return check_main(argc, argv, cases); }
