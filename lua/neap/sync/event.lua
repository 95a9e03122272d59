--- An event: a flag that tasks wait for. Nobody waits while it is set.
local core = require("neap.core")
local waitq = require("neap.sync.waitq")

local checkwait, park, wake = core.checkwait, waitq.park, waitq.wake

local event = {}

---@class neap.Event
---@field private _set boolean
---@field private _parked integer  how many came to wait since the last `set`
---@field private _waiters table
local Event = { __name = "Event" }
Event.__index = Event

---@return neap.Event
function event.new()
  return setmetatable({ _set = false, _parked = 0, _waiters = waitq.new() }, Event)
end

--- Sets the flag and wakes all who wait, also if `clear` follows at once.
function Event:set()
  self._set = true
  local parked = self._parked
  while parked > 0 and wake(self._waiters) do
    parked = parked - 1
  end
  self._parked = 0
end

function Event:clear()
  self._set = false
end

---@return boolean
function Event:is_set()
  return self._set
end

--- Waits until the flag is set.
---@async
function Event:wait()
  if self._set then
    checkwait()
  else
    self._parked = self._parked + 1
    park(self._waiters, "event wait")
  end
end

function Event:__tostring()
  return self._set and "Event: set"
    or ("Event: not set, %d waiting"):format(waitq.count(self._waiters))
end

return event
