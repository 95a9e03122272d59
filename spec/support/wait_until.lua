--- Turns the loop until something has come about.
local neap = require("neap")

--- Raises TIMEOUT where that takes longer than 5 seconds.
---@param condition fun(): any  true once it has
local function wait_until(condition)
  neap.timeout(5, function()
    while not condition() do
      neap.sleep(0.001)
    end
  end)
end

return wait_until
