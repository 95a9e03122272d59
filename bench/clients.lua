-- The HTTP client beside C on libcurl and the clients of others: CPU seconds
-- for the same requests, interleaved, and how many times those of C they are.
--
--   build/neap bench/clients.lua
local neap = require("neap")

local NEAP = arg[-1]
local ROUNDS = 5
local C, OURS = { "build/bench/limits/curl_get" }, { NEAP, "bench/client.lua" }
local OTHERS = { { "/usr/bin/python3", "bench/client_aiohttp.py" }, { "node", "bench/client_fetch.mjs" } }

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

--- Runs fn with the port that a program prints, while it lives.
local function with_server(argv, fn)
  local server = assert(neap.process.spawn(argv, { stdin = "pipe", stdout = "pipe" }))
  local port = assert(server.stdout:readline())
  fn("http://127.0.0.1:" .. port .. "/")
  server:kill("TERM")
  server:wait()
end

--- The CPU seconds that a client prints; nil where it is not installed.
local function seconds_of(client, ...)
  local argv = table.move(client, 1, #client, 1, {})
  for _, word in ipairs({ ... }) do
    argv[#argv + 1] = tostring(word)
  end
  local result = neap.process.run(argv)
  return result and result.code == 0 and tonumber(result.stdout:match("[%d.]+")) or nil
end

local function compare(title, clients, ...)
  local times = {}
  for _ = 1, ROUNDS do
    for i, client in ipairs(clients) do
      times[i] = times[i] or {}
      table.insert(times[i], seconds_of(client, ...))
    end
  end
  local line, limit = ("%-26s"):format(title), nil
  for i in ipairs(clients) do
    local mine = median(times[i])
    limit = limit or mine
    line = line .. (mine and (" %7.3f (%5.2f)"):format(mine, mine / limit) or "               -")
  end
  print(line)
end

print(("\n%-26s %15s %15s %15s %15s"):format("http client, CPU s", "curl in C", "neap", "aiohttp", "node fetch"))
with_server({ "build/bench/limits/uv_http", "0" }, function(url)
  compare("20000 requests, 1 at once", { C, OURS, table.unpack(OTHERS) }, url, 20000, 1)
  compare("20000 requests, 64", { C, OURS, table.unpack(OTHERS) }, url, 20000, 64)
  compare("20000 requests, 1000", { C, OURS }, url, 20000, 1000)
end)

local dir = assert(neap.fs.mkdtemp("neap-bench-"))
local file = assert(neap.fs.open(dir .. "/1g", "w"))
assert(file:truncate(1 << 30))
file:close()
with_server({ NEAP, "bench/http.lua", "0", dir }, function(url)
  compare("1 GiB", { C, OURS }, url .. "static/1g", 1, 1)
end)
neap.fs.rmdir(dir, { recursive = true })
