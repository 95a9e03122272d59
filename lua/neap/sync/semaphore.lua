--- A semaphore: a number of permits, given to tasks in the order in which they
--- came. While tasks wait, no permit is free: `release` hands it to the first
--- of them. `_parked` and the fields for hot methods are as in lock.lua.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local guard = require("neap.sync.guard")
local waitq = require("neap.sync.waitq")

local checkwait, park, wake = core.checkwait, waitq.park, waitq.wake

local semaphore = {}

---@class neap.Semaphore: neap.Guarded
---@field private _value integer  free permits
---@field private _bound integer  most that may be free
---@field private _parked integer
---@field private _waiters table
local Semaphore = { __name = "Semaphore" }
Semaphore.__index = Semaphore
guard.extend(Semaphore)

local function new(value, bound)
  return setmetatable({
    acquire = Semaphore.acquire,
    release = Semaphore.release,
    _value = value,
    _bound = bound,
    _parked = 0,
    _waiters = waitq.new(),
  }, Semaphore)
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

--- Waits until a permit is ours.
---@async
function Semaphore:acquire()
  if self._value > 0 then
    checkwait()
    self._value = self._value - 1
  else
    self._parked = self._parked + 1
    park(self._waiters, "semaphore acquire")
  end
end

--- Gives a permit back, to the first who waits for one.
--- Raises `INVALID_STATE` if a bounded one is released too often.
function Semaphore:release()
  if self._value >= self._bound then
    error(errors.new("INVALID_STATE", "the semaphore was released too often"), 2)
  end
  if self._parked > 0 then
    if wake(self._waiters) then
      self._parked = self._parked - 1
      return
    end
    self._parked = 0
  end
  self._value = self._value + 1
end

--- True if no permit is free.
---@return boolean
function Semaphore:locked()
  return self._value == 0
end

--- How many permits are free.
---@return integer
function Semaphore:value()
  return self._value
end

function Semaphore:__tostring()
  return ("Semaphore: %d free, %d waiting"):format(self._value, waitq.count(self._waiters))
end

return semaphore
