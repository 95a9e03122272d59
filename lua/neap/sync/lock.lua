--- A lock: one task at a time holds it; it is handed over in the order in which
--- tasks came.
---
--- While tasks wait, the lock is held: `release` hands it to the first of them
--- without ever letting it be free. `_parked` counts those who came to wait; it
--- is too high after one of them was cancelled, and set right by the next
--- `release` that finds nobody.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local guard = require("neap.sync.guard")

local checkwait, waitq = core.checkwait, core.waitq

local lock = {}

---@class neap.Lock
---@field package _held boolean
---@field package _parked integer
---@field package _waiters table
local Lock = { __name = "Lock" }
Lock.__index = Lock

---@return neap.Lock
function lock.new()
  return setmetatable({ _held = false, _parked = 0, _waiters = waitq() }, Lock)
end

--- True for a lock.
function lock.is(value)
  return getmetatable(value) == Lock
end

--- Waits until the lock is ours.
---@async
function Lock:acquire()
  if self._held then
    self._parked = self._parked + 1
    self._waiters:park("lock acquire")
  else
    checkwait()
    self._held = true
  end
end

--- Takes the lock back, whatever happens to the task meanwhile.
---@async
---@package
function Lock:_retake()
  if self._held then
    self._parked = self._parked + 1
    self._waiters:park_always("lock acquire")
  else
    self._held = true
  end
end

--- Hands the lock to the first who waits for it. Any task may do that.
--- Raises `INVALID_STATE` if it is not held.
function Lock:release()
  if not self._held then
    error(errors.new("INVALID_STATE", "the lock is not held"), 2)
  end
  if self._parked > 0 then
    if self._waiters:wake() then
      self._parked = self._parked - 1
      return
    end
    self._parked = 0
  end
  self._held = false
end

---@return boolean
function Lock:locked()
  return self._held
end

--- Acquires; the returned object releases on `<close>` or `close()`.
---@async
---@return neap.Guard
function Lock:guard()
  return guard.acquire(self)
end

--- Runs `fn(...)` with the lock held and returns its results.
---@async
function Lock:with(...)
  args.callable("with", 1, (...), select("#", ...))
  local _ <close> = guard.acquire(self)
  return (...)(select(2, ...))
end

function Lock:__tostring()
  return self._held and ("Lock: held, %d waiting"):format(self._waiters:count()) or "Lock: free"
end

return lock
