-- What stays as it is when there are many: tasks, timers, waiters. Each prints
-- one figure.
--
--   build/neap bench/scale.lua sleeping N   resident bytes of a sleeping task
--   build/neap bench/scale.lua sleeps N     CPU seconds of N sleeps up to 1 s
--   build/neap bench/scale.lua timers N     ns to add a timer and cancel it
--   build/neap bench/scale.lua switch N     ns of a switch among N tasks
--   build/neap bench/scale.lua spawn N      ns to spawn one beside N others
--   build/neap bench/scale.lua event N      ns to wake one of N on an event
local neap = require("neap")

local function resident()
  local file <close> = assert(io.open("/proc/self/statm"))
  return tonumber(file:read("a"):match("%d+ (%d+)")) * 4096
end

-- CPU nanoseconds of fn for each of n.
local function each(n, fn)
  local start = os.clock()
  fn()
  return (os.clock() - start) / n * 1e9
end

-- n tasks that sleep and keep nothing alive.
local function park(n)
  for _ = 1, n do
    neap.spawn(neap.sleep, 1e6):set_daemon(true)
  end
  neap.sleep(0)
end

local scale = {}

function scale.sleeping(n)
  local before = resident()
  park(n)
  return (resident() - before) / n
end

function scale.sleeps(n)
  local start = os.clock()
  for i = 1, n do
    neap.spawn(neap.sleep, (i * 7919 % 1000 + 1) / 1000)
  end
  neap.sleep(1.1)
  return os.clock() - start
end

function scale.timers(n)
  local function nothing() end
  return each(n, function()
    local handles = {}
    for i = 1, n do
      handles[i] = neap.loop.call_later(i * 7919 % 100000 + 10, nothing)
    end
    for i = 1, n do
      handles[i * 7919 % n + 1]:cancel()
    end
    for i = 1, n do
      handles[i]:cancel()
    end
  end)
end

function scale.switch(n)
  local rounds <const> = math.max(8, 2000000 // n)
  local tasks = {}
  for i = 1, n do
    tasks[i] = neap.spawn(function()
      for _ = 0, rounds do
        neap.sleep(0)
      end
    end)
  end
  neap.sleep(0) -- all have begun
  return each(n * rounds, function()
    neap.gather(tasks)
  end)
end

function scale.spawn(n)
  local function nothing() end
  park(n)
  collectgarbage()
  return each(200000, function()
    for _ = 1, 200000 do
      neap.await(neap.spawn(nothing))
    end
  end)
end

function scale.event(n)
  local rounds <const> = math.max(1, 100000 // n)
  local sum = 0
  for _ = 1, rounds do
    local event, tasks = neap.sync.event(), {}
    for i = 1, n do
      tasks[i] = neap.spawn(event.wait, event)
    end
    neap.sleep(0)
    sum = sum + each(n, function()
      event:set()
      neap.gather(tasks)
    end)
  end
  return sum / rounds
end

local name, n = arg[1], math.tointeger(tonumber(arg[2]))
if not scale[name] or not n then
  io.stderr:write("usage: neap bench/scale.lua sleeping|sleeps|timers|switch|spawn|event N\n")
  os.exit(1)
end
print(("%.3f"):format(scale[name](n)))
os.exit(0)
