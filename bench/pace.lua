-- What the pace of Lua's collector does to throughput, to the longest pause
-- and to memory, beside tasks that are parked.
--
--   build/neap bench/pace.lua PAUSE PARKED [N]   prints ns, longest ms, MiB
--   build/neap bench/pace.lua                    a table of them
local neap = require("neap")

local function nothing() end

-- N tasks spawned and awaited; CPU seconds, and those of the longest one.
local function spawns(n)
  local clock, spawn, await = os.clock, neap.spawn, neap.await
  local longest, before = 0, clock()
  local start = before
  for _ = 1, n do
    await(spawn(nothing))
    local now = clock()
    if now - before > longest then
      longest = now - before
    end
    before = now
  end
  return before - start, longest
end

local function resident()
  local file <close> = assert(io.open("/proc/self/statm"))
  return tonumber(file:read("a"):match("%d+ (%d+)")) * 4096
end

local function measure(pause, parked, n)
  collectgarbage("setpause", pause)
  for _ = 1, parked do
    neap.spawn(neap.sleep, 1e6):set_daemon(true)
  end
  neap.sleep(0)
  collectgarbage()
  local total, longest = spawns(n)
  print(("%.0f %.2f %.1f"):format(total / n * 1e9, longest * 1e3, resident() / (1 << 20)))
end

local function run(pause, parked, n)
  local child = assert(io.popen(("%s %s %d %d %d"):format(arg[-1], arg[0], pause, parked, n)))
  local ns, longest, mib = child:read("n", "n", "n")
  child:close()
  return { ns = ns, longest = longest, mib = mib }
end

-- Each is the median of five runs by time, interleaved.
local function survey()
  local pauses <const> = { 150, 200, 300, 400, 1000 }
  print(("%8s %6s %8s %12s %8s"):format("parked", "pause", "ns", "longest ms", "MiB"))
  for _, parked in ipairs({ 0, 10000, 100000 }) do
    local runs = {}
    for round = 1, 5 do
      for i, pause in ipairs(pauses) do
        runs[i] = runs[i] or {}
        runs[i][round] = run(pause, parked, 500000)
      end
    end
    for i, pause in ipairs(pauses) do
      table.sort(runs[i], function(a, b)
        return a.ns < b.ns
      end)
      local median = runs[i][3]
      print(("%8d %6d %8.0f %12.2f %8.1f"):format(parked, pause, median.ns, median.longest, median.mib))
    end
  end
end

if arg[1] then
  measure(tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3] or 500000))
  os.exit(0)
else
  survey()
end
