--- Queues between tasks: first in first out, last in first out, by priority.
---
--- Tasks that wait in `get` exist only while the queue is empty and open, those
--- in `put` only while it is full and open, so never both. An item goes
--- straight to the first `get` that waits; room goes to the first `put` that
--- waits, whose item enters at once. `_getting` and `_putting` count those who
--- came to wait: they are too high after one was cancelled, and set right by
--- the next wake-up that finds nobody.
---
--- The items lie at _head to _tail - 1 of _items. A kind of queue is a pair of
--- methods: `_add` stores an item, `_take` gives the next one; when they raise,
--- nothing has changed. Where nobody waits, `put` and `get` of the plain queue
--- do it themselves. That is the hot path: both are fields of the queue itself,
--- where they are found sooner than in the class, and one comparison with _room
--- tells `put` that it may.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local heap = require("neap.sync.heap")
local waitq = require("neap.sync.waitq")

local park, wake = waitq.park, waitq.wake

--- Comes first in calls that may wait: raises where the task may not, and gives
--- the others a turn after 64 calls that need not have waited.
local begin = core.checkturn

local queue = {}

---@class neap.Queue
---@field private _items table
---@field private _head integer
---@field private _tail integer
---@field private _limit number  most items; math.huge: any number
---@field private _room number  _limit; -1 while gets wait, and once closed
---@field private _closed boolean
---@field private _gone integer  items put that _tail does not count any more
---@field private _done integer  calls of task_done
---@field private _getting integer
---@field private _putting integer
---@field private _getters table
---@field private _putters table
---@field private _joiners table
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

local function new(class, maxsize, items)
  local limit = maxsize == 0 and math.huge or maxsize
  return setmetatable({
    put = class.put,
    get = class.get,
    _items = items,
    _head = 1,
    _tail = 1,
    _limit = limit,
    _room = limit,
    _closed = false,
    _gone = 0,
    _done = 0,
    _getting = 0,
    _putting = 0,
    _getters = waitq.new(),
    _putters = waitq.new(),
    _joiners = waitq.new(),
  }, class)
end

local function raise_closed()
  error(errors.new("CLOSED", "the queue is closed"), 0)
end

-- ---- putting ---------------------------------------------------------------

--- Hands the item to the first who waits for one, or stores it.
local function accept(self, item)
  if self._getting > 0 then
    local handed = wake(self._getters, item)
    self._getting = handed and self._getting - 1 or 0
    if self._getting == 0 then
      self._room = self._limit
    end
    if handed then
      self._gone = self._gone + 1
      return
    end
  end
  self:_add(item)
end

--- `put` where it cannot just store the item.
local function put_slow(self, item)
  if self._closed then
    raise_closed()
  elseif self._tail - self._head < self._limit then
    return accept(self, item)
  end
  -- the one who makes room stores the item, or notes why it could not
  local entry = { item = item }
  self._putting = self._putting + 1
  if not park(self._putters, "queue put", entry) then
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
  begin()
  local tail = self._tail
  if tail - self._head >= self._room then
    return put_slow(self, item)
  end
  self._items[tail] = item
  self._tail = tail + 1
end

--- The same, never waiting. Raises `QUEUE_FULL` if the queue is full, `CLOSED`
--- if it is closed.
---@param ... any  the item
function Queue:put_nowait(...)
  local item = ...
  if item == nil then
    args.refuse("put_nowait", 1, nil, select("#", ...), "value")
  elseif self._closed then
    raise_closed()
  elseif self._tail - self._head >= self._limit then
    error(errors.new("QUEUE_FULL", "the queue is full"), 2)
  end
  accept(self, item)
end

-- ---- getting ---------------------------------------------------------------

--- There is room: stores the item of the first who waits to put one. What
--- `_add` raises then (an order that fails) is that one's error, not ours.
local function admit(self)
  local woken, entry = wake(self._putters, true)
  if not woken then
    self._putting = 0
    return
  end
  self._putting = self._putting - 1
  local ok, err = pcall(self._add, self, entry.item)
  if not ok then
    entry.failed, entry.err = true, err
  end
end

local function take(self)
  local item = self:_take()
  if self._putting > 0 then
    admit(self)
  end
  return item
end

