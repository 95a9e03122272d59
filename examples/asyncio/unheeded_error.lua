-- A task that fails, and nobody awaits it: the error is not lost. It is written
-- to stderr at the latest when the program ends, and then the exit status is 1.
-- A callback that looks at the task takes the responsibility over.
--
-- Run: neap examples/asyncio/unheeded_error.lua
-- Prints
--   heeded failed: no such luck
--   the others go on
-- and on stderr "neap: unheeded failed, and nobody took its error: no such
-- luck", with where it was raised.
local neap = require "neap"

local function fail()
  error("no such luck", 0)
end

local function start(name)
  local task = neap.spawn(fail)
  task:set_name(name)
  return task
end

start("unheeded")
start("heeded"):add_done_callback(function(task)
  print(("%s failed: %s"):format(task:name(), task:error()))
end)
neap.sleep(0.02)
print("the others go on")
