---@meta _

-- Semaphores.

--- A number of permits.
---@class neap.Semaphore
local Semaphore = {}

--- Waits for a permit and takes it.
---
--- ```lua
--- local semaphore = sync.semaphore(3)
--- semaphore:acquire()
--- print(semaphore:value()) --> 2
--- ```
---@async
function Semaphore:acquire() end

--- Gives a permit back, or to the first who waits. A bounded one raises
--- `INVALID_STATE` when that is too often.
---
--- ```lua
--- local semaphore = sync.semaphore(0)
--- semaphore:release()
--- print(semaphore:value()) --> 1
--- ```
function Semaphore:release() end

--- Whether no permit is free.
---
--- ```lua
--- print(sync.semaphore(0):locked()) --> true
--- ```
---@return boolean
function Semaphore:locked() end

--- How many permits are free.
---
--- ```lua
--- print(sync.semaphore(4):value()) --> 4
--- ```
---@return integer permits
function Semaphore:value() end

--- Acquires it; the object that it returns releases on `<close>` or `close()`.
---
--- ```lua
--- local semaphore = sync.semaphore(1)
--- do
---   local permit <close> = semaphore:guard()
---   print(semaphore:value()) --> 0
--- end
--- print(semaphore:value()) --> 1
--- ```
---@async
---@return neap.Guard guard
function Semaphore:guard() end

--- Runs `fn(...)` with a permit, and returns its results.
---
--- ```lua
--- print(sync.semaphore(1):with(neap.sleep, 1, "rested")) --> rested
--- ```
---@async
---@param fn function
---@param ... any  its arguments
---@return any ...
function Semaphore:with(fn, ...) end
