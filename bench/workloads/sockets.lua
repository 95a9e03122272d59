-- Servers: thousands of operations per second of the server's CPU time.
local measure = require("bench.measure")

local function serve(server, load)
  return function()
    return measure.server(server, load)
  end
end

--- A workload for all servers that are there.
local function workload(list, name, servers, load)
  local sides = {}
  for side, server in pairs(servers) do
    sides[side] = serve(server, load)
  end
  list[#list + 1] = { name = name, group = "servers", unit = "k/s", more = true, sides = sides }
end

local function echo_servers(peers)
  return {
    neap = measure.neap .. " bench/echo.lua 0",
    limit = "build/bench/limits/uv_echo 0",
    asyncio = peers.asyncio and peers.asyncio .. " bench/peers/echo.py asyncio",
    uvloop = peers.uvloop and peers.uvloop .. " bench/peers/echo.py uvloop",
    node = peers.node and peers.node .. " bench/peers/echo.js",
    luv = peers.luv and peers.luv .. " bench/peers/echo_luv.lua",
  }
end

local function echoes(list, peers)
  local servers = echo_servers(peers)
  for _, case in ipairs({
    { 1, 64, 20000 }, { 50, 64, 200000 }, { 500, 64, 200000 }, { 5000, 64, 200000 },
    { 1, 65536, 10000 }, { 50, 65536, 20000 }, { 500, 65536, 20000 },
  }) do
    local connections, bytes, messages = table.unpack(case)
    local title = ("echo %d x %s"):format(connections, bytes == 64 and "64 B" or "64 KiB")
    local load = ('build/bench/load_echo "$port" %d %d %d $pid'):format(connections, messages, bytes)
    workload(list, title, servers, load)
  end
  workload(list, "accept", servers, 'build/bench/load_accept "$port" 10000 $pid')
  for _, connections in ipairs({ 1, 50 }) do
    workload(list, ("datagrams, %d peers"):format(connections), {
      neap = measure.neap .. " bench/udp_echo.lua 0",
      limit = "build/bench/limits/uv_udp_echo 0",
    }, ('build/bench/load_udp "$port" %d %d 64 $pid'):format(connections, connections * 2000 + 50000))
  end
end

local function pages(list, peers)
  local servers = {
    neap = measure.neap .. " bench/http.lua 0",
    limit = "build/bench/limits/uv_http 0",
    node = peers.node and peers.node .. " bench/peers/http.js",
    nginx = peers.nginx and "sh bench/peers/nginx.sh",
  }
  for _, connections in ipairs({ 64, 512 }) do
    workload(list, ("HTTP hello x %d"):format(connections), servers,
      ('sh bench/wrk.sh %d "$port" / $pid'):format(connections))
  end
  workload(list, "HTTP JSON x 64", { neap = servers.neap },
    'sh bench/wrk.sh 64 "$port" /json $pid')
end

local function websockets(list)
  for _, case in ipairs({ { 50, 64, 100000 }, { 1000, 64, 100000 }, { 50, 65536, 5000 } }) do
    local connections, bytes, messages = table.unpack(case)
    workload(list, ("WebSocket %d x %d B"):format(connections, bytes),
      { neap = measure.neap .. " bench/websocket_echo.lua 0" },
      ('build/bench/load_websocket "$port" %d %d %d $pid'):format(connections, messages, bytes))
  end
end

-- A server with a certificate of its own; load_tls prints operations per CPU
-- second, or bytes.
local function serve_tls(server, load)
  return function()
    return measure.in_directory(function(dir)
      assert(measure.capture(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        .. " -subj /CN=localhost -days 1 -keyout %s/key -out %s/cert"):format(dir, dir)))
      return measure.server(("%s %s/cert %s/key"):format(server, dir, dir),
        'build/bench/load_tls "$port" $pid ' .. load)
    end)
  end
end

local function tls(list)
  if not measure.works("test -x build/bench/load_tls && command -v openssl") then
    return
  end
  for _, case in ipairs({
    { "TLS 64 B", "echo 40000 64" }, { "TLS 16 KiB", "echo 16000 16384" },
    { "TLS 64 KiB", "echo 4000 65536" }, { "TLS handshakes", "handshake 600" },
    { "idle TLS connection", "idle 300", "footprint" },
  }) do
    local name, load, group = table.unpack(case, 1, 3)
    list[#list + 1] = {
      name = name, group = group or "servers", unit = group and "B" or "1/s", more = not group,
      sides = {
        neap = serve_tls(measure.neap .. " bench/tls_echo.lua", load),
        limit = serve_tls("build/bench/limits/tls_echo", load),
      },
    }
  end
end

-- A file from a directory, of 10 KiB and 1 MiB.
local function files(list)
  for name, size in pairs({ ["10 KiB"] = 10 << 10, ["1 MiB"] = 1 << 20 }) do
    list[#list + 1] = {
      name = "HTTP file " .. name, group = "servers", unit = "k/s", more = true,
      sides = {
        neap = function()
          return measure.in_directory(function(dir)
            local file = assert(io.open(dir .. "/file", "w"))
            file:write(("x"):rep(size))
            file:close()
            return measure.server(("%s bench/http.lua 0 %s"):format(measure.neap, dir),
              'sh bench/wrk.sh 64 "$port" /static/file $pid')
          end)
        end,
      },
    }
  end
end

return function(peers)
  local list = {}
  echoes(list, peers)
  pages(list, peers)
  files(list)
  websockets(list)
  tls(list)
  return list
end
