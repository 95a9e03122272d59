---@meta _

-- Events.

--- A flag that tasks wait for.
---@class neap.Event
local Event = {}

--- Sets the flag and wakes all who wait, also if `clear` follows at once.
---
--- ```lua
--- local event = sync.event()
--- local waiter = neap.spawn(function()
---   event:wait()
---   return "woken"
--- end)
--- neap.sleep(0)
--- event:set()
--- event:clear()
--- print(waiter:await(), event:is_set()) --> woken false
--- ```
function Event:set() end

--- Clears the flag.
---
--- ```lua
--- local event = sync.event()
--- event:set()
--- event:clear()
--- print(event:is_set()) --> false
--- ```
function Event:clear() end

--- Whether the flag is set.
---
--- ```lua
--- local event = sync.event()
--- event:set()
--- print(event:is_set()) --> true
--- ```
---@return boolean
function Event:is_set() end

--- Waits until the flag is set.
---
--- ```lua
--- local event = sync.event()
--- neap.loop.call_later(1, event.set, event)
--- event:wait()
--- print("set") --> set
--- ```
---@async
function Event:wait() end
