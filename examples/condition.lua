-- A condition: tasks wait until another one says that something has changed,
-- and go on one at a time, each with the lock.
--
-- Run: neap examples/condition.lua
-- Prints
--   notify 1
--   1 goes on
--   notify 2
--   2 goes on
--   3 goes on
--   notify all
--   4 goes on
--   5 goes on
local neap = require "neap"

local condition = neap.sync.condition()

local waiters = {}
for i = 1, 5 do
  waiters[i] = neap.spawn(function()
    local _ <close> = condition:guard()
    condition:wait()
    print(i .. " goes on")
  end)
end

local function notify(text, method, ...)
  neap.sleep(0.02)
  local _ <close> = condition:guard()
  print("notify " .. text)
  method(condition, ...)
end

notify("1", condition.notify)
notify("2", condition.notify, 2)
notify("all", condition.notify_all)
neap.gather(waiters)
