---@meta _

-- neap: cancellation, deadlines, groups.

---@class neap
local neap = {}

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
