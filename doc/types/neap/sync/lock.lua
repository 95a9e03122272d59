---@meta _

-- Locks, and what holds them.

--- What `guard` gives: it releases what was acquired.
---@class neap.Guard
local Guard = {}

--- Releases; does nothing the second time. `<close>` does the same.
---
--- ```lua
--- local lock = sync.lock()
--- local guard = lock:guard()
--- guard:close()
--- print(lock:locked()) --> false
--- ```
function Guard:close() end

--- One task at a time holds it, in the order in which they came.
---@class neap.Lock
local Lock = {}

--- Waits until the lock is ours.
---
--- ```lua
--- local lock = sync.lock()
--- lock:acquire()
--- print(lock:locked()) --> true
--- lock:release()
--- ```
---@async
function Lock:acquire() end

--- Hands it to the first who waits. Any task may do that. Raises `INVALID_STATE`
--- if it is not held.
---
--- ```lua
--- local lock = sync.lock()
--- lock:acquire()
--- lock:release()
--- print(pcall(lock.release, lock)) --> false INVALID_STATE: the lock is not held
--- ```
function Lock:release() end

--- Whether it is held.
---
--- ```lua
--- print(sync.lock():locked()) --> false
--- ```
---@return boolean
function Lock:locked() end

--- Acquires it; the object that it returns releases on `<close>` or `close()`.
---
--- ```lua
--- local lock = sync.lock()
--- do
---   local held <close> = lock:guard()
---   print(lock:locked()) --> true
--- end
--- print(lock:locked()) --> false
--- ```
---@async
---@return neap.Guard guard
function Lock:guard() end

--- Runs `fn(...)` while it is held, and returns its results.
---
--- ```lua
--- print(sync.lock():with(math.max, 3, 7)) --> 7
--- ```
---@async
---@param fn function
---@param ... any  its arguments
---@return any ...
function Lock:with(fn, ...) end
