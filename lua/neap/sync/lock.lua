--- A lock: one task at a time holds it; it is handed over in the order in which
--- tasks came. It is a gate of one permit (core's gate.c), whose two functions
--- are fields of the lock itself.
local core = require("neap.core")
local guard = require("neap.sync.guard")

local lock = {}

---@class neap.Lock: neap.Guarded
---@field acquire async fun(self: neap.Lock)  waits until the lock is ours
---@field release fun(self: neap.Lock)  hands it to the first who waits; any task may do that;
--- raises `INVALID_STATE` if it is not held
---@field private _gate table
local Lock = { __name = "Lock" }
Lock.__index = Lock
guard.extend(Lock)

---@return neap.Lock
function lock.new()
  local self = setmetatable({}, Lock)
  self._gate = core.gate(self, "lock", 1, 1)
  return self
end

--- True for a lock.
function lock.is(value)
  return getmetatable(value) == Lock
end

--- Takes the lock back, whatever happens to the task meanwhile.
---@async
---@package
function Lock:_retake()
  self._gate:retake()
end

---@return boolean
function Lock:locked()
  return self._gate:value() == 0
end

function Lock:__tostring()
  return self:locked() and ("Lock: held, %d waiting"):format(self._gate:waiting()) or "Lock: free"
end

return lock
