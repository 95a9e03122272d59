--- What neap.testing hears of busted, when specs run in this interpreter: when a
--- spec file, a block or a spec begins and ends, and when something fails.
local listening = {}
local subscribed = false

local runner = {}

-- busted's names for the events, and the names of the handlers for them.
local channels = {
  [{ "file", "start" }] = "block_start",
  [{ "file", "end" }] = "block_end",
  [{ "describe", "start" }] = "block_start",
  [{ "describe", "end" }] = "block_end",
  [{ "test", "start" }] = "test_start",
  [{ "test", "end" }] = "test_end",
  [{ "suite", "end" }] = "suite_end",
  [{ "failure" }] = "failed",
  [{ "error" }] = "failed",
}

--- Subscribes to busted's events as soon as there is a busted; true if there is.
---@return boolean
function runner.attach()
  local busted = package.loaded.busted
  if subscribed or type(busted) ~= "table" or not busted.subscribe then
    return subscribed
  end
  subscribed = true
  for channel, name in pairs(channels) do
    busted.subscribe(channel, function(element)
      for _, handlers in ipairs(listening) do
        if handlers[name] then
          handlers[name](element)
        end
      end
      return nil, true -- others hear of it, too
    end)
  end
  return true
end

--- Calls the handlers at each event from now on.
---@param handlers table<string, fun(element: table)>
function runner.listen(handlers)
  table.insert(listening, handlers)
end

return runner
