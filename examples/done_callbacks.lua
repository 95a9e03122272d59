-- Callbacks that run when a task has ended, and waiting for several tasks: for
-- the first of them, then for all.
--
-- Run: neap examples/done_callbacks.lua
-- Prints
--   done: fast
--   1 done, 2 pending
--   failed: middle
--   done: slow
--   3 done, 0 pending
local neap = require "neap"

local function report(task)
  print((task:error() and "failed: " or "done: ") .. task:name())
end

local function start(name, seconds, err)
  local task = neap.spawn(function()
    neap.sleep(seconds)
    if err then
      error(err)
    end
  end)
  task:set_name(name)
  task:add_done_callback(report)
  return task
end

local tasks = {
  start("slow", 0.3),
  start("fast", 0.1),
  start("middle", 0.2, "it broke"),
}

for _, when in ipairs { "first", "all" } do
  local done, pending = neap.wait(tasks, { when = when })
  neap.sleep(0) -- the callbacks come first
  print(("%d done, %d pending"):format(#done, #pending))
end
