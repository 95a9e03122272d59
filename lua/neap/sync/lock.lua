--- A lock: one task at a time holds it; it is handed over in the order in which
--- tasks came.
---
--- `_parked` is false while the lock is free, else the number of those who came
--- to wait for it: too high after one of them was cancelled, and set right by
--- the next `release` that finds nobody. While tasks wait, `release` hands the
--- lock to the first of them without ever letting it be free. The two hot
--- methods are fields of the lock itself, where they are found sooner than in
--- the class.
local core = require("neap.core")
local errors = require("neap.errors")
local guard = require("neap.sync.guard")
local waitq = require("neap.sync.waitq")

local checkwait, park, wake = core.checkwait, waitq.park, waitq.wake

local lock = {}

---@class neap.Lock: neap.Guarded
---@field package _parked integer|false
---@field package _waiters table
local Lock = { __name = "Lock" }
Lock.__index = Lock
guard.extend(Lock)

---@return neap.Lock
function lock.new()
  return setmetatable({
    acquire = Lock.acquire,
    release = Lock.release,
    _parked = false,
    _waiters = waitq.new(),
  }, Lock)
end

--- True for a lock.
function lock.is(value)
  return getmetatable(value) == Lock
end

--- Waits until the lock is ours.
---@async
function Lock:acquire()
  local parked = self._parked
  if parked then
    self._parked = parked + 1
    park(self._waiters, "lock acquire")
  else
    checkwait()
    self._parked = 0
  end
end

--- Takes the lock back, whatever happens to the task meanwhile.
---@async
---@package
function Lock:_retake()
  local parked = self._parked
  if parked then
    self._parked = parked + 1
    waitq.park_always(self._waiters, "lock acquire")
  else
    self._parked = 0
  end
end

--- Hands the lock to the first who waits for it. Any task may do that.
--- Raises `INVALID_STATE` if it is not held.
function Lock:release()
  local parked = self._parked
  if parked == 0 then
    self._parked = false
  elseif not parked then
    error(errors.new("INVALID_STATE", "the lock is not held"), 2)
  else
    self._parked = wake(self._waiters) and parked - 1
  end
end

---@return boolean
function Lock:locked()
  return self._parked ~= false
end

function Lock:__tostring()
  return self._parked and ("Lock: held, %d waiting"):format(waitq.count(self._waiters)) or "Lock: free"
end

return lock
