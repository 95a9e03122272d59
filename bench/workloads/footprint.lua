-- Bytes of resident memory: of a task that sleeps, of a connection whose task
-- is parked in a read; and the CPU time of 100 000 sleeps.
local measure = require("bench.measure")

local CONNECTIONS <const> = 5000

local function idle(server, connections)
  return function()
    return measure.server(server, ('build/bench/load_idle "$port" %d $pid'):format(connections))
  end
end

return function(peers)
  local function sleepers(what)
    return function()
      return measure.figure(("%s bench/scale.lua %s 100000"):format(measure.neap, what))
    end
  end
  return {
    {
      name = "bytes of a sleeping task", group = "footprint", unit = "B",
      sides = { neap = sleepers("sleeping") },
    },
    {
      name = "100000 sleeps", group = "footprint", unit = "s",
      sides = {
        neap = sleepers("sleeps"),
        limit = function()
          return measure.figure("build/bench/limits/uv_sleepers 100000")
        end,
      },
    },
    {
      name = "bytes of an idle connection", group = "footprint", unit = "B",
      sides = {
        neap = idle(measure.neap .. " bench/echo.lua 0", CONNECTIONS),
        limit = idle("build/bench/limits/uv_echo 0", CONNECTIONS),
        asyncio = peers.asyncio and idle(peers.asyncio .. " bench/peers/echo.py asyncio", CONNECTIONS),
        uvloop = peers.uvloop and idle(peers.uvloop .. " bench/peers/echo.py uvloop", CONNECTIONS),
        node = peers.node and idle(peers.node .. " bench/peers/echo.js", CONNECTIONS),
        luv = peers.luv and idle(peers.luv .. " bench/peers/echo_luv.lua", CONNECTIONS),
      },
    },
  }
end
