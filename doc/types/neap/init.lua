---@meta neap

--- The host itself: tasks and futures, waiting for several things, timeouts and
--- groups, errors, the program. The other modules are fields of this one, loaded
--- when first used; each can be required by its own name, too.
---
--- Any function that is called in a task may wait, and the main chunk of a script
--- is a task. What the world does (a refused connection, a missing file) is
--- returned as `nil, err`; what the program does is raised.
---@class neap
---@field version string  such as "0.1.0"
---@field features table<string, boolean>  what this build can do: `tls`, `http`, `thread`
---@field stdin neap.Stream  the standard input
---@field stdout neap.Stream  the standard output
---@field stderr neap.Stream  the standard error
---@field fs neap.fs
---@field http neap.http
---@field loop neap.loop
---@field net neap.net
---@field process neap.process
---@field protocol neap.protocol
---@field signal neap.signal
---@field sync neap.sync
---@field testing neap.testing
---@field thread neap.thread
---@field tls neap.tls
local neap = {}

--- What can be awaited: a Future, a Task, a table or userdata with a `__await`
--- metamethod; where several things are waited for, also a function, which is
--- spawned as a task.
---@alias neap.Awaitable neap.Future|neap.Task|function|table

--- An error that neap made. `tostring` gives `CODE: message`; it can be
--- concatenated like a string.
---@class neap.Error
---@operator concat(any): string
---@field code string  the name of an errno such as "ECONNREFUSED", or one of ENOTFOUND, CANCELLED, TIMEOUT, EOF, LIMIT, CLOSED, BUSY, INVALID_STATE, QUEUE_EMPTY, QUEUE_FULL, BROKEN_BARRIER, TLS, HTTP, DEADLOCK
---@field message string  for people
---@field op? string  what was attempted, such as "connect"
---@field host? string
---@field port? integer
---@field path? string
---@field partial? string  with EOF, what came before the end

--- The options of `neap.wait`.
---@class neap.WaitOptions
---@field when? "all"|"first"|"first_error"  what to wait for, "all" by default
---@field timeout? number  seconds

--- The options of `neap.gather`.
---@class neap.GatherOptions
---@field return_errors? boolean  errors stand in the places of results

--- The options of `neap.map`.
---@class neap.MapOptions
---@field limit? integer  how many at a time

--- The options of `neap.as_completed`.
---@class neap.AsCompletedOptions
---@field timeout? number  seconds, from the call

-- ---- tasks -----------------------------------------------------------------

--- A new Task that runs `fn(...)`. It starts after the current task waits or
--- ends, never inside the call; tasks start in the order in which they were
--- spawned.
---
--- ```lua
--- local task = neap.spawn(function(a, b) return a + b end, 2, 3)
--- print(task:await()) --> 5
--- ```
---@param fn function
---@param ... any  its arguments
---@return neap.Task task
function neap.spawn(fn, ...) end

--- A function that, called, spawns `fn` with its arguments and returns the Task.
---
--- ```lua
--- local double = neap.async(function(n)
---   neap.sleep(0.1)
---   return 2 * n
--- end)
--- local a, b = double(4), double(5)
--- print(a:await(), b:await()) --> 8 10
--- ```
---@param fn function
---@return fun(...: any): neap.Task
function neap.async(fn) end

--- Waits for something, and returns all its results or raises its error. What is
--- done already is returned at once. Raises `INVALID_STATE` if a task awaits
--- itself.
---
--- ```lua
--- local later = setmetatable({}, { __await = function() neap.sleep(1) return "now" end })
--- print(neap.await(later)) --> now
--- ```
---@async
---@param awaitable neap.Future|neap.Task|table  a table or userdata has `__await`
---@return any ...
function neap.await(awaitable) end

--- Waits, then returns the other arguments. 0 gives every other ready task one
--- turn; `math.huge` waits until cancelled; less than 0 counts as 0.
---
--- ```lua
--- print(neap.sleep(0.5, "half a second later")) --> half a second later
--- ```
---@async
---@param seconds number  fractions allowed
---@param ... any
---@return any ...
function neap.sleep(seconds, ...) end

