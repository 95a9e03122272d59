--- An event: a flag that tasks wait for. Nobody waits while it is set.
local core = require("neap.core")

local checkwait, waitq = core.checkwait, core.waitq

local event = {}

---@class neap.Event
---@field private _set boolean
---@field private _waiters table
local Event = { __name = "Event" }
Event.__index = Event

---@return neap.Event
function event.new()
  return setmetatable({ _set = false, _waiters = waitq() }, Event)
end

--- Sets the flag and wakes all who wait, also if `clear` follows at once.
function Event:set()
  if self._set then
    return
  end
  self._set = true
  local waiters = self._waiters
  while waiters:wake() do
  end
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
    self._waiters:park("event wait")
  end
end

function Event:__tostring()
  return self._set and "Event: set" or ("Event: not set, %d waiting"):format(self._waiters:count())
end

return event
