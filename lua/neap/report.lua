--- The default exception handler: writes what nobody took to stderr. The
--- program's exit status becomes 1, unless it came out of a handler of `serve`.
local core = require("neap.core")

---@class neap.Context  what an exception handler gets
---@field message string  what happened
---@field error any
---@field task? neap.Task  whose error it is
---@field future? neap.Future
---@field traceback? string
---@field handler? boolean  it came out of a handler of `serve`

---@param context neap.Context
return function(context)
  if not context.handler then
    core.set_failed()
  end
  local text = ("neap: %s"):format(context.message or "unhandled error")
  if context.error ~= nil then
    text = ("%s: %s"):format(text, tostring(context.error))
  end
  if context.traceback then
    text = ("%s\n%s"):format(text, context.traceback)
  end
  if io then
    io.stderr:write(text .. "\n") -- in one piece: threads write too
  end
end
