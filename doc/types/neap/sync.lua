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

-- ---- what is held ----------------------------------------------------------

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

--- A flag that tasks wait for.
---@class neap.Event
local Event = {}

--- Sets the flag and wakes all who wait, also if `clear` follows at once.
---
--- ```lua
--- local event = sync.event()
--- local waiter = neap.spawn(function()
---   event:wait()
---   return "woken"
--- end)
--- neap.sleep(0)
--- event:set()
--- event:clear()
--- print(waiter:await(), event:is_set()) --> woken false
--- ```
function Event:set() end

--- Clears the flag.
---
--- ```lua
--- local event = sync.event()
--- event:set()
--- event:clear()
--- print(event:is_set()) --> false
--- ```
function Event:clear() end

--- Whether the flag is set.
---
--- ```lua
--- local event = sync.event()
--- event:set()
--- print(event:is_set()) --> true
--- ```
---@return boolean
function Event:is_set() end

--- Waits until the flag is set.
---
--- ```lua
--- local event = sync.event()
--- neap.loop.call_later(1, event.set, event)
--- event:wait()
--- print("set") --> set
--- ```
---@async
function Event:wait() end

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

-- ---- Queue -----------------------------------------------------------------

--- Items on their way from tasks that put to tasks that get. An item may be
--- anything but nil.
---@class neap.Queue
local Queue = {}

--- Puts an item; waits while the queue is full. Raises `CLOSED` if it is closed,
--- also while it waits.
---
--- ```lua
--- local queue = sync.queue(1)
--- queue:put("a")
--- neap.loop.call_later(1, queue.get, queue)
--- queue:put("b") -- waits for a second
--- print(queue:get()) --> b
--- ```
---@async
---@param item any
function Queue:put(item) end

--- Puts an item without waiting. Raises `QUEUE_FULL` if the queue is full, `CLOSED`
--- if it is closed.
---
--- ```lua
--- local queue = sync.queue(1)
--- queue:put_nowait("a")
--- print(select(2, pcall(queue.put_nowait, queue, "b")).code) --> QUEUE_FULL
--- ```
---@param item any
function Queue:put_nowait(item) end

--- Takes an item; waits while there is none. Once the queue is closed it gives
--- what is left, then nil.
---
--- ```lua
--- local queue = sync.queue()
--- neap.loop.call_later(1, queue.put, queue, "an item")
--- print(queue:get()) --> an item
--- ```
---@async
---@return any? item
function Queue:get() end

--- Takes an item without waiting. Raises `QUEUE_EMPTY` if there is none, unless the
--- queue is closed.
---
--- ```lua
--- local queue = sync.queue()
--- print(select(2, pcall(queue.get_nowait, queue)).code) --> QUEUE_EMPTY
--- ```
---@return any? item
function Queue:get_nowait() end

--- How many items are in it.
---
--- ```lua
--- local queue = sync.queue()
--- queue:put("a")
--- print(queue:qsize()) --> 1
--- ```
---@return integer count
function Queue:qsize() end

--- Whether no item is in it.
---
--- ```lua
--- print(sync.queue():empty()) --> true
--- ```
---@return boolean
function Queue:empty() end

--- Whether as many items are in it as it takes.
---
--- ```lua
--- local queue = sync.queue(1)
--- queue:put("a")
--- print(queue:full()) --> true
--- ```
---@return boolean
function Queue:full() end

--- The most items it takes; 0 if there is no limit.
---
--- ```lua
--- print(sync.queue(5):maxsize(), sync.queue():maxsize()) --> 5 0
--- ```
---@return integer count
function Queue:maxsize() end

--- Says that the work on an item that was taken is done. Raises `INVALID_STATE`
--- when called more often than items were put.
---
--- ```lua
--- local queue = sync.queue()
--- queue:put("work")
--- queue:get()
--- queue:task_done()
--- print(select(2, pcall(queue.task_done, queue)).code) --> INVALID_STATE
--- ```
function Queue:task_done() end

--- Waits until `task_done` was called for every item that was put.
---
--- ```lua
--- local queue = sync.queue()
--- local worker = neap.spawn(function()
---   for item in queue:items() do
---     neap.sleep(1)
---     print(item) --> a
---     queue:task_done()
---   end
--- end)
--- queue:put("a")
--- queue:join()
--- print("all done") --> all done
--- worker:cancel()
--- ```
---@async
function Queue:join() end

--- Ends putting: puts raise `CLOSED`, those that wait too. Gets give what is left,
--- then nil.
---
--- ```lua
--- local queue = sync.queue()
--- queue:put("last")
--- queue:close()
--- print(queue:get(), queue:get()) --> last nil
--- ```
function Queue:close() end

--- An iterator over items as they come, until the queue is closed and empty.
---
--- ```lua
--- local queue = sync.queue()
--- queue:put(1)
--- queue:put(2)
--- queue:close()
--- local sum = 0
--- for n in queue:items() do sum = sum + n end
--- print(sum) --> 3
--- ```
---@return async fun(): any iterator
function Queue:items() end

return sync
