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
---@field private _core table
local Lock = { __name = "Lock" }
Lock.__index = Lock
guard.extend(Lock)

---@return neap.Lock
function lock.new()
  return core.gate(Lock, "lock", 1, 1)
end

--- True for a lock.
function lock.is(value)
  return getmetatable(value) == Lock
end

--- Takes the lock back, whatever happens to the task meanwhile.
---@async
---@package
function Lock:_retake()
  self._core:retake()
end

---@return boolean
function Lock:locked()
  return self._core:value() == 0
end

function Lock:__tostring()
  return self:locked() and ("Lock: held, %d waiting"):format(self._core:waiting()) or "Lock: free"
end

return lock
