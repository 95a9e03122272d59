-- Counts the instructions of one operation: the difference of two run lengths
-- under callgrind, divided by the operations between them. The counts repeat,
-- so they are compared with the recorded ones: one that rose by 5 % fails.
--
--   make bench-count               compares with bench/counts.lua
--   make bench-count BENCH=switch  one of them
--   make bench-count BENCH=record  writes the file anew
--
-- Counts belong to a compiler, a Lua and a libuv. Elsewhere than where they
-- were recorded they are printed and compared with nothing.
local NEAP = arg[-1]
local TOLERANCE = 1.05

-- name, operations in the shorter run, target
local OPERATIONS = {
  { "switch", 20000, 600 },
  { "switch_many", 40000 },
  { "spawn", 20000, 1500 },
  { "gather", 20000 },
  { "await_done", 20000, 300 },
  { "lock", 20000, 550 },
  { "lock_contended", 20000 },
  { "queue", 20000, 2500 },
  { "queue_bounded", 20000 },
  { "queue_waiting", 20000, 2500 },
  { "event", 20000 },
  { "timeout", 20000 },
  { "generator", 20000 },
  { "sleepers", 20000 },
  { "echo", 4000, 1800 },
  { "udp_echo", 20000, 1900 },
  { "websocket_echo", 4000 },
  { "http", 4000 },
}

-- Runs a shell command; its output without the last line end, or nil.
local function capture(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local text = pipe:read("a")
  return pipe:close() and text:gsub("%s+$", "") or nil, text
end

local function instructions(text)
  local refs = text and text:match("refs:%s*([%d,]+)")
  return refs and tonumber((refs:gsub(",", "")))
end

-- The same environment and time each run: the seed of Lua's hashes depends on
-- both (on the length of the one), and the counts on it.
local FIXED = os.tmpname()
local VALGRIND = "env -i PATH=/usr/bin:/bin LD_PRELOAD="
  .. FIXED
  .. " valgrind --tool=callgrind --callgrind-out-file=/dev/null"

local function count_operation(name, n)
  local command = ("%s %s bench/ops.lua %s %d"):format(VALGRIND, NEAP, name, n)
  local output, text = capture(command)
  return instructions(output) or error("failed: " .. command .. "\n" .. text, 0)
end

-- The instructions of a server while clients send n messages of 64 bytes.
local function count_server(name, load, clients, n)
  local script = ([[
    log=$(mktemp); port=$(mktemp)
    %s %s bench/%s.lua >"$port" 2>"$log" </dev/null &
    pid=$!
    tries=0
    while [ ! -s "$port" ] && [ $tries -lt 200 ]; do
      sleep 0.05; tries=$((tries + 1))
    done
    build/bench/%s "$(cat "$port")" %d %d 64
    kill -TERM $pid; wait $pid
    cat "$log"; rm -f "$log" "$port"
  ]]):format(VALGRIND, NEAP, name, load, clients, n)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local output, text = capture("sh " .. path)
  os.remove(path)
  return instructions(output) or error("failed: " .. name .. "\n" .. text, 0)
end

-- The program and how many clients it plays.
local LOADS = {
  echo = { "load_echo", 10 },
  udp_echo = { "load_udp", 50 },
  websocket_echo = { "load_websocket", 10 },
  http = { "load_http", 10 },
}

local function measure(name, n)
  local function count(m)
    local load = LOADS[name]
    if load then
      return count_server(name, load[1], load[2], m)
    end
    return count_operation(name, m)
  end
  return (count(2 * n) - count(n)) / n
end

-- What the counts depend on.
local function environment()
  return table.concat({
    capture("cc -dumpfullversion") or "no cc",
    capture("pkg-config --modversion lua5.4") or "Lua ?",
    capture("pkg-config --modversion libuv") or "libuv ?",
    capture("uname -m") or "machine ?",
  }, " ")
end

local function recorded()
  local chunk = loadfile("bench/counts.lua")
  return chunk and chunk() or {}
end

local function write_record(key, counts)
  local file = assert(io.open("bench/counts.lua", "w"))
  file:write("-- Instructions per operation, as bench/count.lua counted them with this\n")
  file:write("-- compiler, Lua, libuv and machine. Written by `make bench-count BENCH=record`.\n")
  file:write("return {\n  environment = ", ("%q"):format(key), ",\n")
  for _, operation in ipairs(OPERATIONS) do
    file:write(("  %s = %d,\n"):format(operation[1], math.floor(counts[operation[1]] + 0.5)))
  end
  file:write("}\n")
  file:close()
end

assert(os.execute("cc -shared -fPIC -o " .. FIXED .. " bench/fixed_time.c"))
local only, key, record = arg[1], environment(), recorded()
local comparable = record.environment == key
local counts, rose = {}, 0
print(("%-16s %12s %10s %10s"):format("operation", "instructions", "recorded", "target"))
for _, operation in ipairs(OPERATIONS) do
  local name, n, target = table.unpack(operation, 1, 3)
  if not only or only == "record" or only == name then
    counts[name] = measure(name, n)
    local before = comparable and record[name]
    local worse = only ~= "record" and before and counts[name] > before * TOLERANCE
    rose = rose + (worse and 1 or 0)
    print(
      ("%-16s %12.0f %10s %10s%s"):format(
        name,
        counts[name],
        before or "-",
        target or "-",
        worse and "  ROSE" or ""
      )
    )
  end
end
if only == "record" then
  write_record(key, counts)
elseif not comparable then
  print("not compared: recorded with " .. tostring(record.environment) .. ", this is " .. key)
end
os.remove(FIXED)
os.exit(rose == 0 and 0 or 1, true)
