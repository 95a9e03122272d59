--- Queues between tasks: first in first out, last in first out, by priority.
---
--- Tasks that wait in `get` exist only while the queue is empty and open, those
--- in `put` only while it is full and open, so never both. An item goes
--- straight to the first `get` that waits; room goes to the first `put` that
--- waits, whose item enters at once. `_getting` and `_putting` count those who
--- came to wait: they are too high after one was cancelled, and set right by
--- the next wake-up that finds nobody.
---
--- A kind of queue is a pair of methods: `_add` stores an item, `_take` gives
--- the next one. When they raise, nothing has changed.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local heap = require("neap.sync.heap")

local checkwait, settle, waitq = core.checkwait, core.settle, core.waitq

local queue = {}

---@class neap.Queue
---@field private _limit number  most items; math.huge: no limit
---@field private _count integer  items stored
---@field private _unfinished integer  items put for which task_done was not called
---@field private _closed boolean
---@field private _getting integer
---@field private _putting integer
---@field private _getters table
---@field private _putters table
---@field private _joiners table
---@field private _items table
---@field private _head integer
---@field private _tail integer
local Queue = { __name = "Queue" }
Queue.__index = Queue

local function new(class, maxsize, items)
  return setmetatable({
    _limit = maxsize == 0 and math.huge or maxsize,
    _count = 0,
    _unfinished = 0,
    _closed = false,
    _getting = 0,
    _putting = 0,
    _getters = waitq(),
    _putters = waitq(),
    _joiners = waitq(),
    _items = items,
    _head = 1,
    _tail = 0,
  }, class)
end

--- A class that has the methods of Queue, without a second step to find them.
local function subclass()
  local class = {}
  for name, method in pairs(Queue) do
    class[name] = method
  end
  class.__index = class
  return class
end

local function raise_closed()
  error(errors.new("CLOSED", "the queue is closed"), 0)
end

-- ---- putting ---------------------------------------------------------------

--- Hands the item to the first who waits for one, or stores it.
local function accept(self, item)
  if self._getting > 0 then
    if self._getters:wake(item) then
      self._getting = self._getting - 1
      self._unfinished = self._unfinished + 1
      return
    end
    self._getting = 0
  end
  self:_add(item)
  self._unfinished = self._unfinished + 1
end

--- Waits until the one who made room has stored the item, or failed to.
local function put_later(self, item)
  local entry = { item = item }
  self._putting = self._putting + 1
  if not self._putters:park("queue put", entry) then
    raise_closed()
  elseif entry.failed then
    error(entry.err, 0)
  end
end

--- Puts an item, which may be anything but nil; waits while the queue is full.
--- Raises `CLOSED` if the queue is closed, also while it waits.
---@async
---@param ... any  the item
function Queue:put(...)
  local item = ...
  if item == nil then
    args.refuse("put", 1, nil, select("#", ...), "value")
  end
  if self._count >= self._limit and not self._closed then
    return put_later(self, item)
  end
  checkwait()
  if self._closed then
    raise_closed()
  end
  accept(self, item)
  settle()
end

--- The same, never waiting. Raises `QUEUE_FULL` if the queue is full, `CLOSED`
--- if it is closed.
---@param ... any  the item
function Queue:put_nowait(...)
  local item = ...
  if item == nil then
    args.refuse("put_nowait", 1, nil, select("#", ...), "value")
  end
  if self._closed then
    raise_closed()
  elseif self._count >= self._limit then
    error(errors.new("QUEUE_FULL", "the queue is full"), 2)
  end
  accept(self, item)
end

-- ---- getting ---------------------------------------------------------------

--- There is room: stores the item of the first who waits to put one. What
--- `_add` raises then (an order that fails) is that one's error, not ours.
local function admit(self)
  local woken, entry = self._putters:wake(true)
  if not woken then
    self._putting = 0
    return
  end
  self._putting = self._putting - 1
  local ok, err = pcall(self._add, self, entry.item)
  if ok then
    self._unfinished = self._unfinished + 1
  else
    entry.failed, entry.err = true, err
  end
end

--- Takes an item; waits while there is none. When the queue is closed, gives
--- what is left, then nil.
---@async
---@return any? item
function Queue:get()
  if self._count == 0 then
    if self._closed then
      checkwait()
      return nil
    end
    self._getting = self._getting + 1
    return self._getters:park("queue get")
  end
  checkwait()
  local item = self:_take()
  if self._putting > 0 then
    admit(self)
  end
  return settle(item)