--- A pending Future.
---
--- ```lua
--- local answer = neap.future()
--- neap.loop.call_later(1, function() answer:set_result(42) end)
--- print(answer:await()) --> 42
--- ```
---@return neap.Future future
function neap.future() end

--- The running Task, or nil outside of any.
---
--- ```lua
--- neap.current_task():set_name("main")
--- print(neap.current_task():name()) --> main
--- ```
---@return neap.Task? task
function neap.current_task() end

--- All live tasks, oldest first.
---
--- ```lua
--- local before = #neap.tasks()
--- local task = neap.spawn(neap.sleep, 1)
--- print(#neap.tasks() - before) --> 1
--- task:await()
--- ```
---@return neap.Task[] tasks
function neap.tasks() end

--- Whether a value is a Future. A Task is one.
---
--- ```lua
--- print(neap.is_future(neap.future()), neap.is_future("no")) --> true false
--- ```
---@param value any
---@return boolean
function neap.is_future(value) end

--- Whether a value is a Task.
---
--- ```lua
--- print(neap.is_task(neap.current_task()), neap.is_task(neap.future())) --> true false
--- ```
---@param value any
---@return boolean
function neap.is_task(value) end

--- Whether `await` takes a value: a Future, a Task, or what has `__await`.
---
--- ```lua
--- print(neap.is_awaitable(neap.future()), neap.is_awaitable({})) --> true false
--- ```
---@param value any
---@return boolean
function neap.is_awaitable(value) end

--- An iterator from a function that yields. It can be called and closed; `fn` and
--- its cleanup may wait, in the task of the caller. After its end it gives nil;
--- one that never ran is closed without running.
---
--- ```lua
--- local squares <close> = neap.generator(function(yield)
---   for i = 1, math.huge do
---     neap.sleep(1)
---     yield(i * i)
---   end
--- end)
--- print(squares(), squares(), squares()) --> 1 4 9
--- ```
---@param fn fun(yield: fun(...: any))
---@return neap.Generator generator
function neap.generator(fn) end

--- An iterator that gives 1, 2, 3, ... at fixed intervals, without drift: the
--- first after one interval. Those whose time passes while nobody asks are
--- skipped. An interval of 0 is an argument error.
---
--- ```lua
--- for n in neap.every(60) do
---   print("minute " .. n) --> minute 1
---   if n == 2 then break end --> minute 2
--- end
--- ```
---@param seconds number  more than 0
---@return async fun(): integer iterator
function neap.every(seconds) end

--- A variable that has one value in each task. A task gets a copy of the values
--- of the task that spawned it, a callback of the one that registered it.
---
--- ```lua
--- local user = neap.task_local("nobody")
--- local function greet() return "hello " .. user:get() end
--- user:set("ann")
--- print(neap.spawn(greet):await()) --> hello ann
--- ```
---@param default? any  its value where none was set
---@return neap.TaskLocal variable
function neap.task_local(default) end

-- ---- several things --------------------------------------------------------

--- Waits for all of a list at the same time, and returns a table of the first
--- result of each, in order, with their number as `n`. If one fails, those that
--- are pending are cancelled and waited for, and its error is raised. Cancelling
--- the task that gathers cancels the members.
---
--- ```lua
--- local pages = neap.gather {
---   neap.spawn(neap.sleep, 2, "first"),
---   function() return "second" end,
--- }
--- print(pages.n, pages[1], pages[2]) --> 2 first second
--- ```
---@async
---@param list neap.Awaitable[]
---@param options? neap.GatherOptions
---@return table results
function neap.gather(list, options) end

--- `gather` of `fn(item, i)` over a list, at most `limit` at a time.
---
--- ```lua
--- local lengths = neap.map({ "a", "bcd", "ef" }, function(word)
---   neap.sleep(1)
---   return #word
--- end, { limit = 2 })
--- print(table.concat(lengths, " ")) --> 1 3 2
--- ```
---@async
---@param list any[]
---@param fn fun(item: any, i: integer): any
---@param options? neap.MapOptions
---@return table results
function neap.map(list, fn, options) end

