-- Measures speed beside a bare-C limit, interleaved in one run, and prints the
-- ratio of the medians: those repeat better than the figures.
--
--   make bench                    everything
--   make bench BENCH=switch       one of them
--   make bench BENCH="copy 1024"  a copy of so many MiB
local NEAP = arg[-1]
local ROUNDS = 5

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function seconds_of(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("a")
  assert(pipe:close(), command)
  return tonumber(text:match("[%d.]+")) or error("no figure from " .. command)
end

-- name, operations, limit program (nil: none)
local TASKS = {
  { "switch", 2000000, "lua_host switch" },
  { "switch_many", 2000000, "lua_host switch_many" },
  { "spawn", 1000000, "lua_host spawn" },
  { "gather", 1000000, "lua_host gather" },
  { "await_done", 5000000 },
  { "lock", 2000000 },
  { "lock_contended", 1000000 },
  { "queue", 1000000 },
  { "queue_bounded", 1000000 },
  { "event", 1000000 },
  { "timeout", 500000 },
  { "generator", 2000000 },
}

local function bench_tasks(only)
  print(("%-16s %10s %10s %8s"):format("operation", "neap ns", "C ns", "ratio"))
  for _, task in ipairs(TASKS) do
    local name, n, limit = table.unpack(task, 1, 3)
    if not only or only == name then
      local ours, theirs = {}, {}
      for _ = 1, ROUNDS do
        ours[#ours + 1] = seconds_of(("%s bench/ops.lua %s %d"):format(NEAP, name, n)) / n * 1e9
        if limit then
          theirs[#theirs + 1] = seconds_of(("build/bench/limits/%s %d"):format(limit, n)) / n * 1e9
        end
      end
      local mine, other = median(ours), limit and median(theirs)
      print(
        ("%-16s %10.0f %10s %8s"):format(
          name,
          mine,
          other and ("%.0f"):format(other) or "-",
          other and ("%.2f"):format(mine / other) or "-"
        )
      )
    end
  end
end

-- 100 000 sleeps of 0 to 1 s, and the memory of a sleeping task.
local function bench_sleepers()
  local script = "local neap = require('neap') local n = tonumber(arg[1]) "
    .. "for i = 1, n do neap.spawn(neap.sleep, (i * 7919 %% 1000 + 1) / 1000) end "
    .. "neap.sleep(0) local file = io.open('/proc/self/statm') local pages = file:read('a'):match(' (%%d+)') "
    .. "neap.sleep(1.1) print(os.clock(), pages * 4096)"
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write((script:gsub("%%%%", "%%")))
  file:close()
  local ours, theirs, bytes = {}, {}, {}
  for _ = 1, ROUNDS do
    local function run(n)
      local pipe = assert(io.popen(("%s %s %d"):format(NEAP, path, n), "r"))
      local cpu, rss = pipe:read("a"):match("([%d.]+)%s+([%d.]+)")
      pipe:close()
      return tonumber(cpu), tonumber(rss)
    end
    local _, empty = run(0)
    local cpu, full = run(100000)
    ours[#ours + 1] = cpu
    bytes[#bytes + 1] = (full - empty) / 100000
    theirs[#theirs + 1] = seconds_of("build/bench/limits/uv_sleepers 100000")
  end
  os.remove(path)
  local mine, other = median(ours), median(theirs)
  print(
    ("%-16s %10.3f %10.3f %8.2f  CPU s; %d bytes a sleeping task"):format(
      "100000 sleeps",
      mine,
      other,
      mine / other,
      median(bytes) // 1
    )
  )
end

-- Echo: thousands of messages per second of the server's own CPU time.
local function echo_rate(server, load, connections, bytes, messages)
  local script = ([[
    port=$(mktemp); input=$(mktemp -u); mkfifo "$input"
    taskset -c 0 %s 0 <"$input" >"$port" &
    pid=$!
    exec 3>"$input"
    tries=0
    while [ ! -s "$port" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    taskset -c 1 build/bench/%s "$(cat "$port")" %d %d %d $pid
    exec 3>&-
    kill -TERM $pid; wait $pid 2>/dev/null
    rm -f "$port" "$input"
  ]]):format(server, load, connections, messages, bytes)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local pipe = assert(io.popen("sh " .. path, "r"))
  local text = pipe:read("a")
  pipe:close()
  os.remove(path)
  local last
  for figure in text:gmatch("[%d.]+") do
    last = tonumber(figure)
  end
  return last or error("no figure from the load: " .. text)
end

-- Two commands that print seconds: the medians and their ratio.
local function compare(name, ours, theirs)
  local mine, other = {}, {}
  for _ = 1, ROUNDS do
    mine[#mine + 1] = seconds_of(ours)
    other[#other + 1] = seconds_of(theirs)
  end
  local a, b = median(mine), median(other)
  print(("%-24s %9.3f %9.3f %8.2f"):format(name, a, b, a / b))
end

-- Runs fn with a directory of its own.
local function in_directory(fn)
  local pipe = assert(io.popen("mktemp -d", "r"))
  local dir = pipe:read()
  pipe:close()
  fn(dir)
  os.execute("rm -r " .. dir)
end

-- A file of lines of 10 to 110 bytes.
local function write_lines(path, mebibytes)
  local file, size = assert(io.open(path, "w")), 0
  local text = ("x"):rep(110)
  math.randomseed(1)
  while size < mebibytes << 20 do
    local n = math.random(10, 110)
    file:write(text:sub(1, n), "\n")
    size = size + n + 1
  end
  file:close()
end

local function bench_copy(mebibytes)
  in_directory(function(dir)
    write_lines(dir .. "/lines", mebibytes)
    compare(("copy %d MiB by lines"):format(mebibytes),
      ("%s bench/io.lua copy %s/lines"):format(NEAP, dir),
      ("%s bench/io.lua plain_copy %s/lines"):format(NEAP, dir))
  end)
end

local function bench_files()
  in_directory(function(dir)
    for i = 1, 10000 do
      local file = assert(io.open(dir .. "/" .. i, "w"))
      file:write(("y"):rep(1000))
      file:close()
    end
    for name, at_once in pairs({ read = 1, read_many = 16 }) do
      compare(("10000 files, %d at once"):format(at_once),
        ("%s bench/io.lua %s %s 10000"):format(NEAP, name, dir),
        ("build/bench/limits/uv_files %s 10000 %d"):format(dir, at_once))
    end
  end)
end

local function bench_spawn()
  compare("1000 times true", NEAP .. " bench/io.lua spawn 1000", "build/bench/limits/uv_spawn 1000")
end

local ECHOES = {
  { "echo", "uv_echo", "load_echo", 1, 64, 50000 },
  { "echo", "uv_echo", "load_echo", 50, 64, 200000 },
  { "echo", "uv_echo", "load_echo", 500, 64, 200000 },
  { "echo", "uv_echo", "load_echo", 50, 65536, 10000 },
  { "udp_echo", "uv_udp_echo", "load_udp", 1, 64, 50000 },
  { "udp_echo", "uv_udp_echo", "load_udp", 50, 64, 200000 },
}

-- WebSockets have no counterpart in C here.
local function bench_websocket()
  print(("\n%-24s %10s"):format("websocket echo", "neap k/s"))
  for _, case in ipairs({ { 50, 64, 100000 }, { 1000, 64, 100000 }, { 50, 65536, 5000 } }) do
    local connections, bytes, messages = table.unpack(case)
    local ours = {}
    for _ = 1, ROUNDS do
      ours[#ours + 1] = echo_rate(NEAP .. " bench/websocket_echo.lua", "load_websocket", connections, bytes, messages)
    end
    print(("%-24s %10.1f"):format(("%d x %d B"):format(connections, bytes), median(ours)))
  end
end

local function bench_echo(only)
  print(("\n%-24s %10s %10s %8s"):format("echo", "neap k/s", "uv k/s", "ratio"))
  for _, case in ipairs(ECHOES) do
    local name, limit, load, connections, bytes, messages = table.unpack(case)
    if not only or only == name then
      local ours, theirs = {}, {}
      for _ = 1, ROUNDS do
        ours[#ours + 1] = echo_rate(("%s bench/%s.lua"):format(NEAP, name), load, connections, bytes, messages)
        theirs[#theirs + 1] = echo_rate("build/bench/limits/" .. limit, load, connections, bytes, messages)
      end
      local mine, other = median(ours), median(theirs)
      local title = ("%s %d x %d B"):format(name, connections, bytes)
      print(("%-24s %10.1f %10.1f %8.2f"):format(title, mine, other, mine / other))
    end
  end
end

-- A web server under wrk: thousands of requests per second of its CPU time.
local function http_rate(server, connections, path)
  local script = ([[
    port=$(mktemp); input=$(mktemp -u); mkfifo "$input"
    taskset -c 0 %s <"$input" >"$port" &
    pid=$!
    exec 3>"$input"
    tries=0
    while [ ! -s "$port" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    cpu() { cut -d' ' -f14,15 /proc/$pid/stat | tr ' ' '+'; }
    before=$(cpu)
    taskset -c 1 wrk -t1 -c%d -d2 http://127.0.0.1:$(cat "$port")%s
    echo "ticks $(( $(cpu) - ($before) ))"
    exec 3>&-
    kill -TERM $pid; wait $pid 2>/dev/null
    rm -f "$port" "$input"
  ]]):format(server, connections, path)
  local file = os.tmpname()
  local out = assert(io.open(file, "w"))
  out:write(script)
  out:close()
  local pipe = assert(io.popen("sh " .. file, "r"))
  local text = pipe:read("a")
  pipe:close()
  os.remove(file)
  local requests = tonumber(text:match("(%d+) requests in"))
  local ticks = tonumber(text:match("ticks (%d+)"))
  return requests / (ticks / 100) / 1000
end

local function bench_http()
  print(("\n%-24s %10s %10s %8s"):format("http under wrk", "neap k/s", "uv k/s", "ratio"))
  for _, connections in ipairs({ 64, 512 }) do
    local ours, theirs = {}, {}
    for _ = 1, ROUNDS do
      ours[#ours + 1] = http_rate(NEAP .. " bench/http.lua 0", connections, "/")
      theirs[#theirs + 1] = http_rate("build/bench/limits/uv_http 0", connections, "/")
    end
    local mine, other = median(ours), median(theirs)
    local title = ("hello, %d connections"):format(connections)
    print(("%-24s %10.1f %10.1f %8.2f"):format(title, mine, other, mine / other))
  end
  in_directory(function(dir)
    for name, size in pairs({ ["10k"] = 10 << 10, ["1m"] = 1 << 20 }) do
      local file = assert(io.open(dir .. "/" .. name, "w"))
      file:write(("x"):rep(size))
      file:close()
    end
    for _, path in ipairs({ "/json", "/static/10k", "/static/1m" }) do
      local ours = {}
      for _ = 1, ROUNDS do
        ours[#ours + 1] = http_rate(("%s bench/http.lua 0 %s"):format(NEAP, dir), 64, path)
      end
      print(("%-24s %10.1f"):format(path .. ", 64 connections", median(ours)))
    end
  end)
end

local only = arg[1]
bench_tasks(only)
if not only or only == "http" then
  bench_http()
end
if not only or only == "sleepers" then
  bench_sleepers()
end
if not only or only == "echo" or only == "udp_echo" then
  bench_echo(only)
end
if not only or only == "websocket_echo" then
  bench_websocket()
end
if not only or only == "client" then
  os.execute(NEAP .. " bench/clients.lua")
end
if not only or only == "tls" then
  os.execute(NEAP .. " bench/tls.lua")
end
print(("\n%-24s %9s %9s %8s"):format("seconds", "neap", "limit", "ratio"))
if not only or only == "copy" then
  bench_copy(tonumber(arg[2]) or 128)
end
if not only or only == "files" then
  bench_files()
end
if not only or only == "spawn_true" then
  bench_spawn()
end
