-- The HTTP client beside C on libcurl and the clients of others: its own CPU
-- seconds for the same requests.
local measure = require("bench.measure")

local function clients_of(peers)
  return {
    neap = measure.neap .. " bench/client.lua",
    limit = "build/bench/limits/curl_get",
    aiohttp = measure.works("/usr/bin/python3 -c 'import aiohttp'") and "/usr/bin/python3 bench/client_aiohttp.py"
      or nil,
    node = peers.node and peers.node .. " bench/client_fetch.mjs",
  }
end

local function requests(client, at_once)
  return function()
    return measure.server("build/bench/limits/uv_http 0",
      ('%s "http://127.0.0.1:$port/" 20000 %d | grep -om1 "[0-9.]*" | head -n 1'):format(client, at_once))
  end
end

local function download(client)
  return function()
    return measure.in_directory(function(dir)
      assert(measure.capture("truncate -s 1G " .. dir .. "/1g"))
      return measure.server(("%s bench/http.lua 0 %s"):format(measure.neap, dir),
        client .. ' "http://127.0.0.1:$port/static/1g" 1 1 | grep -om1 "[0-9.]*" | head -n 1')
    end)
  end
end

return function(peers)
  local clients, list = clients_of(peers), {}
  for _, at_once in ipairs({ 1, 64, 1000 }) do
    local sides = {}
    for side, client in pairs(clients) do
      if at_once < 1000 or side == "neap" or side == "limit" then
        sides[side] = requests(client, at_once)
      end
    end
    list[#list + 1] = {
      name = ("20000 requests, %d at once"):format(at_once), group = "client", unit = "s", sides = sides,
    }
  end
  list[#list + 1] = {
    name = "download of 1 GiB", group = "client", unit = "s",
    sides = { neap = download(clients.neap), limit = download(clients.limit) },
  }
  return list
end
