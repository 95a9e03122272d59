-- A function that waits in the middle, run until it is complete.
--
-- Run: neap examples/asyncio/hello.lua
-- Prints
--   Hello world!
--   Hello again!
local neap = require "neap"

local function hello()
  print("Hello world!")
  neap.sleep(0.1)
  print("Hello again!")
end

neap.loop.run_until_complete(hello)