--- `get` where it cannot just take an item.
local function get_slow(self)
  if self._head < self._tail then
    return take(self)
  elseif self._closed then
    return nil
  end
  self._getting = self._getting + 1
  self._room = -1
  return park(self._getters, "queue get")
end

--- Takes an item; waits while there is none. When the queue is closed, gives
--- what is left, then nil.
---@async
---@return any? item
function Queue:get()
  begin()
  local head, tail = self._head, self._tail
  if head == tail or self._putting > 0 then
    return get_slow(self)
  end
  local items = self._items
  local item = items[head]
  items[head] = nil
  head = head + 1
  if head == tail then
    self._gone = self._gone + tail - 1
    self._head, self._tail = 1, 1
  else
    self._head = head
  end
  return item
end

--- The same, never waiting. Raises `QUEUE_EMPTY` if there is no item, unless
--- the queue is closed.
---@return any? item
function Queue:get_nowait()
  if self._head < self._tail then
    return take(self)
  elseif self._closed then
    return nil
  end
  error(errors.new("QUEUE_EMPTY", "the queue is empty"), 2)
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
  return self._tail - self._head
end

---@return boolean
function Queue:empty()
  return self._head == self._tail
end

---@return boolean
function Queue:full()
  return self._tail - self._head >= self._limit
end

--- The most items it takes; 0 if there is no limit.
---@return integer
function Queue:maxsize()
  return math.tointeger(self._limit) or 0
end

--- The items put for which task_done was not called.
local function unfinished(self)
  return self._gone + self._tail - 1 - self._done
end

--- Says that the work on an item that was taken is done.
--- Raises `INVALID_STATE` when called more often than items were put.
function Queue:task_done()
  if unfinished(self) == 0 then
    error(errors.new("INVALID_STATE", "task_done was called too often"), 2)
  end
  self._done = self._done + 1
  if unfinished(self) == 0 then
    while wake(self._joiners) do
    end
  end
end

--- Waits until task_done was called for every item that was put.
---@async
function Queue:join()
  begin()
  if unfinished(self) > 0 then
    park(self._joiners, "queue join")
  end
end

--- Ends putting: puts, those that wait too, raise `CLOSED`. Gets give what is
--- left, then nil.
function Queue:close()
  self._closed, self._room = true, -1
  while wake(self._putters, false) do
  end
  while wake(self._getters, nil) do
  end
end

Queue.__close = Queue.close

function Queue:__tostring()
  local maxsize = self:maxsize()
  return ("%s: %d%s items%s"):format(getmetatable(self).__name, self:qsize(),
    maxsize > 0 and " of " .. maxsize or "", self._closed and ", closed" or "")
end

-- ---- first in, first out ---------------------------------------------------

function Queue:_add(item)
  local tail = self._tail
  self._items[tail] = item
  self._tail = tail + 1
end

function Queue:_take()
  local head = self._head
  local item = self._items[head]
  self._items[head] = nil
  self._head = head + 1
  return item
end

--- A queue that gives first what was put first.
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue
function queue.fifo(maxsize)
  return new(Queue, args.optional_integer("queue", 1, maxsize, 0, 0), {})
end

-- ---- last in, first out ----------------------------------------------------

local LifoQueue = subclass("LifoQueue")

function LifoQueue:get()
  begin()
  return get_slow(self)
end

function LifoQueue:_take()
  local last = self._tail - 1
  local item = self._items[last]
  self._items[last] = nil
  self._tail = last
  self._gone = self._gone + 1
  return item
end

--- A queue that gives first what was put last.
---@param maxsize? integer  0, the default, is no limit
---@return neap.Queue
function queue.lifo(maxsize)
  return new(LifoQueue, args.optional_integer("lifo_queue", 1, maxsize, 0, 0), {})
end

-- ---- by priority -----------------------------------------------------------

local PriorityQueue = subclass("PriorityQueue")
PriorityQueue.get = LifoQueue.get

function PriorityQueue:put(...)
  local item = ...
  if item == nil then
    args.refuse("put", 1, nil, select("#", ...), "value")
  end
  begin()
  put_slow(self, item)
end

function PriorityQueue:_add(item)
  local tail = self._tail
  self._items:push(item, tail)
  self._tail = tail + 1
end

function PriorityQueue:_take()
  local last = self._tail - 1
  local item = self._items:pop(last)
  self._tail = last
  self._gone = self._gone + 1
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
