--- The methods `guard` and `with` of what can be acquired and released: locks,
--- conditions, semaphores.
local args = require("neap.args")

local guard = {}

---@class neap.Guard
---@field private _owner? neap.Guarded  what is to be released
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

---@class neap.Guarded
---@field acquire async fun(self: neap.Guarded)
---@field release fun(self: neap.Guarded)
local Guarded = {}

--- Acquires; the returned object releases on `<close>` or `close()`.
---@async
---@return neap.Guard
function Guarded:guard()
  local held = setmetatable({}, Guard)
  self:acquire()
  held._owner = self
  return held
end

--- Runs `fn(...)` while it is held and returns its results.
---@async
---@param ... any  fn and its arguments
function Guarded:with(...)
  args.callable("with", 1, (...), select("#", ...))
  local _ <close> = self:guard()
  return (...)(select(2, ...))
end

--- Gives a class with acquire and release the methods of Guarded.
function guard.extend(class)
  class.guard, class.with = Guarded.guard, Guarded.with
end

return guard
