-- Tasks side by side: each number sleeps for its own time, then is printed, so
-- the numbers come out sorted. The program ends when its last task has.
--
-- Run: neap examples/sleep_sort.lua [NUMBER ...]
-- Prints the numbers, least first; without arguments 1 to 5, one per line.
local neap = require "neap"

local numbers = #arg > 0 and arg or { 3, 1, 5, 2, 4 }

for _, number in ipairs(numbers) do
  neap.spawn(function()
    neap.sleep(number * 0.02)
    print(number)
  end)
end
