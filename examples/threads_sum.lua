-- A sum computed by threads while the loop goes on: each part is a function
-- that runs in a Lua state of its own.
--
--   neap examples/threads_sum.lua [parts]
--
-- Prints the sum, and that the loop was free meanwhile.
local neap = require("neap")

local parts, size = tonumber(arg[1]) or 4, 5000000

local function sum(from, to)
  local total = 0
  for i = from, to do
    total = total + i
  end
  return total
end

local ticks = 0
local clock = neap.spawn(function()
  for n in neap.every(0.001) do
    ticks = n
  end
end)

local list = {}
for i = 1, parts do
  list[i] = i
end
local sums = neap.map(list, function(i)
  return neap.thread.run(sum, (i - 1) * size + 1, i * size)
end)

local total = 0
for _, part in ipairs(sums) do
  total = total + part
end
clock:cancel()

print(("the sum of 1 to %d is %d"):format(parts * size, total))
print(ticks > 0 and "the loop was free meanwhile" or "the loop was never free")
