-- An object of one's own that can be awaited: `__await` is called and may wait;
-- its results are the results. The same object can be iterated over.
--
-- Run: neap examples/asyncio/awaitable_objects.lua
-- Prints
--   awaitable: true false
--   1
--   2
--   3
--   awaited: 3 items
--   gathered: 3 items, one
local neap = require "neap"

local MyAsyncIterable = { __name = "MyAsyncIterable" }
MyAsyncIterable.__index = MyAsyncIterable

function MyAsyncIterable:iter()
  return coroutine.wrap(function()
    for _, item in ipairs(self.data) do
      neap.sleep(0.01)
      coroutine.yield(item)
    end
  end)
end

function MyAsyncIterable:__await()
  local n = 0
  for _ in self:iter() do
    n = n + 1
  end
  return n .. " items"
end

local object = setmetatable({ data = { 1, 2, 3 } }, MyAsyncIterable)
print(("awaitable: %s %s"):format(neap.is_awaitable(object), neap.is_awaitable({})))
for item in object:iter() do
  print(item)
end
print("awaited: " .. neap.await(object))
local results = neap.gather { object, neap.spawn(function() return "one" end) }
print("gathered: " .. table.concat(results, ", "))
