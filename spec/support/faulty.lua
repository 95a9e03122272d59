--- A network with faults: a proxy on TCP that does to each of its connections
--- what chance gives it, from nothing at all to a reset in the middle.
local neap = require("neap")

local net = neap.net

local faulty = {}

--- What may happen once so many bytes have come, both ways together: each gets
--- the chunk that comes then and who is to have it, and says whether the
--- connection goes on. What does not is reset, but for one that is `gentle`.
local faults = {
  reset = function() return false end,
  mute = function()
    neap.sleep(0.1)
    return false
  end,
  cut = function(chunk, to, plan)
    to:write(chunk:sub(1, #chunk // 2))
    plan.gentle = true
    return false
  end,
  corrupt = function(chunk, to) return to:write(chunk:sub(1, -2), string.char(chunk:byte(-1) ~ 1)) end,
  late = function(chunk, to)
    neap.sleep(0.02)
    return to:write(chunk)
  end,
  trickle = function(chunk, to)
    local few = math.min(#chunk, 100)
    for i = 1, few do
      if not to:write(chunk:sub(i, i)) or not to:flush() then
        return false
      end
    end
    return to:write(chunk:sub(few + 1))
  end,
}

local kinds = {}
for kind in pairs(faults) do
  kinds[#kinds + 1] = kind
end
table.sort(kinds)

--- Passes on what comes until its end; once the fault ends the connection, the
--- other way is no more either.
local function relay(group, plan, from, to)
  while true do
    local chunk = from:read()
    if not chunk then
      return to:shutdown()
    end
    plan.bytes = plan.bytes - #chunk
    local goes_on
    if plan.bytes < 0 then
      plan.bytes = math.huge
      goes_on = faults[plan.kind](chunk, to, plan)
    else
      goes_on = to:write(chunk)
    end
    if not goes_on then
      return group:cancel()
    end
  end
end

--- Begins to listen on a port of its own, and passes connections on to another
--- one of this host. Three of five meet nothing on their way.
---@param port integer
---@param random fun(n: integer): integer  1 to n
---@param never? table<string, boolean>  faults that do not happen here
---@return neap.Server
function faulty.serve(port, random, never)
  return assert(net.serve("127.0.0.1", 0, function(near)
    local kind = kinds[random(#kinds)]
    local plan = { kind = kind, bytes = random(5) <= 3 and math.huge or random(3000) }
    if never and never[kind] then
      plan.bytes = math.huge
    end
    local far <close> = net.connect("127.0.0.1", port)
    if not far then
      return
    end
    neap.task_group(function(group)
      group:spawn(relay, group, plan, near, far)
      group:spawn(relay, group, plan, far, near)
    end)
    if not plan.gentle then
      near:abort()
      far:abort()
    end
  end))
end

return faulty
