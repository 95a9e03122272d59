--- Error values: tables with `code` and `message`, and whatever fields apply.
local core = require("neap.core")

---@class neap.Error
---@field code string  an errno name, or one of neap's own such as `CANCELLED`
---@field message string
---@field op? string  what was attempted
---@field host? string
---@field port? integer
---@field path? string

local errors = {}

--- Makes an error value; raises nothing but argument errors.
---@type fun(code: string, message: string, fields?: table): neap.Error
errors.new = core.error

--- The code of an error that neap made, nil for any other value.
---@type fun(err: any): string?
errors.code = core.error_code

--- True for the error that a cancelled task or future raises.
---@param err any
---@return boolean
function errors.is_cancelled(err)
  return core.error_code(err) == "CANCELLED"
end

return errors
