--- What every Stream does, whatever carries its bytes.
---
--- A kind of stream is a table:
---   name       for `describe`
---   make()     two connected Streams
---   reset      an abort is an ECONNRESET to a peer that waits to read
local busted = require("busted")
local case = require("spec.support.case")
local closing = require("spec.support.stream.closing")
local interrupting = require("spec.support.stream.interrupting")
local lines = require("spec.support.stream.lines")
local reading = require("spec.support.stream.reading")
local writing = require("spec.support.stream.writing")

local conformance = {}

--- Both ends of a pair, gone when a case ends.
local Ends = {
  __close = function(ends)
    for _, stream in ipairs(ends) do
      stream:abort()
    end
    for _, stream in ipairs(ends) do
      stream:wait_closed()
    end
  end,
}

--- `it` with a connected pair.
local function with(kind)
  return function(title, body)
    case.it(title, function()
      local ends <close> = setmetatable({ kind.make() }, Ends)
      body(ends[1], ends[2])
    end)
  end
end

--- The cases of a kind of stream.
function conformance.run(kind)
  local it = with(kind)
  busted.describe(kind.name, function()
    reading(it)
    lines(it)
    writing(it)
    interrupting(it)
    closing(it, kind)
  end)
end

return conformance
