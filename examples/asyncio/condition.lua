-- A condition on which five consumers wait: one is notified, then two, then all
-- that are left.
--
-- Run: neap examples/asyncio/condition.lua
-- Prints
--   starting manipulate_condition
--   consumer 0 is waiting
--   consumer 1 is waiting
--   consumer 2 is waiting
--   consumer 3 is waiting
--   consumer 4 is waiting
--   notifying 1 consumers
--   consumer 0 triggered
--   ending consumer 0
--   notifying 2 consumers
--   consumer 1 triggered
--   ending consumer 1
--   consumer 2 triggered
--   ending consumer 2
--   notifying remaining consumers
--   ending manipulate_condition
--   consumer 3 triggered
--   ending consumer 3
--   consumer 4 triggered
--   ending consumer 4
local neap = require "neap"

local condition = neap.sync.condition()

local function consumer(n)
  do
    local _ <close> = condition:guard()
    print(("consumer %d is waiting"):format(n))
    condition:wait()
    print(("consumer %d triggered"):format(n))
  end
  print("ending consumer " .. n)
end

local function manipulate_condition()
  print("starting manipulate_condition")
  neap.sleep(0.02)
  for i = 1, 2 do
    do
      local _ <close> = condition:guard()
      print(("notifying %d consumers"):format(i))
      condition:notify(i)
    end
    neap.sleep(0.02)
  end
  do
    local _ <close> = condition:guard()
    print("notifying remaining consumers")
    condition:notify_all()
  end
  print("ending manipulate_condition")
end

neap.spawn(manipulate_condition)
neap.map({ 0, 1, 2, 3, 4 }, consumer)
