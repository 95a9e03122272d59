---@meta _

-- Barriers.

--- `n` tasks wait for each other.
---@class neap.Barrier
local Barrier = {}

--- Waits until all are there. Raises `BROKEN_BARRIER` if the barrier is broken or
--- reset meanwhile.
---
--- ```lua
--- local barrier = sync.barrier(2)
--- neap.spawn(function() print("second: " .. barrier:wait()) end)
--- print("first: " .. barrier:wait()) --> second: 2
--- --> first: 1
--- ```
---@async
---@return integer index  the place in the order of arrival, 1 to n
function Barrier:wait() end

--- Raises `BROKEN_BARRIER` in those who wait; the barrier is usable again.
---
--- ```lua
--- local barrier = sync.barrier(2)
--- local waiter = neap.spawn(pcall, barrier.wait, barrier)
--- neap.sleep(0)
--- barrier:reset()
--- print(select(2, waiter:await()).code, barrier:broken()) --> BROKEN_BARRIER false
--- ```
function Barrier:reset() end

--- Breaks the barrier for those who wait and those who come, until `reset`.
---
--- ```lua
--- local barrier = sync.barrier(2)
--- barrier:abort()
--- print(select(2, pcall(barrier.wait, barrier)).code) --> BROKEN_BARRIER
--- ```
function Barrier:abort() end

--- How many tasks it takes.
---
--- ```lua
--- print(sync.barrier(3):parties()) --> 3
--- ```
---@return integer n
function Barrier:parties() end

--- How many wait.
---
--- ```lua
--- local barrier = sync.barrier(2)
--- local waiter = neap.spawn(barrier.wait, barrier)
--- neap.sleep(0)
--- print(barrier:n_waiting()) --> 1
--- waiter:cancel()
--- ```
---@return integer n
function Barrier:n_waiting() end

--- Whether it is broken.
---
--- ```lua
--- print(sync.barrier(3):broken()) --> false
--- ```
---@return boolean
function Barrier:broken() end
