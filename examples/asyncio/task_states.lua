-- A task printed while it is pending and when it has finished, and its result.
--
-- Run: neap examples/asyncio/task_states.lua
-- Prints
--   1	Task counter: ready
--   count 0
--   count 1
--   count 2
--   2	Task counter: done
--   result = 1000
local neap = require "neap"

local function count()
  for i = 0, 2 do
    print("count " .. i)
    neap.sleep(0.02)
  end
  return "result = 1000"
end

local task = neap.spawn(count)
task:set_name("counter")
print(1, task) -- it has not begun
neap.loop.run_until_complete(task)
print(2, task)
print(task:result())
