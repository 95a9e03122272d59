---@meta _

-- Tasks, groups of them, and what each task has for itself.

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
