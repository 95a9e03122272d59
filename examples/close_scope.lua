-- Cleanup that waits: the <close> handler of an object may sleep, write or
-- await, when its block ends, when an error leaves it, and, where it says so
-- with `shield`, when its task is cancelled.
--
-- Run: neap examples/close_scope.lua
-- Prints
--   open normal
--   closed normal
--   open failing
--   closed failing
--   error: oops
--   open cancelled
--   closed cancelled
local neap = require "neap"

local function session(name)
  print("open " .. name)
  return setmetatable({}, {
    __close = function()
      neap.shield(neap.sleep, 0.02) -- saying goodbye takes a while
      print("closed " .. name)
    end,
  })
end

do
  local _ <close> = session("normal")
end

local _, err = pcall(function()
  local _ <close> = session("failing")
  error("oops", 0)
end)
print("error: " .. err)

local task = neap.spawn(function()
  local _ <close> = session("cancelled")
  neap.sleep(3600)
end)
neap.sleep(0.02)
task:cancel()
