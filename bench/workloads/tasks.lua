-- Tasks: nanoseconds of CPU time per operation of bench/ops.lua, beside a host
-- of 100 lines of C and the same in other systems.
local measure = require("bench.measure")

-- name, operations, what bench/limits/lua_host.c calls it (nil: not there)
local OPERATIONS <const> = {
  { "switch", 2000000, "switch" },
  { "switch_many", 2000000, "switch_many" },
  { "spawn", 1000000, "spawn" },
  { "gather", 1000000, "gather" },
  { "await_done", 5000000 },
  { "lock", 2000000 },
  { "lock_contended", 1000000 },
  { "queue", 1000000 },
  { "queue_bounded", 1000000 },
  { "event", 1000000 },
  { "timeout", 500000 },
  { "generator", 2000000 },
}

-- What bench/peers/ops.* have, and how much slower they may be.
local SHARED <const> = {
  switch = true, switch_many = true, spawn = true, gather = true,
  lock_contended = true, queue_bounded = true, event = true,
}

local function side(command, name, n)
  return function()
    return measure.figure(("taskset -c 0 %s %s %d"):format(command, name, n)) / n * 1e9
  end
end

return function(peers)
  local list = {}
  for _, operation in ipairs(OPERATIONS) do
    local name, n, limit = table.unpack(operation, 1, 3)
    local sides = { neap = side(measure.neap .. " bench/ops.lua", name, n) }
    if limit then
      sides.limit = side("build/bench/limits/lua_host", limit, n)
    end
    if SHARED[name] then
      sides.asyncio = peers.asyncio and side(peers.asyncio .. " bench/peers/ops.py asyncio", name, n // 10)
      sides.uvloop = peers.uvloop and side(peers.uvloop .. " bench/peers/ops.py uvloop", name, n // 10)
      sides.node = peers.node and side(peers.node .. " bench/peers/ops.js", name, n)
    end
    list[#list + 1] = { name = name, group = "tasks", unit = "ns", sides = sides }
  end
  return list
end
