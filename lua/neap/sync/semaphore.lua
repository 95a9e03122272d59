--- A semaphore: a number of permits, given to tasks in the order in which they
--- came; one that is released while tasks wait goes to the first of them. It is
--- core's gate, as the lock is.
local args = require("neap.args")
local core = require("neap.core")
local guard = require("neap.sync.guard")

local semaphore = {}

---@class neap.Semaphore: neap.Guarded
---@field acquire async fun(self: neap.Semaphore)  waits until a permit is ours
---@field release fun(self: neap.Semaphore)  gives one back, to the first who waits;
--- raises `INVALID_STATE` if a bounded one is released too often
---@field private _core table
local Semaphore = { __name = "Semaphore" }
Semaphore.__index = Semaphore
guard.extend(Semaphore)

local function new(value, bound)
  return core.gate(Semaphore, "semaphore", value, bound)
end

--- A semaphore with `n` permits.
---@param ... integer  n
---@return neap.Semaphore
function semaphore.new(...)
  local n = args.integer("semaphore", 1, (...), select("#", ...), 0)
  return new(n, math.maxinteger)
end

--- One that cannot be released more often than it was acquired.
---@param ... integer  n
---@return neap.Semaphore
function semaphore.bounded(...)
  local n = args.integer("bounded_semaphore", 1, (...), select("#", ...), 0)
  return new(n, n)
end

--- True if no permit is free.
---@return boolean
function Semaphore:locked()
  return self:value() == 0
end

--- How many permits are free.
---@return integer
function Semaphore:value()
  return self._core:value()
end

function Semaphore:__tostring()
  return ("Semaphore: %d free, %d waiting"):format(self:value(), self._core:waiting())
end

return semaphore
