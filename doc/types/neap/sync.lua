---@meta neap.sync

--- Locks, events, conditions, semaphores, barriers and queues. All are fair: first
--- come, first served, and what is released or put is handed to the first who
--- waits. Cancelling a waiter never loses a wake-up, a permit or an item. Locks
--- have no owner: any task may release them.
---@class neap.sync
local sync = {}

--- A lock, which one task at a time holds.
---
--- ```lua
--- local lock = sync.lock()
--- local held <close> = lock:guard()
--- print(lock:locked()) --> true
--- ```
---@return neap.Lock lock
function sync.lock() end

--- An event: a flag that tasks wait for. It is not set at first.
---
--- ```lua
--- local event = sync.event()
--- neap.loop.call_later(1, event.set, event)
--- event:wait()
--- print(event:is_set()) --> true
--- ```
---@return neap.Event event
function sync.event() end

--- A condition: tasks that hold its lock wait for others to notify them that
--- something has changed. The lock is released while they wait.
---
--- ```lua
--- local condition, items = sync.condition(), {}
--- local taker = neap.spawn(function()
---   local held <close> = condition:guard()
---   condition:wait_for(function() return #items > 0 end)
---   return table.remove(items)
--- end)
--- neap.sleep(1)
--- condition:with(function()
---   table.insert(items, "an item")
---   condition:notify()
--- end)
--- print(taker:await()) --> an item
--- ```
---@param lock? neap.Lock  one of its own by default
---@return neap.Condition condition
function sync.condition(lock) end

--- A semaphore with `n` permits.
---
--- ```lua
--- local semaphore, most, running = sync.semaphore(2), 0, 0
--- neap.map({ 1, 2, 3, 4 }, function()
---   local permit <close> = semaphore:guard()
---   running = running + 1
---   most = math.max(most, running)
---   neap.sleep(1)
---   running = running - 1
--- end)
--- print(most) --> 2
--- ```
---@param n integer
---@return neap.Semaphore semaphore
function sync.semaphore(n) end

--- A semaphore that cannot be released more often than it was acquired.
---
--- ```lua
--- local semaphore = sync.bounded_semaphore(1)
--- print(neap.error_code(select(2, pcall(semaphore.release, semaphore)))) --> INVALID_STATE
--- ```
---@param n integer
---@return neap.Semaphore semaphore
function sync.bounded_semaphore(n) end

--- A barrier, at which `n` tasks wait for each other.
---
--- ```lua
--- local barrier = sync.barrier(2)
--- local other = neap.spawn(barrier.wait, barrier)
--- print(barrier:wait() + other:await()) --> 3
--- ```
---@param n integer  at least 1
---@return neap.Barrier barrier
function sync.barrier(n) end

--- A queue that gives first what was put first.
---
--- ```lua
--- local queue = sync.queue(10)
--- neap.spawn(function()
---   for word in ("to be or not"):gmatch("%a+") do
---     queue:put(word)
---   end
---   queue:close()
--- end)
--- local words = {}
--- for word in queue:items() do table.insert(words, word) end
--- print(table.concat(words, " ")) --> to be or not
--- ```
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue queue
function sync.queue(maxsize) end

--- A queue that gives first what is least; of equals, what was put first. It takes
--- plain tables `{ priority, value }`, or anything that `<` or `less` orders.
---
--- ```lua
--- local queue = sync.priority_queue()
--- queue:put({ 2, "later" })
--- queue:put({ 1, "first" })
--- print(queue:get()[2], queue:get()[2]) --> first later
--- ```
---@param maxsize? integer  0, the default, is no limit
---@param less? fun(a: any, b: any): boolean  whether `a` goes before `b`; it cannot wait
---@return neap.Queue queue
function sync.priority_queue(maxsize, less) end

--- A queue that gives first what was put last.
---
--- ```lua
--- local stack = sync.lifo_queue()
--- stack:put("a")
--- stack:put("b")
--- print(stack:get(), stack:get()) --> b a
--- ```
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue queue
function sync.lifo_queue(maxsize) end

return sync