--- Waits for all of a list, or until the first has ended or failed, or until the
--- timeout. Cancels nothing, also when it is cancelled itself, and raises nothing
--- of theirs.
---
--- ```lua
--- local slow, fast = neap.spawn(neap.sleep, 5), neap.spawn(neap.sleep, 1)
--- local done, pending = neap.wait({ slow, fast }, { when = "first" })
--- print(#done, done[1] == fast, #pending) --> 1 true 1
--- slow:cancel()
--- ```
---@async
---@param list neap.Awaitable[]
---@param options? neap.WaitOptions
---@return neap.Future[] done  in the order of the list
---@return neap.Future[] pending
function neap.wait(list, options) end

--- An iterator over the members of a list, as futures, in the order in which they
--- end. Past the timeout, once it has given all that have ended, it raises
--- `TIMEOUT`. It cancels nothing.
---
--- ```lua
--- local tasks = { neap.spawn(neap.sleep, 2, "slow"), neap.spawn(neap.sleep, 1, "fast") }
--- for future in neap.as_completed(tasks) do
---   print(future:result()) --> fast
--- end --> slow
--- ```
---@async
---@param list neap.Awaitable[]
---@param options? neap.AsCompletedOptions
---@return async fun(): neap.Future? iterator
function neap.as_completed(list, options) end

--- The results of the first of a list to end, or its error; the others are
--- cancelled and waited for. An empty list is an argument error.
---
--- ```lua
--- print(neap.race { neap.spawn(neap.sleep, 9, "hare"), neap.spawn(neap.sleep, 3, "tortoise") }) --> tortoise
--- ```
---@async
---@param list neap.Awaitable[]
---@return any ...
function neap.race(list) end

--- The results of an awaitable. Past the deadline it is cancelled and waited for,
--- and `TIMEOUT` is raised; if it returns results all the same, they stand, and if
--- it raises another error, that is raised.
---
--- ```lua
--- print(pcall(neap.wait_for, neap.spawn(neap.sleep, 9), 1)) --> false TIMEOUT: not done within 1 s
--- ```
---@async
---@param awaitable neap.Awaitable
---@param seconds number
---@return any ...
function neap.wait_for(awaitable, seconds) end

-- ---- cancellation ----------------------------------------------------------

--- Runs `fn(...)` in the current task and returns its results. Past the deadline
--- waits in it raise `CANCELLED`; where that leaves `fn` it becomes the error
--- `TIMEOUT`, which is raised. If `fn` returns all the same, its results stand.
---
--- ```lua
--- local ok, err = pcall(neap.timeout, 0.5, function()
---   neap.sleep(60)
--- end)
--- print(ok, err.code) --> false TIMEOUT
--- ```
---@async
---@param seconds number
---@param fn function
---@param ... any  its arguments
---@return any ...
function neap.timeout(seconds, fn, ...) end

--- A block that does not end before the tasks that were spawned in it: the
--- variable of a `local group <close>`, or, given a function, a call of it, whose
--- results are returned. A child's error cancels the others and the block's body
--- and is raised from the block; an error of the body cancels the children.
---
--- ```lua
--- local total = 0
--- do
---   local group <close> = neap.task_group()
---   for i = 1, 3 do
---     group:spawn(function()
---       neap.sleep(i)
---       total = total + i
---     end)
---   end
--- end -- waits for the three
--- print(total) --> 6
--- ```
---@async
---@param fn? fun(group: neap.TaskGroup): ...
---@return any ...  the group, or the results of `fn`
function neap.task_group(fn) end

--- Runs `fn(...)` with cancellation and deadlines held back until it returns; or
--- awaits something that goes on when the one who waits for it is cancelled.
---
--- ```lua
--- local task = neap.spawn(function()
---   local ok, err = pcall(neap.sleep, 60)
---   neap.shield(function()
---     neap.sleep(1) -- cleanup that waits
---     print("cleaned up after " .. err.code) --> cleaned up after CANCELLED
---   end)
--- end)
--- neap.sleep(1)
--- task:cancel()
--- neap.wait { task }
--- ```
---@async
---@param what neap.Awaitable  a function, or what is awaited
---@param ... any  arguments of the function
---@return any ...
function neap.shield(what, ...) end

