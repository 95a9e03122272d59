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

return neap
