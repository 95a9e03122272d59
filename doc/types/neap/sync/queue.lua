---@meta _

-- Queues, of all three kinds.

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
