--- An event: a flag that tasks wait for. Nobody waits while it is set. The flag
--- and its queue are core's event.c, whose functions are fields of the event
--- itself.
local core = require("neap.core")

local event = {}

---@class neap.Event
---@field wait async fun(self: neap.Event)  waits until the flag is set
---@field set fun(self: neap.Event)  sets the flag and wakes all who wait, also if
--- `clear` follows at once
---@field clear fun(self: neap.Event)
---@field private _core table
local Event = { __name = "Event" }
Event.__index = Event

---@return neap.Event
function event.new()
  return core.event(Event)
end

---@return boolean
function Event:is_set()
  return self._core:is_set()
end

function Event:__tostring()
  return self:is_set() and "Event: set"
    or ("Event: not set, %d waiting"):format(self._core:waiting())
end

return event
