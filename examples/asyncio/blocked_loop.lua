-- A task that computes for long without a wait blocks the loop: nobody else runs
-- meanwhile. Debug mode finds it. It can also be switched on from outside, with
-- `neap --debug` or NEAP_DEBUG=1.
--
-- Run: neap examples/asyncio/blocked_loop.lua
-- Prints
--   ticking
--   computing
--   computed
--   tick
-- and on stderr "neap: warning: busy held the loop for 0.150 s, without a wait",
-- with the place where the task was spawned.
local neap = require "neap"

neap.debug(true)

local function tick()
  print("ticking")
  neap.sleep(0.01)
  print("tick") -- late
end

local function compute()
  print("computing")
  local start = os.clock()
  repeat until os.clock() - start > 0.15
  print("computed")
end

neap.spawn(tick)
neap.spawn(compute):set_name("busy")
