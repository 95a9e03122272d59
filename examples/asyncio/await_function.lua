-- Functions that wait are simply called: no task, no `await`. Called one after
-- another they wait in turn; as tasks they wait at the same time. What a
-- function awaits may be a future that is set from elsewhere.
--
-- Run: neap examples/asyncio/await_function.lua
-- Prints
--   one waits
--   two waits
--   in turn: one two
--   one waits
--   two waits
--   together: one two
--   the future: three
local neap = require "neap"

local function work(name)
  print(name .. " waits")
  neap.sleep(0.02)
  return name
end

print("in turn: " .. work("one") .. " " .. work("two"))

local names = neap.gather { neap.spawn(work, "one"), neap.spawn(work, "two") }
print("together: " .. table.concat(names, " "))

local future = neap.future()
neap.loop.call_soon(future.set_result, future, "three")
print("the future: " .. neap.await(future))
