-- A plain coroutine that sleeps between its values: any coroutine is an
-- asynchronous generator, and `for` needs to know nothing of it. Another task
-- runs meanwhile.
--
-- Run: neap examples/generator.lua
-- Prints countdown values and, between them, ticks:
--   3
--   tick
--   2
--   tick
--   1
--   tick
--   lift-off
local neap = require "neap"

local function countdown(from)
  return coroutine.wrap(function()
    for i = from, 1, -1 do
      coroutine.yield(i)
      neap.sleep(0.04)
    end
  end)
end

local ticker = neap.spawn(function()
  neap.sleep(0.02)
  for _ = 1, 3 do
    print("tick")
    neap.sleep(0.04)
  end
end)

for value in countdown(3) do
  print(value)
end
print("lift-off")
neap.await(ticker)
