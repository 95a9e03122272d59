---@meta neap.testing

--- What specs of programs need: a clock that jumps, a look at what is left over,
--- streams in memory, an order of tasks that is random but repeatable, deadlines.
--- `busted --lua=neap` runs specs whose `it`, `before_each`, ... may wait.
---@class neap.testing
local testing = {}

--- Runs `fn(...)` with a clock that stands still while anything is ready and then
--- jumps to the next timer. What takes real time, such as real sockets and processes,
--- raises `INVALID_STATE` meanwhile.
---
--- ```lua
--- testing.virtual_clock(function()
---   local start = neap.loop.time()
---   neap.sleep(3600)
---   print(("%.0f s"):format(neap.loop.time() - start)) --> 3600 s
--- end)
--- ```
---@async
---@param fn function
---@param ... any  its arguments
---@return any ...
function testing.virtual_clock(fn, ...) end

--- Runs `fn(...)` and fails if tasks, timers, handles or descriptors are left that
--- were not there before. What was closed has the time that closing takes. The error
--- names each, and where it was made.
---
--- ```lua
--- local task
--- local ok, err = pcall(testing.no_leaks, function()
---   task = neap.spawn(neap.sleep, 60)
---   task:set_name("forgotten")
--- end)
--- print(ok, err:match("Task forgotten: waiting on sleep")) --> false Task forgotten: waiting on sleep
--- task:cancel()
--- ```
---@async
---@param fn function
---@param ... any  its arguments
---@return any ...
function testing.no_leaks(fn, ...) end

--- Turns the loop until nothing is ready.
---
--- ```lua
--- local queue = neap.sync.queue()
--- local task = neap.spawn(queue.get, queue)
--- testing.settle()
--- print(task:waiting_on()) --> queue get
--- task:cancel()
--- ```
---@async
function testing.settle() end

--- Two connected Streams in memory, which do all that one over TCP does.
---
--- ```lua
--- local a <close>, b = testing.stream_pair()
--- a:write("hello")
--- print(b:read()) --> hello
--- b:close()
--- ```
---@return neap.Stream a
---@return neap.Stream b
function testing.stream_pair() end

--- Takes ready tasks in a random order, the same for the same seed; `false` ends it.
--- Without a seed it takes that of the environment variable NEAP_SHUFFLE, or a new
--- one. When a spec fails meanwhile, the seed is written to stderr.
---
--- ```lua
--- print(testing.shuffle(1234)) --> 1234
--- testing.shuffle(false)
--- ```
---@param seed? integer|false
---@return integer? seed
function testing.shuffle(seed) end

--- With a function: runs `fn(...)` and returns its results; if it has not ended after
--- so many seconds of the real clock, it is cancelled, and `TIMEOUT` is raised, whose
--- message has the dump of all tasks. Without one, in specs that busted runs: the same
--- for each `it` from now on, in the file or `describe` in which it is called.
---
--- ```lua
--- local ok, err = pcall(testing.deadline, 0.1, neap.sleep, 60)
--- print(ok, err.code) --> false TIMEOUT
--- ```
---@async
---@param seconds number|nil  real ones; nil, without a function, ends it
---@param fn? function
---@param ... any  its arguments
---@return any ...
function testing.deadline(seconds, fn, ...) end

return testing
