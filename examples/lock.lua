-- A lock: three tasks take turns at something that only one may use, in the
-- order in which they came. The guard releases it, also after an error.
--
-- Run: neap examples/lock.lua
-- Prints
--   first enters
--   first leaves
--   second enters
--   second leaves
--   third enters
--   third leaves
local neap = require "neap"

local lock = neap.sync.lock()

local function use(name)
  local _ <close> = lock:guard()
  print(name .. " enters")
  neap.sleep(0.02)
  print(name .. " leaves")
end

neap.map({ "first", "second", "third" }, use)
