--- The wait queue of the core, with its methods as functions: called so, they
--- are not looked up in its class each time.
local core = require("neap.core")

local methods = core.waitq()

return {
  new = core.waitq,
  park = methods.park,
  park_always = methods.park_always,
  wake = methods.wake,
  count = methods.count,
}
