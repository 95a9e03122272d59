--- Fixed intervals.
local args = require("neap.args")
local core = require("neap.core")

local every = {}

-- Beyond this many seconds the clock does not reach.
local LONGEST = 9e9

--- An iterator that gives `n` at `n` times `seconds` after this call, for 1, 2,
--- 3, ... without drift. Those whose time passes while nobody asks are skipped.
---@overload fun(seconds: number): async fun(): integer
function every.new(...)
  local seconds = args.number("every", 1, (...), select("#", ...))
  if seconds <= 0 then
    args.fail("every", 1, "the interval must be above 0")
  end
  local start, interval, n = core.now_ns(), seconds * 1e9, 0
  return function()
    local due = math.ceil((core.now_ns() - start) / interval)
    n = math.max(n + 1, due)
    if n * seconds >= LONGEST then
      core.sleep(math.huge)
    end
    core.sleep_until(start + math.ceil(n * interval))
    return n
  end
end

return every
