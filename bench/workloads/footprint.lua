-- Bytes of resident memory: of a task that sleeps, of a connection whose task
-- is parked in a read; and the CPU time of 100 000 sleeps.
local measure = require("bench.measure")

local MANY <const>, CONNECTIONS <const> = 100000, 5000

-- The same operation of the programs of tasks.
local function operation(found, name, limit)
  local commands = found:commands({
    neap = "scale.lua", limit = limit, go = "ops", asyncio = "ops.py asyncio", uvloop = "ops.py uvloop",
    node = "ops.js", cqueues = "ops_cqueues.lua",
  })
  return measure.sides(commands, function(command)
    return measure.figure(("%s %s %d"):format(command, name, MANY))
  end)
end

return function(found)
  local servers = found:commands({
    neap = "echo.lua 0", limit = "uv_echo 0", go = "echo", asyncio = "echo.py asyncio streams",
    uvloop = "echo.py uvloop streams", ["uvloop-protocol"] = "echo.py uvloop protocol", trio = "echo_trio.py",
    node = "echo.js", luv = "echo_luv.lua", cqueues = "echo_cqueues.lua",
  })
  local web_servers = found:commands({
    neap = "http.lua 0", limit = "uv_http 0", go = "http", aiohttp = "http_aiohttp.py", node = "http.js",
    nginx = "nginx.sh static", ["nginx-lua"] = "nginx.sh lua",
  })
  return {
    {
      name = "bytes of a sleeping task", group = "footprint", unit = "B", limit = "coroutine", seconds = 1,
      sides = operation(found, "sleeping", "lua_host"),
    },
    {
      name = "100000 sleeps", group = "footprint", unit = "s", seconds = 2,
      sides = operation(found, "sleeps", "uv_timers"),
    },
    {
      name = "bytes of an idle connection", group = "footprint", unit = "B", seconds = 2,
      sides = measure.sides(servers, function(server)
        return measure.server(server, ('build/bench/load_idle "$port" %d $pid'):format(CONNECTIONS))
      end),
    },
    {
      name = "bytes of an idle HTTP connection", group = "footprint", unit = "B", seconds = 2,
      sides = measure.sides(web_servers, function(server)
        return measure.server(server, ('build/bench/load_idle "$port" %d $pid http'):format(CONNECTIONS))
      end),
    },
  }
end
