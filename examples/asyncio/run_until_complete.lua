-- What `run_until_complete` returns: the results of what it is given, be that a
-- function, a task, a future or a wait for several. A script is a task itself,
-- so this only parks it until then.
--
-- Run: neap examples/asyncio/run_until_complete.lua
-- Prints
--   of a function: 1	one
--   of a task: 2	two
--   of a future: 3
--   of several: 4 5
--   an error: it broke
local neap = require "neap"
local run = neap.loop.run_until_complete

local function answer(...)
  neap.sleep(0.01)
  return ...
end

print("of a function: " .. table.concat({ run(function() return answer(1, "one") end) }, "\t"))
print("of a task: " .. table.concat({ run(neap.spawn(answer, 2, "two")) }, "\t"))

local future = neap.future()
neap.loop.call_later(0.01, future.set_result, future, 3)
print("of a future: " .. run(future))

local results = run(function()
  return neap.gather { neap.spawn(answer, 4), neap.spawn(answer, 5) }
end)
print("of several: " .. table.concat(results, " "))

local ok, err = pcall(run, function() error("it broke", 0) end)
print(ok or "an error: " .. err)
