-- Two plain generators that one loop drives by turns: scheduling without a
-- scheduler. Each `yield` gives control back to the loop.
--
-- Run: neap examples/asyncio/generators_by_hand.lua
-- Prints
--   0
--   a
--   1
--   b
--   2
--   c
local function numbers()
  for x = 0, 2 do
    print(x)
    coroutine.yield()
  end
end

local function letters()
  for x in ("abc"):gmatch(".") do
    print(x)
    coroutine.yield()
  end
end

local a = coroutine.wrap(numbers)
local b = coroutine.wrap(letters)
for _ = 1, 3 do
  a()
  b()
end
