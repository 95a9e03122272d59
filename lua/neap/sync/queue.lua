--- Queues between tasks: first in first out, last in first out, by priority.
--- What they do is core's queue.c, whose hot functions are fields of the queue
--- itself.
local args = require("neap.args")
local core = require("neap.core")
local heap = require("neap.sync.heap")

local queue = {}

---@class neap.Queue
---@field put async fun(self: neap.Queue, item: any)  puts an item, which may be anything but
--- nil; waits while the queue is full; raises `CLOSED` if it is closed, also while it waits
---@field get async fun(self: neap.Queue): any?  takes an item; waits while there is none; when
--- the queue is closed, gives what is left, then nil
---@field put_nowait fun(self: neap.Queue, item: any)  raises `QUEUE_FULL` if the queue is full,
--- `CLOSED` if it is closed
---@field get_nowait fun(self: neap.Queue): any?  raises `QUEUE_EMPTY` if there is no item,
--- unless the queue is closed
---@field private _core table
---@field private _maxsize integer
local Queue = { __name = "Queue" }
Queue.__index = Queue

--- A class with the methods of Queue, found without a second step.
local function subclass(name)
  local class = {}
  for key, value in pairs(Queue) do
    class[key] = value
  end
  class.__name, class.__index = name, class
  return class
end

local function new(class, maxsize, kind, items)
  local self = core.queue(class, maxsize, kind, items)
  self._maxsize = maxsize
  return self
end

--- An iterator over items as they come, until the queue is closed and empty.
---@return async fun(): any
function Queue:items()
  return function()
    return self:get()
  end
end

--- How many items are in it.
---@return integer
function Queue:qsize()
  return self._core:size()
end

---@return boolean
function Queue:empty()
  return self._core:size() == 0
end

---@return boolean
function Queue:full()
  return self._maxsize > 0 and self._core:size() >= self._maxsize
end

--- The most items it takes; 0 if there is no limit.
---@return integer
function Queue:maxsize()
  return self._maxsize
end

--- Says that the work on an item that was taken is done.
--- Raises `INVALID_STATE` when called more often than items were put.
function Queue:task_done()
  self._core:task_done()
end

--- Waits until task_done was called for every item that was put.
---@async
function Queue:join()
  self._core:join()
end

--- Ends putting: puts, those that wait too, raise `CLOSED`. Gets give what is
--- left, then nil.
function Queue:close()
  self._core:close()
end

Queue.__close = Queue.close

function Queue:__tostring()
  return ("%s: %d%s items%s"):format(getmetatable(self).__name, self:qsize(),
    self._maxsize > 0 and " of " .. self._maxsize or "", self._core:closed() and ", closed" or "")
end

--- A queue that gives first what was put first.
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue
function queue.fifo(maxsize)
  return new(Queue, args.optional_integer("queue", 1, maxsize, 0, 0), "first", {})
end

local LifoQueue = subclass("LifoQueue")

--- A queue that gives first what was put last.
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue
function queue.lifo(maxsize)
  return new(LifoQueue, args.optional_integer("lifo_queue", 1, maxsize, 0, 0), "last", {})
end

local PriorityQueue = subclass("PriorityQueue")

--- A queue that gives first what is least; of equals, what was put first.
---@param maxsize? integer  0, the default, is no limit
---@param less? fun(a: any, b: any): boolean  the order, which cannot wait; default: `<`, and
--- plain tables by their [1]
---@return neap.Queue
function queue.priority(maxsize, less)
  maxsize = args.optional_integer("priority_queue", 1, maxsize, 0, 0)
  if less ~= nil then
    args.callable("priority_queue", 2, less)
  end
  return new(PriorityQueue, maxsize, "least", heap.new(less or heap.by_priority))
end

return queue
