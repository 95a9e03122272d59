--- Tasks that wait, for specs.
local assert = require("luassert")
local neap = require("neap")

--- A task that is parked in `fn(...)`.
---@param fn function
---@return neap.Task
local function parked(fn, ...)
  local task = neap.spawn(fn, ...)
  neap.testing.settle()
  assert.equal("waiting", task:status())
  return task
end

return parked