--- Whether an error is neap's own with the code `CANCELLED`.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 60)
--- task:cancel()
--- local ok, err = pcall(neap.await, task)
--- print(neap.is_cancelled(err)) --> true
--- ```
---@param err any
---@return boolean
function neap.is_cancelled(err) end

-- ---- errors ----------------------------------------------------------------

--- Makes an error value, as neap's own functions raise and return them.
---
--- ```lua
--- local err = neap.error("LIMIT", "too many words", { op = "count" })
--- print(err, err.op) --> LIMIT: too many words count
--- ```
---@param code string
---@param message string
---@param fields? table  more fields
---@return neap.Error err
function neap.error(code, message, fields) end

--- The code of an error that neap made; nil for any other value.
---
--- ```lua
--- local _, err = neap.fs.read_file("/no/such/file")
--- print(neap.error_code(err), neap.error_code("a string")) --> ENOENT nil
--- ```
---@param err any
---@return string? code
function neap.error_code(err) end

-- ---- descriptors of other libraries ----------------------------------------

--- Waits until a descriptor of another library can be read, or has ended. It
--- stays as it is, blocking or not. Raises `BUSY` if another task waits for that.
---
--- ```lua
--- local a, b = neap.net.pair()
--- b:write("x")
--- print(neap.wait_readable(a:fileno())) --> true
--- a:close()
--- b:close()
--- ```
---@async
---@param fd integer
---@return true? ok
---@return neap.Error? err
function neap.wait_readable(fd) end

--- Waits until a descriptor of another library can be written. Raises `BUSY` if
--- another task waits for that.
---
--- ```lua
--- local a, b = neap.net.pair()
--- print(neap.wait_writable(a:fileno())) --> true
--- a:close()
--- b:close()
--- ```
---@async
---@param fd integer
---@return true? ok
---@return neap.Error? err
function neap.wait_writable(fd) end

-- ---- the program -----------------------------------------------------------

--- As a module of a stock `lua5.4`: runs `fn(...)` as the main task of a loop,
--- returns its results or raises its error, and cancels and unwinds the tasks
--- that are left. In a running host it raises `INVALID_STATE`.
---
--- ```lua
--- -- with lua5.4 rather than neap
--- print(neap.run(function(name)
---   neap.sleep(0.01)
---   return "hello " .. name
--- end, "Lua")) --> hello Lua
--- ```
---@param fn function
---@param ... any  its arguments
---@return any ...
function neap.run(fn, ...) end

--- Cancels and unwinds everything, the caller too, then ends the program with
--- that status, the first one given. It does not return.
---
--- ```lua
--- neap.spawn(function()
---   local _ <close> = setmetatable({}, { __close = function() print("unwound") end })
---   neap.sleep(60)
--- end)
--- neap.sleep(0.01)
--- neap.exit(0) --> unwound
--- ```
---@param code? integer|boolean  0 by default
function neap.exit(code) end

--- What is going on: counts of `tasks`, of the `ready` ones, of `handles`, `timers`
--- and of the loop's `turns`; `memory` in bytes, `longest_turn` in seconds;
--- `keepers` is what keeps the program alive.
---
--- ```lua
--- local stats = neap.stats()
--- assert(stats.tasks >= 1 and stats.memory > 0)
--- ```
---@return table<string, number> stats
function neap.stats() end

--- A text of all live tasks: name, state, what each waits for, and its traceback.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 60)
--- task:set_name("sleeper")
--- neap.sleep(0)
--- print(neap.dump():match("sleeper: [^\n]*")) --> sleeper: waiting on sleep
--- task:cancel()
--- ```
---@return string text
function neap.dump() end

