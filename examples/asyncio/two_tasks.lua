-- Two tasks that run beside each other, where another language would take two
-- threads: whoever sleeps lets the other one go on.
--
-- Run: neap examples/asyncio/two_tasks.lua
-- Prints
--   0
--   a
--   1
--   b
--   2
--   c
local neap = require "neap"

local function numbers()
  for x = 0, 2 do
    neap.sleep(0.02)
    print(x)
  end
end

local function letters()
  for x in ("abc"):gmatch(".") do
    neap.sleep(0.02)
    print(x)
  end
end

neap.spawn(numbers)
neap.spawn(letters)
