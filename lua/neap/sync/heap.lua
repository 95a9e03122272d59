--- A binary heap that gives the least item first, and of equals the one that
--- came first.
---
--- Where an item belongs is found before anything is moved, because `less` may
--- raise: then nothing has changed. It must not use the heap either: `_changes`
--- counts the changes, and so tells.
local errors = require("neap.errors")

local heap = {}

---@class neap.Heap
---@field private _less fun(a: any, b: any): boolean
---@field private _items any[]  the children of i are at 2i and 2i + 1
---@field private _order integer[]  the number of each item's arrival
---@field private _path integer[]  scratch space of pop
---@field private _arrivals integer
---@field private _changes integer
local Heap = {}
Heap.__index = Heap

--- An empty heap, ordered by `less`.
---@return neap.Heap
function heap.new(less)
  return setmetatable(
    { _less = less, _items = {}, _order = {}, _path = {}, _arrivals = 0, _changes = 0 }, Heap)
end

local function begin_change(self, changes)
  if self._changes ~= changes then
    error(errors.new("INVALID_STATE", "the queue was used while it compared items"), 0)
  end
  self._changes = changes + 1
end

--- Adds an item, the `count`-th.
function Heap:push(item, count)
  local items, order, less, changes = self._items, self._order, self._less, self._changes
  local place = count
  while place > 1 and less(item, items[place // 2]) do
    place = place // 2
  end
  begin_change(self, changes)
  local arrival = self._arrivals + 1
  items[count], order[count] = item, arrival -- may want memory
  self._arrivals = arrival
  while count > place do
    local parent = count // 2
    items[count], order[count] = items[parent], order[parent]
    count = parent
  end
  items[place], order[place] = item, arrival
end

local function before(self, i, j)
  local items, order, less = self._items, self._order, self._less
  if less(items[i], items[j]) then
    return true
  end
  return order[i] < order[j] and not less(items[j], items[i])
end

--- Takes the least of `count` items.
function Heap:pop(count)
  local items, order, path, changes = self._items, self._order, self._path, self._changes
  -- the last item goes to the place of the first, then down along `path`
  local depth, child = 0, 2
  while child < count do
    if child + 1 < count and before(self, child + 1, child) then
      child = child + 1
    end
    if before(self, count, child) then
      break
    end
    depth = depth + 1
    path[depth] = child
    child = child * 2
  end
  begin_change(self, changes)
  local item, place = items[1], 1
  for i = 1, depth do
    items[place], order[place] = items[path[i]], order[path[i]]
    place = path[i]
  end
  items[place], order[place] = items[count], order[count]
  items[count], order[count] = nil, nil
  return item
end

local function has_lt(value)
  local metatable = getmetatable(value)
  if type(metatable) == "table" then
    return metatable.__lt ~= nil
  end
  return metatable ~= nil
end

--- By `<`; plain tables are { priority, value } pairs.
function heap.by_priority(a, b)
  if type(a) == "table" and type(b) == "table" and not has_lt(a) and not has_lt(b) then
    return a[1] < b[1]
  end
  return a < b
end

return heap
