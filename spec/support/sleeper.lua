--- Tasks that sleep, for specs of cancelling.
local neap = require("neap")

--- A task that sleeps for long and logs how it ended.
---@param log string[]
---@param name string  what it returns when it has slept
---@return neap.Task
local function sleeper(log, name)
  return neap.spawn(function()
    local ok, err = pcall(neap.sleep, 100)
    table.insert(log, name .. (ok and " slept" or " " .. neap.error_code(err)))
    if not ok then
      error(err, 0)
    end
    return name
  end)
end

return sleeper
