-- Counts the instructions of one operation: the difference of two run lengths
-- under callgrind, divided by the operations between them. The counts repeat,
-- so they are compared with the recorded ones: one that rose by 5 % fails, or by
-- its own share, where it depends on which thread is first.
--
--   make bench-count               compares with bench/counts.lua
--   make bench-count BENCH=switch  one of them
--   make bench-count BENCH=record  writes the file anew
--
-- Counts belong to a compiler, a Lua and a libuv. Elsewhere than where they
-- were recorded they are printed and compared with nothing.
local NEAP = arg[-1]
local TOLERANCE = 1.05
local MORE = 3 -- times what seems to have risen is counted again

-- name, operations in the shorter run, target, how much it may rise
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
  { "timers", 20000 },
  { "echo", 4000, 1800 },
  { "echo_large", 1000 },
  { "accept", 1600 },
  { "udp_echo", 20000, 1900 },
  { "tls_echo", 2000 },
  { "tls_handshake", 40 },
  { "http", 4000 },
  { "http_route", 1000 },
  { "http_json", 100 },
  { "http_file", 300 },
  { "websocket_echo", 4000 },
  { "http_client", 500 },
  { "copy_lines", 20000 },
  { "read_file", 2000, nil, 1.2 },
  { "process", 240 },
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

-- The instructions of a script that does something n times.
local function count_script(words)
  local command = ("%s %s bench/%s"):format(VALGRIND, NEAP, words)
  local output, text = capture(command)
  return instructions(output) or error("failed: " .. command .. "\n" .. text, 0)
end

local function run_script(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local output, problem = capture("sh " .. path)
  os.remove(path)
  return output, problem
end

-- The server prints its port, and is counted or serves who is counted.
local SERVER <const> = [[
  log=$(mktemp); port=$(mktemp); input=$(mktemp -u)
  mkfifo "$input"; exec 3<>"$input"; rm "$input"
  %s >"$port" 2>"$log" <&3 &
  pid=$!
  tries=0
  while [ ! -s "$port" ] && [ $tries -lt 200 ]; do
    sleep 0.05; tries=$((tries + 1))
  done
  port_file=$port; port=$(cat "$port")
  %s
  kill -TERM $pid; wait $pid
  cat "$log"; rm -f "$log" "$port_file"
]]

local function count_served(server, load)
  local output, text = run_script(SERVER:format(server, load))
  return instructions(output) or error("failed: " .. server .. "\n" .. text, 0)
end

local DIRECTORY = os.tmpname()

-- Prepared by commands, for the others to read.
local function prepare()
  assert(os.execute(([[
    rm -f %s && mkdir %s && cd %s
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -subj /CN=localhost -days 1 -keyout key -out cert 2>/dev/null
    for i in $(seq 4000); do echo $i >$i; done
    head -c 10240 /dev/zero >file
    for i in 20000 40000; do
      seq 100000000 $((100000000 + i - 1)) | sed 's/$/ and the rest of a line of text/' >lines.$i
    done
  ]]):format(DIRECTORY, DIRECTORY, DIRECTORY)))
end

-- A server's script, and a load of n operations.
local SERVERS = {
  echo = { "echo.lua", "load_echo $port 10 N 64" },
  echo_large = { "echo.lua", "load_echo $port 10 N 65536" },
  accept = { "echo.lua", "load_accept $port N" },
  udp_echo = { "udp_echo.lua", "load_udp $port 50 N 64" },
  tls_echo = { "tls_echo.lua DIR/cert DIR/key", "load_tls $port $pid echo N 64" },
  tls_handshake = { "tls_echo.lua DIR/cert DIR/key", "load_tls $port $pid handshake N" },
  http = { "http.lua", "load_http $port 10 N" },
  http_route = { "http.lua", "load_http $port 10 N /items/7" },
  http_json = { "http.lua", "load_http $port 10 N /json" },
  http_file = { "http.lua 0 DIR", "load_http $port 10 N /static/file" },
  websocket_echo = { "websocket_echo.lua", "load_websocket $port 10 N 64" },
}

-- Scripts that are not operations of bench/ops.lua.
local SCRIPTS = {
  timers = "scale.lua timers N",
  copy_lines = "io.lua copy DIR/lines.N",
  read_file = "io.lua read DIR N",
  process = "io.lua spawn N",
}

local function fill(words, n)
  return (words:gsub("%f[%w]DIR%f[%W]", DIRECTORY):gsub("%f[%w]N%f[%W]", tostring(n)))
end

local function count(name, n)
  local server = SERVERS[name]
  if server then
    return count_served(("%s %s bench/%s"):format(VALGRIND, NEAP, fill(server[1], n)),
      "build/bench/" .. fill(server[2], n) .. " >/dev/null")
  elseif name == "http_client" then
    return count_served("build/bench/limits/uv_http 0",
      ('%s %s bench/client.lua "http://127.0.0.1:$port/" %d 1 2>&1'):format(VALGRIND, NEAP, n))
  end
  return count_script(fill(SCRIPTS[name] or "ops.lua " .. name .. " N", n))
end

local function measure(name, n)
  return (count(name, 2 * n) - count(name, n)) / n
end

-- The least of some, until it is not over `most`: what else runs on the machine
-- lets threads wait for each other, which adds and takes nothing away.
local function least(name, n, most)
  local found = measure(name, n)
  for _ = 1, MORE do
    if found <= most then
      break
    end
    found = math.min(found, measure(name, n))
  end
  return found
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

prepare()
assert(os.execute("cc -shared -fPIC -o " .. FIXED .. " bench/fixed_time.c"))
local only, key, record = arg[1], environment(), recorded()
local comparable = record.environment == key
local counts, rose = {}, 0
print(("%-16s %12s %10s %10s"):format("operation", "instructions", "recorded", "target"))
for _, operation in ipairs(OPERATIONS) do
  local name, n, target, tolerance = table.unpack(operation, 1, 4)
  if not only or only == "record" or only == name then
    local before = comparable and record[name]
    local compared = before and only ~= "record"
    local most = compared and before * (tolerance or TOLERANCE) or math.huge
    counts[name] = least(name, n, most)
    local worse = counts[name] > most
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
os.execute("rm -r " .. DIRECTORY)
os.exit(rose == 0 and 0 or 1, true)
