-- An event: several tasks wait for one thing to happen.
--
-- Run: neap examples/event.lua
-- Prints
--   runner 1 is ready
--   runner 2 is ready
--   runner 3 is ready
--   go!
--   runner 1 runs
--   runner 2 runs
--   runner 3 runs
local neap = require "neap"

local start = neap.sync.event()

for i = 1, 3 do
  neap.spawn(function()
    print(("runner %d is ready"):format(i))
    start:wait()
    print(("runner %d runs"):format(i))
  end)
end

neap.sleep(0.02)
print("go!")
start:set()
