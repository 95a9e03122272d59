--- The guard of a lock, a condition or a semaphore: releases once, on `close`
--- or as a <close> variable.
local guard = {}

---@class neap.Guard
---@field private _owner? table  what is to be released
local Guard = { __name = "Guard" }
Guard.__index = Guard

--- Releases; does nothing the second time. Never waits.
function Guard:close()
  local owner = self._owner
  if owner then
    self._owner = nil
    owner:release()
  end
end

Guard.__close = Guard.close

function Guard:__tostring()
  return self._owner and ("Guard of %s"):format(self._owner) or "Guard: released"
end

--- Acquires `owner` and returns its guard.
---@async
---@return neap.Guard
function guard.acquire(owner)
  local self = setmetatable({}, Guard)
  owner:acquire()
  self._owner = owner
  return self
end

return guard
