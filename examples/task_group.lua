-- A task group: the block ends when all its tasks have. If one fails, the others
-- are cancelled and waited for, and its error leaves the block.
--
-- Run: neap examples/task_group.lua
-- Prints
--   one is done
--   two is done
--   both are done
--   slow is cancelled
--   the group failed: broken
local neap = require "neap"

local function work(name, seconds)
  local ok, err = pcall(neap.sleep, seconds)
  print(name .. (ok and " is done" or " is cancelled"))
  if not ok then
    error(err, 0)
  end
end

do
  local group <close> = neap.task_group()
  group:spawn(work, "two", 0.04)
  group:spawn(work, "one", 0.02)
end
print("both are done")

local _, err = pcall(neap.task_group, function(group)
  group:spawn(work, "slow", 3600)
  group:spawn(function()
    neap.sleep(0.02)
    error("broken", 0)
  end)
end)
print("the group failed: " .. err)
