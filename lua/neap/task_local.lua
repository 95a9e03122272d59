--- Variables with one value per task, copied to a task when it is spawned.
---
--- A task's values are in one table, with the variables as keys. Tasks share
--- it: it is replaced by a changed copy, never changed.
local core = require("neap.core")

local task_local = {}

---@class neap.TaskLocal
---@field private _default any
local TaskLocal = { __name = "TaskLocal" }
TaskLocal.__index = TaskLocal

-- Stands for nil that was set: a default must not shine through.
local NIL = {}

--- A variable; `default` is its value where it was not set.
---@param default? any
---@return neap.TaskLocal
function task_local.new(default)
  return setmetatable({ _default = default }, TaskLocal)
end

--- The value for the current task.
---@return any
function TaskLocal:get()
  local values = core.locals()
  local value = values and values[self]
  if value == nil then
    return self._default
  elseif value == NIL then
    return nil
  end
  return value
end

--- Sets the value for the current task, and for those it spawns from now on.
---@param value any
function TaskLocal:set(value)
  local values = {}
  for variable, old in next, core.locals() or values do
    values[variable] = old
  end
  values[self] = value == nil and NIL or value
  core.set_locals(values)
end

function TaskLocal:__tostring()
  return ("TaskLocal: %s"):format(tostring(self:get()))
end

return task_local