end

--- The same, never waiting. Raises `QUEUE_EMPTY` if there is no item, unless
--- the queue is closed.
---@return any? item
function Queue:get_nowait()
  if self._count == 0 then
    if self._closed then
      return nil
    end
    error(errors.new("QUEUE_EMPTY", "the queue is empty"), 2)
  end
  local item = self:_take()
  if self._putting > 0 then
    admit(self)
  end
  return item
end

--- An iterator over items as they come, until the queue is closed and empty.
---@return async fun(): any
function Queue:items()
  return function()
    return self:get()
  end
end

-- ---- the rest --------------------------------------------------------------

--- How many items are in it.
---@return integer
function Queue:qsize()
  return self._count
end

---@return boolean
function Queue:empty()
  return self._count == 0
end

---@return boolean
function Queue:full()
  return self._count >= self._limit
end

--- The most items it takes; 0 if there is no limit.
---@return integer
function Queue:maxsize()
  return math.tointeger(self._limit) or 0
end

--- Says that the work on an item that was taken is done.
--- Raises `INVALID_STATE` when called more often than items were put.
function Queue:task_done()
  if self._unfinished == 0 then
    error(errors.new("INVALID_STATE", "task_done was called too often"), 2)
  end
  self._unfinished = self._unfinished - 1
  if self._unfinished == 0 then
    while self._joiners:wake() do
    end
  end
end

--- Waits until task_done was called for every item that was put.
---@async
function Queue:join()
  if self._unfinished == 0 then
    checkwait()
  else
    self._joiners:park("queue join")
  end
end

--- Ends putting: puts, those that wait too, raise `CLOSED`. Gets give what is
--- left, then nil.
function Queue:close()
  if self._closed then
    return
  end
  self._closed = true
  while self._putters:wake(false) do
  end
  while self._getters:wake(nil) do
  end
end

Queue.__close = Queue.close

function Queue:__tostring()
  local limit = self:maxsize()
  return ("%s: %d%s items%s"):format(self.__name, self._count,
    limit > 0 and " of " .. limit or "", self._closed and ", closed" or "")
end

-- ---- first in, first out ---------------------------------------------------

-- Items lie at _head to _tail.

function Queue:_add(item)
  local tail = self._tail + 1
  self._items[tail] = item
  self._tail = tail
  self._count = self._count + 1
end

function Queue:_take()
  local items, head = self._items, self._head
  local item = items[head]
  items[head] = nil
  if head == self._tail then
    self._head, self._tail = 1, 0
  else
    self._head = head + 1
  end
  self._count = self._count - 1
  return item
end

--- A queue that gives first what was put first.
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue
function queue.fifo(maxsize)
  return new(Queue, args.optional_integer("queue", 1, maxsize, 0, 0), {})
end

-- ---- last in, first out ----------------------------------------------------

local LifoQueue = subclass()
LifoQueue.__name = "LifoQueue"

function LifoQueue:_add(item)
  local count = self._count + 1
  self._items[count] = item
  self._count = count
end

function LifoQueue:_take()
  local count = self._count
  local item = self._items[count]
  self._items[count] = nil
  self._count = count - 1
  return item
end

--- A queue that gives first what was put last.
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue
function queue.lifo(maxsize)
  return new(LifoQueue, args.optional_integer("lifo_queue", 1, maxsize, 0, 0), {})
end

-- ---- by priority -----------------------------------------------------------

local PriorityQueue = subclass()
PriorityQueue.__name = "PriorityQueue"

function PriorityQueue:_add(item)
  local count = self._count + 1
  self._items:push(item, count)
  self._count = count
end

function PriorityQueue:_take()
  local item = self._items:pop(self._count)
  self._count = self._count - 1
  return item
end

--- A queue that gives first what is least; of equals, what was put first.
---@param maxsize? integer  0, the default, is no limit
---@param less? fun(a: any, b: any): boolean  the order; default: `<`, and plain tables by their [1]
---@return neap.Queue
function queue.priority(maxsize, less)
  maxsize = args.optional_integer("priority_queue", 1, maxsize, 0, 0)
  if less ~= nil then
    args.callable("priority_queue", 2, less)
  end
  return new(PriorityQueue, maxsize, heap.new(less or heap.by_priority))
end

return queue
