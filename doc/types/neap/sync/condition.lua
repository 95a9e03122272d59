---@meta _

-- Conditions.

--- Tasks that hold a lock wait for others to notify them. Each method but
--- `acquire`, `locked`, `guard` and `with` raises `INVALID_STATE` if the lock is
--- not held.
---@class neap.Condition
local Condition = {}

--- Waits until the lock is ours.
---
--- ```lua
--- local condition = sync.condition()
--- condition:acquire()
--- print(condition:locked()) --> true
--- condition:release()
--- ```
---@async
function Condition:acquire() end

--- Releases the lock.
---
--- ```lua
--- local condition = sync.condition()
--- condition:acquire()
--- condition:release()
--- print(condition:locked()) --> false
--- ```
function Condition:release() end

--- Whether the lock is held.
---
--- ```lua
--- print(sync.condition():locked()) --> false
--- ```
---@return boolean
function Condition:locked() end

--- Acquires the lock; the object that it returns releases on `<close>`.
---
--- ```lua
--- local condition = sync.condition()
--- do
---   local held <close> = condition:guard()
---   condition:notify_all()
--- end
--- print(condition:locked()) --> false
--- ```
---@async
---@return neap.Guard guard
function Condition:guard() end

--- Runs `fn(...)` with the lock, and returns its results.
---
--- ```lua
--- local condition = sync.condition()
--- print(condition:with(function() return condition:locked() end)) --> true
--- ```
---@async
---@param fn function
---@param ... any  its arguments
---@return any ...
function Condition:with(fn, ...) end

--- Releases the lock, waits until somebody notifies, and takes the lock back.
---
--- ```lua
--- local condition = sync.condition()
--- local waiter = neap.spawn(condition.with, condition, function()
---   condition:wait()
---   return "notified"
--- end)
--- neap.sleep(1)
--- condition:with(condition.notify, condition)
--- print(waiter:await()) --> notified
--- ```
---@async
function Condition:wait() end

--- Waits until `predicate()`, called with the lock held, gives a true value, and
--- returns that.
---
--- ```lua
--- local condition, count = sync.condition(), 0
--- local waiter = neap.spawn(condition.with, condition, function()
---   return condition:wait_for(function() return count >= 3 and count end)
--- end)
--- for i = 1, 3 do
---   neap.sleep(1)
---   condition:with(function()
---     count = i
---     condition:notify_all()
---   end)
--- end
--- print(waiter:await()) --> 3
--- ```
---@async
---@param predicate fun(): any
---@return any value
function Condition:wait_for(predicate) end

--- Wakes the first `n` of those who wait; they go on once they have the lock.
---
--- ```lua
--- local condition, woken = sync.condition(), 0
--- local waiters = {}
--- for i = 1, 3 do
---   waiters[i] = neap.spawn(condition.with, condition, function()
---     condition:wait()
---     woken = woken + 1
---   end)
--- end
--- neap.sleep(1)
--- condition:with(condition.notify, condition, 2)
--- neap.sleep(1)
--- print(woken) --> 2
--- waiters[3]:cancel()
--- ```
---@param n? integer  1 by default
function Condition:notify(n) end

--- Wakes all who wait.
---
--- ```lua
--- local condition = sync.condition()
--- local function wait_for_it() condition:wait() end
--- local waiters = { neap.spawn(condition.with, condition, wait_for_it), neap.spawn(condition.with, condition, wait_for_it) }
--- neap.sleep(1)
--- condition:with(condition.notify_all, condition)
--- print(neap.gather(waiters).n) --> 2
--- ```
function Condition:notify_all() end