--- Switches debug mode on or off, and tells whether it was on: warnings of tasks
--- that hold the loop for more than 0.1 s, of what is collected unclosed, and of
--- tasks that still wait when the host closes. `neap --debug` and `NEAP_DEBUG=1`
--- switch it on from the start.
---
--- ```lua
--- local was = neap.debug(true)
--- neap.debug(was)
--- print(was) --> false
--- ```
---@param on? boolean  nil leaves it as it is
---@return boolean was
function neap.debug(on) end

--- Random bytes of the system, fit for secrets.
---
--- ```lua
--- print(#neap.random_bytes(16)) --> 16
--- ```
---@param n integer
---@return string bytes
function neap.random_bytes(n) end

--- How many processors there are.
---
--- ```lua
--- assert(neap.cpu_count() >= 1)
--- ```
---@return integer count
function neap.cpu_count() end

-- ---- Future ----------------------------------------------------------------

--- A value or an error that arrives once. Its results are any number of values,
--- nils included.
---@class neap.Future
local Future = {}

--- Ends it with these results. Raises `INVALID_STATE` if it has ended, or is a
--- Task.
---
--- ```lua
--- local future = neap.future()
--- future:set_result("a", nil, "c")
--- print(future:await()) --> a nil c
--- ```
---@param ... any
function Future:set_result(...) end

--- Ends it with an error, which is any value but nil. Raises `INVALID_STATE` if
--- it has ended, or is a Task.
---
--- ```lua
--- local future = neap.future()
--- future:set_error("no luck")
--- print(pcall(neap.await, future)) --> false no luck
--- ```
---@param err any
function Future:set_error(err) end

--- Cancels it: a plain Future ends at once, a Task gets the error `CANCELLED` out
--- of the call in which it waits, or out of its next wait, and of each one after
--- that. False if it has ended.
---
--- ```lua
--- local future = neap.future()
--- print(future:cancel(), future:cancel()) --> true false
--- ```
---@param message? string  of the error
---@return boolean asked
function Future:cancel(message) end

--- Whether it has ended, in whatever way.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 1)
--- print(task:done()) --> false
--- task:await()
--- print(task:done()) --> true
--- ```
---@return boolean
function Future:done() end

--- Whether it ended by cancellation.
---
--- ```lua
--- local future = neap.future()
--- future:cancel()
--- print(future:cancelled()) --> true
--- ```
---@return boolean
function Future:cancelled() end

--- Its results, without waiting. Raises its error, `CANCELLED` if it was
--- cancelled, `INVALID_STATE` if it is pending.
---
--- ```lua
--- local future = neap.future()
--- print(pcall(future.result, future)) --> false INVALID_STATE: the future has not ended yet
--- future:set_result(1, 2)
--- print(future:result()) --> 1 2
--- ```
---@return any ...
function Future:result() end

--- Its error, nil if it succeeded. Raises `CANCELLED` if it was cancelled,
--- `INVALID_STATE` if it is pending.
---
--- ```lua
--- local future = neap.future()
--- future:set_error("no luck")
--- print(future:error()) --> no luck
--- ```
---@return any err
function Future:error() end

--- Calls `fn(future)` from the loop when it has ended, in a task of its own; on
--- the next turn if it has ended already. Callbacks run in the order in which they
--- were added.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 1, "done")
--- task:add_done_callback(function(ended)
---   print("callback: " .. ended:result()) --> callback: done
--- end)
--- neap.sleep(2)
--- ```
---@param fn fun(future: neap.Future)
function Future:add_done_callback(fn) end

--- Takes a callback back.
---
--- ```lua
--- local future = neap.future()
--- future:add_done_callback(print)
--- print(future:remove_done_callback(print)) --> 1
--- ```
---@param fn fun(future: neap.Future)
---@return integer count  how many were removed
function Future:remove_done_callback(fn) end

--- Waits for it: `neap.await` as a method.
---
--- ```lua
--- print(neap.spawn(neap.sleep, 1, "a"):await()) --> a
--- ```
---@async
---@return any ...
function Future:await() end

-- ---- Task ------------------------------------------------------------------

--- A function that runs as a coroutine of the loop. An error that leaves it ends
--- this task alone; if nobody ever retrieves it, the exception handler gets it.
---@class neap.Task: neap.Future
local Task = {}

