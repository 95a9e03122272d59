---@meta neap.signal

--- Signals of the system. A name is "INT", "TERM", "HUP", ... Any number of tasks may
--- listen to the same signal; when the last one stops, its default action is back.
--- "KILL" and "STOP" are argument errors.
---@class neap.signal
local signal = {}

--- Waits for the first of these signals to come.
---
--- ```lua
--- local task = neap.spawn(signal.wait, "USR1", "USR2")
--- neap.sleep(0)
--- neap.process.run("kill -USR2 " .. neap.process.id(), { shell = true })
--- print(task:await()) --> USR2
--- ```
---@async
---@param ... string  names
---@return string? name
---@return neap.Error? err
function signal.wait(...) end

--- Calls `fn(name)` each time that the signal comes, until the handle is closed. It
--- does not keep the program alive.
---
--- ```lua
--- local got = neap.future()
--- local handle <close> = assert(signal.handle("USR1", function(name) got:set_result(name) end))
--- neap.process.run("kill -USR1 " .. neap.process.id(), { shell = true })
--- print(got:await()) --> USR1
--- ```
---@param name string
---@param fn fun(name: string)  may wait
---@return neap.SignalHandler? handle
---@return neap.Error? err
function signal.handle(name, fn) end

--- An iterator of the names of the signals that come, also between two calls.
---
--- ```lua
--- local signals <close> = assert(signal.stream("USR1", "USR2"))
--- neap.process.run("kill -USR1 " .. neap.process.id(), { shell = true })
--- for name in signals do
---   print(name) --> USR1
---   break
--- end
--- ```
---@param ... string  names
---@return neap.Signals? signals
---@return neap.Error? err
function signal.stream(...) end

--- What `signal.stream` gives: call it for the next name. One task at a time may
--- wait in it (`BUSY`).
---@class neap.Signals
---@overload async fun(): string?
local Signals = {}

--- Ends it. Never waits.
---
--- ```lua
--- local signals = assert(signal.stream("USR1"))
--- signals:close()
--- print(signals()) --> nil
--- ```
function Signals:close() end

--- What `signal.handle` gives.
---@class neap.SignalHandler
local SignalHandler = {}

--- The function is not called again.
---
--- ```lua
--- local handle = assert(signal.handle("USR1", print))
--- handle:close()
--- print("the default action is back") --> the default action is back
--- ```
function SignalHandler:close() end

return signal
