-- The cost of one operation as there are more of them: flat, if all is well.
local measure = require("bench.measure")

-- what, unit, numbers, the limit's program
local SERIES <const> = {
  { "switch", "ns", { 100, 1000, 10000, 100000, 1000000 } },
  { "spawn", "ns", { 0, 1000, 10000, 100000, 1000000 } },
  { "timers", "ns", { 1000, 10000, 100000, 1000000 }, "uv_timers timers" },
  { "event", "ns", { 100, 1000, 10000, 100000 } },
  { "sleeping", "B", { 1000, 10000, 100000, 1000000 }, "lua_host sleeping" },
}

local TITLES <const> = {
  switch = "a switch, among N tasks", spawn = "spawn and await, beside N tasks",
  timers = "a timer added and cancelled, of N", event = "a task woken, of N on one event",
  sleeping = "memory of a sleeping task, of N",
}

--- Connections that are opened: with their spare ones, what 20 000 descriptors
--- allow.
local MOST <const> = 19800

local function idle(found, n, total)
  local sides = measure.sides(found:commands({ neap = "echo.lua 0" }), function(server)
    return measure.server(server, ('build/bench/load_idle "$port" %d $pid %s'):format(n, total or ""))
  end)
  return sides
end

return function(found)
  local list = {}
  for _, series in ipairs(SERIES) do
    local name, unit, numbers, limit = table.unpack(series, 1, 4)
    for _, n in ipairs(numbers) do
      local neap = found:command("neap", ("scale.lua %s %d"):format(name, n))
      local commands = { neap = neap, limit = limit and found:command("limit", ("%s %d"):format(limit, n)) }
      list[#list + 1] = {
        name = ("%s %d"):format(name, n), title = TITLES[name], group = "scale", unit = unit,
        series = name, n = n, seconds = n == 1000000 and 3 or 0.5,
        sides = measure.sides(commands, function(command)
          return measure.figure("taskset -c 0 " .. command)
        end),
      }
    end
  end
  for _, n in ipairs({ 1000, 5000, 10000, MOST }) do
    list[#list + 1] = {
      name = ("idle connections %d"):format(n), title = "memory of an idle connection, of N", group = "scale",
      unit = "B", series = "idle connections", n = n, seconds = 2, sides = idle(found, n),
    }
  end
  list[#list + 1] = {
    name = ("100000 idle connections, from %d"):format(MOST), group = "scale", unit = "MB", seconds = 3,
    sides = idle(found, MOST, 100000),
  }
  return list
end
