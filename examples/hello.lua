-- The smallest program that waits.
--
-- Run: neap examples/hello.lua
-- Prints "hello", and 0.2 s later "world".
local neap = require "neap"

print("hello")
neap.sleep(0.2)
print("world")
