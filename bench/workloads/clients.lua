-- The HTTP client beside C on libcurl and the clients of others: its own CPU
-- seconds for the same requests.
local measure = require("bench.measure")

local REQUESTS <const> = 8000

-- The first figure that a client prints.
local function load(client, path, count, at_once)
  return ('%s "http://127.0.0.1:$port%s" %d %d | grep -om1 "[0-9.]*" | head -n 1'):format(client, path, count, at_once)
end

local function requests(at_once)
  return function(client)
    return measure.server("build/bench/limits/uv_http 0", load(client, "/", REQUESTS, at_once))
  end
end

local function download(client)
  return measure.in_directory(function(dir)
    assert(measure.capture("truncate -s 1G " .. dir .. "/1g"))
    return measure.server(("%s bench/http.lua 0 %s"):format(measure.neap, dir), load(client, "/static/1g", 1, 1))
  end)
end

return function(found)
  local list = {}
  local clients = found:commands({
    neap = "client.lua", limit = "curl_get", go = "client", aiohttp = "client_aiohttp.py", node = "client_fetch.mjs",
  })
  for _, at_once in ipairs({ 1, 64, 1000 }) do
    list[#list + 1] = {
      name = ("%d requests, %d at once"):format(REQUESTS, at_once), group = "client", unit = "s",
      seconds = 2, sides = measure.sides(clients, requests(at_once)),
    }
  end
  list[#list + 1] = {
    name = "download of 1 GiB", group = "client", unit = "s", seconds = 2, sides = measure.sides(clients, download),
  }
  return list
end
