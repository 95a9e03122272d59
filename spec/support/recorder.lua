--- A protocol that writes down what is called, for specs.
local neap = require("neap")

local recorder = {}

local Recorder = {}
Recorder.__index = Recorder

--- Notes the call, and runs what the spec wants to happen in it. Fails the spec
--- if another call is under way in another task.
local function note(self, name, ...)
  table.insert(self.names, name)
  if self.inside and self.inside ~= neap.current_task() then
    table.insert(self.names, "OVERLAP " .. name)
  end
  local outer = self.inside
  self.inside = neap.current_task()
  local act, result = self.acts[name], nil
  if act then
    result = act(self, ...)
  end
  self.inside = outer
  return result
end

function Recorder:connection_made(transport)
  self.transport = transport
  return note(self, "connection_made", transport)
end

function Recorder:data_received(data)
  table.insert(self.data, data)
  return note(self, "data_received", data)
end

function Recorder:connection_lost(err)
  self.err = err
  note(self, "connection_lost", err)
  self.lost:set_result(true)
end

for _, name in ipairs({
  "eof_received", "pause_writing", "resume_writing", "datagram_received", "error_received",
}) do
  Recorder[name] = function(self, ...)
    return note(self, name, ...)
  end
end

--- All that was received.
function Recorder:text()
  return table.concat(self.data)
end

--- How often a method was called.
function Recorder:count(name)
  local n = 0
  for _, other in ipairs(self.names) do
    n = n + (other == name and 1 or 0)
  end
  return n
end

--- The calls in their order, data_received only once in a row.
function Recorder:order()
  local list = {}
  for _, name in ipairs(self.names) do
    if name ~= "data_received" or list[#list] ~= name then
      table.insert(list, name)
    end
  end
  return table.concat(list, " ")
end

--- A protocol whose `lost` is a future.
---@param acts table<string, function>?  what happens in a method
function recorder.new(acts)
  return setmetatable({ names = {}, data = {}, acts = acts or {}, lost = neap.future() }, Recorder)
end

return recorder
