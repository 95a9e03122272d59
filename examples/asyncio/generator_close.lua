-- An asynchronous generator that is left early: `neap.generator` makes one that
-- can be closed, and whose cleanup may wait then.
--
-- Run: neap examples/asyncio/generator_close.lua
-- Prints
--   1
--   2
--   cleaned up
--   after the loop: nil
local neap = require "neap"

local Cleanup = {}
function Cleanup.__close()
  neap.sleep(0.01)
  print("cleaned up")
end

local function count(yield)
  local _ <close> = setmetatable({}, Cleanup)
  for i = 1, math.huge do
    neap.sleep(0.01)
    yield(i)
  end
end

local numbers = neap.generator(count)
for i in numbers do
  print(i)
  if i == 2 then
    break
  end
end
numbers:close() -- or `local numbers <close>`
print("after the loop: " .. tostring(numbers()))
