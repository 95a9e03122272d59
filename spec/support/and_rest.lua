--- For specs of requests that run on threads: a request whose task was
--- cancelled ends a little later.
local neap = require("neap")

--- A function that runs `fn`, then waits until the threads have left what it
--- began.
---@param fn function  may wait
return function(fn)
  return function()
    local before = neap.stats().handles
    fn()
    repeat
      neap.sleep(0.001)
    until neap.stats().handles <= before
  end
end
