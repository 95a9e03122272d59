-- Two processes beside each other. The program starts itself twice, with what
-- each one is to print as arguments, and waits for both.
--
-- Run: neap examples/asyncio/two_processes.lua
-- Prints 0, 1, 2 and a, b, c, mixed as the system runs the two.
local neap = require "neap"

local function child()
  for _, x in ipairs(arg) do
    neap.sleep(0.1)
    print(x)
  end
end

if arg[1] then
  return child()
end

local a <close> = assert(neap.process.spawn { arg[-1], arg[0], "0", "1", "2" })
local b <close> = assert(neap.process.spawn { arg[-1], arg[0], "a", "b", "c" })
a:wait()
b:wait()