--- Its name, `task-N` unless it was set.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 0)
--- task:set_name("brief")
--- print(task:name()) --> brief
--- ```
---@return string name
function Task:name() end

--- Gives it another name.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 0)
--- task:set_name("brief")
--- print(task) --> Task brief: ready
--- ```
---@param name string
function Task:set_name(name) end

--- What it is doing.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 1)
--- print(neap.current_task():status(), task:status()) --> running ready
--- task:await()
--- print(task:status()) --> done
--- ```
---@return "ready"|"running"|"waiting"|"done" status
function Task:status() end

--- A short text of what it waits for, such as `sleep` or `tcp read 127.0.0.1:80`;
--- nil if it does not wait.
---
--- ```lua
--- local queue = neap.sync.queue()
--- local task = neap.spawn(queue.get, queue)
--- neap.sleep(0)
--- print(task:waiting_on()) --> queue get
--- task:cancel()
--- ```
---@return string? text
function Task:waiting_on() end

--- Where a live task is, or where a failed one failed; nil for others.
---
--- ```lua
--- local function nap() neap.sleep(60) end
--- local task = neap.spawn(nap)
--- neap.sleep(0)
--- assert(task:traceback():find("sleep", 1, true))
--- task:cancel()
--- ```
---@return string? text
function Task:traceback() end

--- A daemon does not keep the program alive; it is cancelled at the end.
---
--- ```lua
--- local task = neap.spawn(function()
---   for n in neap.every(10) do print(n) end
--- end)
--- task:set_daemon(true)
--- neap.sleep(10) --> 1
--- task:cancel()
--- ```
---@param on boolean
function Task:set_daemon(on) end

-- ---- TaskGroup -------------------------------------------------------------

--- What `neap.task_group` gives: a block that waits for its tasks.
---@class neap.TaskGroup
local TaskGroup = {}

--- A Task of the group, which runs `fn(...)`. One that is spawned into a cancelled
--- group ends without running. Raises `INVALID_STATE` after the group's end.
---
--- ```lua
--- local ok, err = pcall(neap.task_group, function(group)
---   group:spawn(neap.sleep, 60)
---   group:spawn(function() error("no luck", 0) end)
--- end)
--- print(ok, err) --> false no luck
--- ```
---@param fn function
---@param ... any  its arguments
---@return neap.Task task
function TaskGroup:spawn(fn, ...) end

--- Cancels the children and the block's body. In the function form that is no
--- error outside.
---
--- ```lua
--- neap.task_group(function(group)
---   group:spawn(neap.sleep, 60)
---   group:cancel()
--- end)
--- print("at once") --> at once
--- ```
function TaskGroup:cancel() end

-- ---- Generator -------------------------------------------------------------

--- What `neap.generator` gives: call it for the next values, or use it in a
--- generic `for`. A call raises `BUSY` while another task waits in its function.
---@class neap.Generator
---@overload async fun(): ...
local Generator = {}

--- Ends it: its function is unwound, in the task that closes, held back from
--- cancellation. Raises what the cleanup raises, but never `CANCELLED`.
---
--- ```lua
--- local lines = neap.generator(function(yield)
---   local _ <close> = setmetatable({}, { __close = function() print("cleanup") end })
---   yield("one")
--- end)
--- print(lines()) --> one
--- lines:close() --> cleanup
--- print(lines()) --> nil
--- ```
---@async
function Generator:close() end

-- ---- TaskLocal -------------------------------------------------------------

--- A variable that has one value in each task.
---@class neap.TaskLocal
local TaskLocal = {}

--- Its value in this task.
---
--- ```lua
--- local depth = neap.task_local(0)
--- print(depth:get()) --> 0
--- ```
---@return any value
function TaskLocal:get() end

--- Sets its value in this task; other tasks that live already do not see it.
---
--- ```lua
--- local depth = neap.task_local(0)
--- neap.spawn(function() depth:set(1) end):await()
--- print(depth:get()) --> 0
--- ```
---@param value any
function TaskLocal:set(value) end

return neap
