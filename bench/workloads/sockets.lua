-- Servers of streams and datagrams: thousands of operations per second of the
-- server's CPU time.
local measure = require("bench.measure")

--- A workload for all servers that are there.
local function add(list, title, commands, load, seconds)
  list[#list + 1] = {
    name = title, group = "servers", unit = "k/s", more = true, seconds = seconds,
    sides = measure.sides(commands, function(server)
      return measure.server(server, load)
    end),
  }
end

local function echoes(list, found)
  local servers = found:commands({
    neap = "echo.lua 0",
    limit = "uv_echo 0",
    go = "echo",
    ["uvloop-protocol"] = "echo.py uvloop protocol",
    uvloop = "echo.py uvloop streams",
    ["asyncio-protocol"] = "echo.py asyncio protocol",
    asyncio = "echo.py asyncio streams",
    node = "echo.js",
    luv = "echo_luv.lua",
    cqueues = "echo_cqueues.lua",
  })
  local trio = found:command("trio", "echo_trio.py")
  for _, case in ipairs({
    { 1, 64, 10000, 1 }, { 50, 64, 100000, 1.5 }, { 500, 64, 100000, 1.5 }, { 5000, 64, 100000, 2.5 },
    { 1, 65536, 8000, 1 }, { 50, 65536, 15000, 1.5 }, { 500, 65536, 15000, 1.5 }, { 5000, 65536, 15000, 2.5 },
  }) do
    local connections, bytes, messages, seconds = table.unpack(case)
    local title = ("echo %d x %s"):format(connections, bytes == 64 and "64 B" or "64 KiB")
    local load = ('build/bench/load_echo "$port" %d %d %d $pid'):format(connections, messages, bytes)
    servers.trio = connections == 50 and trio or nil
    add(list, title, servers, load, seconds)
  end
  servers.trio = trio
  add(list, "accept", servers, 'build/bench/load_accept "$port" 6000 $pid', 1)
end

local function datagrams(list, found)
  local servers = found:commands({
    neap = "udp_echo.lua 0",
    limit = "uv_udp_echo 0",
    go = "udp_echo",
    uvloop = "udp_echo.py uvloop",
    asyncio = "udp_echo.py asyncio",
    node = "udp_echo.js",
  })
  for _, connections in ipairs({ 1, 50 }) do
    add(list, ("datagrams, %d peers"):format(connections), servers,
      ('build/bench/load_udp "$port" %d %d 64 $pid'):format(connections, connections * 2000 + 20000), 1.2)
  end
end

-- With a certificate of its own; load_tls prints operations per CPU second, or
-- bytes.
local function serve_tls(load)
  return function(server)
    return measure.in_directory(function(dir)
      assert(measure.capture(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        .. " -subj /CN=localhost -days 1 -keyout %s/key -out %s/cert"):format(dir, dir)))
      return measure.server(("%s %s/cert %s/key"):format(server, dir, dir),
        'build/bench/load_tls "$port" $pid ' .. load)
    end)
  end
end

local function tls(list, found)
  if not measure.works("test -x build/bench/load_tls && command -v openssl") then
    return
  end
  local servers = found:commands({
    neap = "tls_echo.lua",
    limit = "tls_echo",
    go = "echo",
    ["uvloop-protocol"] = "echo.py uvloop protocol",
    uvloop = "echo.py uvloop streams",
    asyncio = "echo.py asyncio streams",
    node = "echo.js",
  })
  for _, case in ipairs({
    { "TLS 64 B", "echo 24000 64" }, { "TLS 16 KiB", "echo 10000 16384" },
    { "TLS 64 KiB", "echo 3000 65536" }, { "TLS handshakes", "handshake 500" },
    { "idle TLS connection", "idle 300", "footprint" },
  }) do
    local name, load, group = table.unpack(case, 1, 3)
    list[#list + 1] = {
      name = name, group = group or "servers", unit = group and "B" or "1/s", more = not group, seconds = 1.5,
      sides = measure.sides(servers, serve_tls(load)),
    }
  end
end

return function(found)
  local list = {}
  echoes(list, found)
  datagrams(list, found)
  tls(list, found)
  return list
end
