--- A barrier: `n` tasks wait for each other. Those who wait are fewer than `n`,
--- and none wait while it is broken.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local waitq = require("neap.sync.waitq")

local checkwait, count, park, wake = core.checkwait, waitq.count, waitq.park, waitq.wake

local barrier = {}

---@class neap.Barrier
---@field private _parties integer
---@field private _broken boolean
---@field private _waiters table
local Barrier = { __name = "Barrier" }
Barrier.__index = Barrier

--- A barrier for `n` tasks, at least one.
---@param ... integer  n
---@return neap.Barrier
function barrier.new(...)
  local n = args.integer("barrier", 1, (...), select("#", ...), 1)
  return setmetatable({ _parties = n, _broken = false, _waiters = waitq.new() }, Barrier)
end

local function raise_broken()
  error(errors.new("BROKEN_BARRIER", "the barrier is broken"), 0)
end

--- Waits until all are there; then returns our place in the order of arrival.
--- Raises `BROKEN_BARRIER` if the barrier is broken or reset.
---@async
---@return integer index  1 to n
function Barrier:wait()
  local waiters, n = self._waiters, self._parties
  if not self._broken and count(waiters) < n - 1 then
    return park(waiters, "barrier wait") or raise_broken()
  end
  checkwait()
  if self._broken then
    raise_broken()
  end
  for index = 1, n - 1 do
    wake(waiters, index)
  end
  return n
end

local function break_waiters(self)
  while wake(self._waiters, false) do
  end
end

--- Raises `BROKEN_BARRIER` in those who wait; the barrier is usable again.
function Barrier:reset()
  self._broken = false
  break_waiters(self)
end

--- Breaks the barrier for those who wait and those who come, until `reset`.
function Barrier:abort()
  self._broken = true
  break_waiters(self)
end

---@return integer
function Barrier:parties()
  return self._parties
end

---@return integer
function Barrier:n_waiting()
  return count(self._waiters)
end

---@return boolean
function Barrier:broken()
  return self._broken
end

function Barrier:__tostring()
  if self._broken then
    return "Barrier: broken"
  end
  return ("Barrier: %d of %d waiting"):format(count(self._waiters), self._parties)
end

return barrier
