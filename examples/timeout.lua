-- Deadlines: past one, waits inside it raise CANCELLED, which leaves the block
-- as TIMEOUT. Cleanup runs on the way; they nest; what comes in time is kept.
--
-- Run: neap examples/timeout.lua
-- Prints
--   in time: answer
--   cleaning up
--   too late: TIMEOUT
--   the inner one: TIMEOUT
--   the outer one went on
local neap = require "neap"

local function work(seconds)
  local _ <close> = setmetatable({}, {
    __close = function(_, err)
      if err then
        print("cleaning up")
      end
    end,
  })
  neap.sleep(seconds)
  return "answer"
end

print("in time: " .. neap.timeout(1, work, 0.01))

local ok, err = pcall(neap.timeout, 0.02, work, 3600)
print("too late: " .. (ok and "no" or neap.error_code(err)))

print(neap.timeout(1, function()
  local _, inner = pcall(neap.timeout, 0.01, neap.sleep, 3600)
  print("the inner one: " .. neap.error_code(inner))
  return "the outer one went on"
end))
