-- An event that a callback sets: all who wait for it go on.
--
-- Run: neap examples/asyncio/event.lua
-- Prints
--   event start state: false
--   task 1 waiting for event
--   task 2 waiting for event
--   setting event in callback
--   task 1 triggered
--   task 2 triggered
--   event end state: true
local neap = require "neap"

local event = neap.sync.event()

local function set_event()
  print("setting event in callback")
  event:set()
end

local function waiter(n)
  print(("task %d waiting for event"):format(n))
  event:wait()
  print(("task %d triggered"):format(n))
end

print("event start state: " .. tostring(event:is_set()))
neap.loop.call_later(0.02, set_event)
neap.gather { neap.spawn(waiter, 1), neap.spawn(waiter, 2) }
print("event end state: " .. tostring(event:is_set()))
