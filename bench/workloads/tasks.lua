-- Tasks: nanoseconds of CPU time per operation of bench/ops.lua, beside a host
-- of Lua coroutines in C and the same in other systems.
local measure = require("bench.measure")

-- name, operations of neap, what is done
local OPERATIONS <const> = {
  { "switch", 2000000, "switch, 2 tasks" },
  { "switch_many", 1000000, "switch, 10 000 tasks" },
  { "spawn", 500000, "spawn and await" },
  { "gather", 500000, "gather of 10 000" },
  { "await_done", 2000000, "await of what has ended" },
  { "lock", 2000000, "lock, nobody else" },
  { "lock_contended", 1000000, "lock, 100 tasks" },
  { "queue", 1000000, "queue" },
  { "queue_bounded", 1000000, "queue of 10 places" },
  { "event", 1000000, "event" },
  { "timeout", 500000, "timeout" },
  { "generator", 2000000, "generator" },
}

-- A side's program; how many times fewer operations it does, so that a run
-- takes about as long; and what it has.
local PROGRAMS <const> = {
  limit = { "lua_host", 1,
    " switch switch_many spawn gather lock lock_contended queue_bounded event generator " },
  go = { "ops", 1,
    " switch switch_many spawn gather await_done lock lock_contended queue_bounded event timeout " },
  node = { "ops.js", 2,
    " switch switch_many spawn gather await_done lock lock_contended queue queue_bounded event " },
  asyncio = { "ops.py asyncio", 5,
    " switch switch_many spawn gather await_done lock lock_contended queue queue_bounded event timeout " },
  uvloop = { "ops.py uvloop", 5,
    " switch switch_many spawn gather await_done lock lock_contended queue queue_bounded event timeout " },
  trio = { "ops_trio.py", 20,
    " switch switch_many spawn gather lock_contended queue_bounded timeout " },
  cqueues = { "ops_cqueues.lua", 5,
    " switch switch_many spawn gather await_done lock_contended queue_bounded event " },
}

-- What nginx with Lua does is a request to it.
local NGINX <const> = " switch spawn lock_contended queue_bounded event "

local function nginx(found, name, n)
  local server = found:command("nginx-lua", "nginx.sh lua")
  return server and function()
    return measure.server(server, ('curl -sf "http://127.0.0.1:$port/ops?%s&%d"'):format(name, n)) / n * 1e9
  end
end

local function side(command, name, n)
  return command and function()
    return measure.figure(("taskset -c 0 %s %s %d"):format(command, name, n)) / n * 1e9
  end
end

return function(found)
  local list = {}
  for _, operation in ipairs(OPERATIONS) do
    local name, n, title = table.unpack(operation)
    local sides = { neap = side(found:command("neap", "ops.lua"), name, n) }
    for peer, program in pairs(PROGRAMS) do
      local words, fewer, names = table.unpack(program)
      if names:find(" " .. name .. " ", 1, true) then
        -- 10 000 tasks take at least 50 turns each
        fewer = name == "switch_many" and math.min(fewer, 2) or fewer
        sides[peer] = side(found:command(peer, words), name, n // fewer)
      end
    end
    if NGINX:find(" " .. name .. " ", 1, true) then
      sides["nginx-lua"] = nginx(found, name, n)
    end
    list[#list + 1] = { name = name, title = title, group = "tasks", unit = "ns", seconds = 0.7, sides = sides }
  end
  return list
end
