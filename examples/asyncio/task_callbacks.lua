-- A callback on a task: it gets the task once that has finished, and runs
-- before those go on who wait for the task.
--
-- Run: neap examples/asyncio/task_callbacks.lua
-- Prints
--   1	Task counter: ready
--   count 0
--   count 1
--   count 2
--   in callback: Task counter: done
--   result = 1000
--   2	Task counter: done
local neap = require "neap"

local function count()
  for i = 0, 2 do
    print("count " .. i)
    neap.sleep(0.02)
  end
  return "result = 1000"
end

local function callback(future)
  print("in callback: " .. tostring(future))
  print(future:result())
end

local task = neap.spawn(count)
task:set_name("counter")
task:add_done_callback(callback)
print(1, task)
neap.loop.run_until_complete(task)
print(2, task)
