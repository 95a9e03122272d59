-- Web servers: thousands of requests, or of messages, per second of the
-- server's CPU time.
local measure = require("bench.measure")

local function add(list, title, commands, figure, seconds)
  list[#list + 1] = {
    name = title, group = "http", unit = "k/s", more = true, seconds = seconds,
    sides = measure.sides(commands, figure),
  }
end

local function pages(list, found)
  local servers = found:commands({
    neap = "http.lua 0", limit = "uv_http 0", go = "http", nginx = "nginx.sh static",
    ["nginx-lua"] = "nginx.sh lua", aiohttp = "http_aiohttp.py", node = "http.js",
  })
  local function load(connections, path)
    return function(server)
      return measure.server(server, ('sh bench/wrk.sh %d "$port" %s $pid'):format(connections, path))
    end
  end
  add(list, "HTTP hello x 64", servers, load(64, "/"), 2.4)
  add(list, "HTTP hello x 512", servers, load(512, "/"), 2.4)
  servers.limit, servers.nginx = nil, nil
  add(list, "HTTP JSON x 64", servers, load(64, "/json"), 2.4)
end

-- A file from a directory; nginx's is C, and so the limit.
local function files(list, found)
  local servers = found:commands({
    neap = "http.lua 0", go = "http", nginx = "nginx.sh static", aiohttp = "http_aiohttp.py",
  })
  for _, case in ipairs({ { "10 KiB", 10 << 10 }, { "1 MiB", 1 << 20 } }) do
    local name, size = table.unpack(case)
    add(list, "HTTP file " .. name, servers, function(server)
      return measure.in_directory(function(dir)
        assert(measure.capture(("head -c %d /dev/zero >%s/file"):format(size, dir)))
        return measure.server(("%s %s"):format(server, dir), 'sh bench/wrk.sh 64 "$port" /static/file $pid')
      end)
    end, 2.5)
  end
end

local function websockets(list, found)
  local servers = found:commands({
    neap = "websocket_echo.lua", limit = "uv_websocket", aiohttp = "websocket_aiohttp.py",
    websockets = "websocket_websockets.py",
  })
  for _, case in ipairs({ { 50, "64 B", 64, 40000 }, { 1000, "64 B", 64, 40000 }, { 50, "64 KiB", 65536, 4000 } }) do
    local connections, title, bytes, messages = table.unpack(case)
    add(list, ("WebSocket %d x %s"):format(connections, title), servers, function(server)
      return measure.server(server,
        ('build/bench/load_websocket "$port" %d %d %d $pid'):format(connections, messages, bytes))
    end, 2)
  end
end

return function(found)
  local list = {}
  pages(list, found)
  files(list, found)
  websockets(list, found)
  return list
end
