--- Signals of the system: waiting for them, handlers, streams of them. Any
--- number may listen to the same signal; when the last one goes, its default
--- action is back. A name is "INT", "TERM", "HUP", …
local args = require("neap.args")
local core = require("neap.core")

local signal = {}

--- The numbers of the names that a public function was given.
---@return integer[]? numbers
---@return integer? position  of the argument that is wrong
---@return string? problem  nil: it is no string
local function numbers_of(count, ...)
  local numbers, seen = {}, {}
  for i = 1, math.max(count, 1) do
    local name = select(i, ...)
    if type(name) ~= "string" then
      return nil, i
    end
    local number, plain = core.signal_number(name)
    if not number then
      return nil, i, ("unknown signal '%s'"):format(name)
    elseif plain == "KILL" or plain == "STOP" then
      return nil, i, ("nobody can listen to %s"):format(plain)
    end
    if not seen[number] then
      seen[number] = true
      table.insert(numbers, number)
    end
  end
  return numbers
end

--- An iterator that waits for signals, also for those that come between two
--- calls. It ends when it is closed. One task at a time may wait in it (`BUSY`).
---@class neap.Signals
---@field close fun(self: neap.Signals)
---@operator call: string?

--- An iterator of the names of the signals that come.
---@param ... string  names
---@return neap.Signals? signals
---@return neap.Error? err
function signal.stream(...)
  local numbers, position, problem = numbers_of(select("#", ...), ...)
  if problem then
    args.fail("stream", position, problem)
  elseif not numbers then
    args.refuse("stream", position, (select(position, ...)), select("#", ...), "string")
  end
  return core.signals(table.unpack(numbers))
end

--- Waits for the first of these signals to come.
---@async
---@param ... string  names
---@return string? name
---@return neap.Error? err
function signal.wait(...)
  local numbers, position, problem = numbers_of(select("#", ...), ...)
  if problem then
    args.fail("wait", position, problem)
  elseif not numbers then
    args.refuse("wait", position, (select(position, ...)), select("#", ...), "string")
  end
  core.checkwait()
  local signals, err = core.signals(table.unpack(numbers))
  if not signals then
    return nil, err
  end
  local open <close> = signals
  return (open())
end

---@class neap.SignalHandler
---@field package _signals neap.Signals
---@field package _name string
---@field package _task neap.Task
local Handler = { __name = "SignalHandler" }
Handler.__index = Handler

local function call_for_each(signals, fn)
  for name in signals do
    core.spawn_callback(fn, name)
  end
end

--- Calls `fn(name)` each time that the signal comes, until the handle that it
--- returns is closed. Does not keep the program alive.
---@param name string
---@param fn fun(name: string)  may wait
---@return neap.SignalHandler? handle
---@return neap.Error? err
function signal.handle(...)
  local name, fn = ...
  local count = select("#", ...)
  local numbers, position, problem = numbers_of(1, name)
  if problem then
    args.fail("handle", position, problem)
  elseif not numbers then
    args.refuse("handle", position, (select(position, ...)), select("#", ...), "string")
  end
  args.callable("handle", 2, fn, count)
  local signals, err = core.signals(numbers[1])
  if not signals then
    return nil, err
  end
  local task = core.spawn(call_for_each, signals, fn)
  task:set_daemon(true)
  task:set_name("signal " .. name)
  return setmetatable({ _signals = signals, _name = name, _task = task }, Handler)
end

--- The function is not called again.
function Handler:close()
  self._signals:close()
end

Handler.__close = Handler.close

function Handler:__tostring()
  return ("SignalHandler (%s)"):format(self._name)
end

return signal
