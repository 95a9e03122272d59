-- The cost of one operation as there are more of them: flat, if all is well.
local measure = require("bench.measure")

local COUNTS <const> = {
  switch = { 100, 1000, 10000, 100000, 1000000 },
  spawn = { 0, 1000, 10000, 100000, 1000000 },
  timers = { 1000, 10000, 100000, 1000000 },
  event = { 100, 1000, 10000, 100000 },
  sleeping = { 10000, 100000, 1000000 },
}

return function()
  local list = {}
  for _, name in ipairs({ "switch", "spawn", "timers", "event", "sleeping" }) do
    for _, n in ipairs(COUNTS[name]) do
      list[#list + 1] = {
        name = ("%s %d"):format(name, n), group = "scale", unit = name == "sleeping" and "B" or "ns",
        series = name, n = n,
        sides = {
          neap = function()
            return measure.figure(("taskset -c 0 %s bench/scale.lua %s %d"):format(measure.neap, name, n))
          end,
        },
      }
    end
  end
  for _, connections in ipairs({ 1000, 5000, 9000, 19000 }) do
    list[#list + 1] = {
      name = ("idle connections %d"):format(connections), group = "scale", unit = "B",
      series = "idle connections", n = connections,
      sides = {
        neap = function()
          return measure.server(measure.neap .. " bench/echo.lua 0",
            ('build/bench/load_idle "$port" %d $pid'):format(connections))
        end,
      },
    }
  end
  return list
end
