-- The same with two threads: each runs its function in a Lua state of its own,
-- so both could compute at the same time. Which of two lines comes first is
-- up to the system.
--
-- Run: neap examples/asyncio/two_threads.lua
-- Prints 0, 1, 2 and, between them, a, b, c.
local neap = require "neap"

local function numbers()
  for x = 0, 2 do
    require("neap").sleep(0.02)
    io.write(x .. "\n") -- in one piece: both write
  end
end

local function letters()
  for x in ("abc"):gmatch(".") do
    require("neap").sleep(0.02)
    io.write(x .. "\n")
  end
end

local first <close> = neap.thread.spawn(numbers)
local second <close> = neap.thread.spawn(letters)
neap.gather { first, second }
