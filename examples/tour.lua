-- A tour of neap in two seconds: tasks side by side, results gathered, a
-- deadline, a queue with workers, a generator that awaits, sockets.
--
-- Run: neap examples/tour.lua
-- Prints, section by section, what happens and when.
local neap = require "neap"

local start = neap.loop.time()
local function say(text)
  print(("  %.2f s  %s"):format(neap.loop.time() - start, text))
end

print("Two tasks side by side, and what they return")
local function count(name, seconds)
  for i = 1, 3 do
    neap.sleep(seconds)
    say(name .. " " .. i)
  end
  return name .. " is done"
end
local results = neap.gather { neap.spawn(count, "tick", 0.2), neap.spawn(count, "tock", 0.15) }
say(table.concat(results, ", "))

print("A deadline that passes")
say(select(2, pcall(neap.timeout, 0.3, neap.sleep, 3600)))

print("Two workers at one queue")
local jobs = neap.sync.queue(2)
local function work(name)
  for job in jobs:items() do -- until it is closed and empty
    neap.sleep(0.15)
    say(name .. " did " .. job)
  end
end
local workers = { neap.spawn(work, "Ann"), neap.spawn(work, "Bob") }
for _, job in ipairs { "wash", "dry", "fold", "iron" } do jobs:put(job) end -- waits while full
jobs:close()
neap.gather(workers)

print("A generator that awaits: any coroutine is one")
local words = coroutine.wrap(function()
  for _, word in ipairs { "any", "function", "may", "wait" } do
    coroutine.yield(neap.sleep(0.07, word))
  end
end)
for word in words do say(word) end

print("A server, and three clients at the same time")
local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
  local word = stream:readline()
  neap.sleep(0.3)
  stream:write(word:upper(), "\n")
end))
say(table.concat(neap.map({ "one", "two", "three" }, function(word)
  local stream <close> = assert(neap.net.connect("127.0.0.1", server:address().port))
  stream:write(word, "\n")
  return stream:readline()
end), " "))
server:close()
