---@meta _

-- Futures: results that are not there yet.

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
