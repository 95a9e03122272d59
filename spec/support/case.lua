--- `it` for specs: fails a body that leaves tasks, handles or descriptors.
local busted = require("busted")
local core = require("neap.core")
local testing = require("neap").testing

local case = {}

--- A case that leaves nothing behind.
---@param name string  one behaviour in the present tense
---@param body function  may wait
function case.it(name, body)
  return busted.it(name, function()
    testing.no_leaks(body)
  end)
end

--- A case that leaves nothing behind and whose clock jumps when nothing is
--- ready, so that a sleep of an hour takes no time.
---@param name string
---@param body function  may wait
function case.timed(name, body)
  return busted.it(name, function()
    testing.no_leaks(function()
      testing.virtual_clock(body)
    end)
  end)
end

local Restore = { __close = function() core.virtual_clock(false) end }

--- Like `timed`, with real sockets whose two ends both belong to the body. It
--- must be busy whenever the clock is to stand still: the clock does not know
--- of bytes that are under way.
---@param name string
---@param body function  may wait
function case.timed_sockets(name, body)
  return busted.it(name, function()
    testing.no_leaks(function()
      core.virtual_clock(true, true)
      local _ <close> = setmetatable({}, Restore)
      body()
    end)
  end)
end

return case
