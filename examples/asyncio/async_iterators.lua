-- Iterators whose steps wait: a generator, an object that is called for its next
-- value, and a list built from one. The ordinary `for` is for all of them; the
-- ticker shows that others run meanwhile.
--
-- Run: neap examples/asyncio/async_iterators.lua
-- Prints
--   generator 0
--   tick
--   generator 1
--   tick
--   generator 2
--   tick
--   object 1
--   object 2
--   object 3
--   list 0 1 4 9
local neap = require "neap"

local function async_generator(n)
  return coroutine.wrap(function()
    for i = 0, n - 1 do
      neap.sleep(0.02) -- some work
      coroutine.yield(i)
    end
  end)
end

local ticker = neap.spawn(function()
  neap.sleep(0.03)
  for _ = 1, 3 do
    print("tick")
    neap.sleep(0.02)
  end
end)
for item in async_generator(3) do
  print("generator " .. item)
end
ticker:await()

local AsyncIterable = {}
AsyncIterable.__index = AsyncIterable
function AsyncIterable:__call()
  neap.sleep(0.01)
  self.at = self.at + 1
  return self.data[self.at]
end
for item in setmetatable({ data = { 1, 2, 3 }, at = 0 }, AsyncIterable) do
  print("object " .. item)
end

local squares = {}
for item in async_generator(4) do
  table.insert(squares, item * item)
end
print("list " .. table.concat(squares, " "))
