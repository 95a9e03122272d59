-- Several tasks at once: `wait` returns the list of those that are done and the
-- list of those that are pending. The first one has a callback.
--
-- Run: neap examples/asyncio/wait_tasks.lua
-- Prints
--   true	false
--   a 0
--   b 0
--   b 1
--   b 2
--   (done = {Task b: done}, pending = {Task a: waiting on sleep})
--   a 1
--   a is done: a.finished
--   (done = {Task a: done, Task b: done}, pending = {})
local neap = require "neap"

local function a()
  for x = 0, 1 do
    print("a " .. x)
    neap.sleep(0.02)
  end
  return "a.finished"
end

local function b()
  for x = 0, 2 do
    print("b " .. x)
    neap.sleep(0) -- only lets the others run
  end
  return "b.finished"
end

local function show(tasks)
  local texts = {}
  for i, task in ipairs(tasks) do
    texts[i] = tostring(task)
  end
  return "{" .. table.concat(texts, ", ") .. "}"
end

local tasks = { neap.spawn(a), neap.spawn(b) }
tasks[1]:set_name("a")
tasks[2]:set_name("b")
tasks[1]:add_done_callback(function(task) print("a is done: " .. task:result()) end)
print(neap.is_task(tasks[1]), neap.is_task(a))

for _, when in ipairs { "first", "all" } do
  local done, pending = neap.wait(tasks, { when = when })
  print(("(done = %s, pending = %s)"):format(show(done), show(pending)))
end
