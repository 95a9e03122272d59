---@meta neap.thread

--- Functions that run in another Lua state, in parallel with this one, and channels
--- between them. What goes over is copied: nil, booleans, numbers, strings, tables,
--- channels, and functions with their upvalues; `_ENV` and loaded modules go by name.
--- Anything else is an argument error that names it.
---@class neap.thread
local thread = {}

--- Runs `fn(...)` in a thread of a pool and returns its results. An error comes back
--- with its traceback. Cancelling ends what runs, and waits for that.
---
--- ```lua
--- print(thread.run(function(n)
---   local sum = 0
---   for i = 1, n do sum = sum + i end
---   return sum
--- end, 1000)) --> 500500
--- ```
---@async
---@param fn function
---@param ... any  its arguments
---@return any ...
function thread.run(fn, ...) end

--- Starts a thread with a loop of its own, in which `fn(...)` is the main task:
--- everything of neap works there. It ends when nothing is left alive in it.
---
--- ```lua
--- local other <close> = thread.spawn(function(name)
---   local neap = require "neap"
---   neap.sleep(0.01)
---   return "hello " .. name
--- end, "thread")
--- print(other:await()) --> hello thread
--- ```
---@param fn function
---@param ... any  its arguments
---@return neap.Thread thread
function thread.spawn(fn, ...) end

--- A channel for values between threads: what is sent at one end is received at the
--- other, by one receiver, in order.
---
--- ```lua
--- local numbers = thread.channel()
--- local other <close> = thread.spawn(function()
---   for i = 1, 3 do numbers:send(i) end
---   numbers:close()
--- end)
--- local sum = 0
--- for n in numbers:items() do sum = sum + n end
--- print(sum) --> 6
--- ```
---@param capacity? integer  how many values may lie in it; 0, the default, is any number
---@return neap.Channel channel
function thread.channel(capacity) end

--- A thread with a loop of its own. `<close>` stops it and waits for its end.
---@class neap.Thread
local Thread = {}

--- Waits until it has ended; returns what its function returned, or raises its
--- error.
---
--- ```lua
--- local other = thread.spawn(function() return 6 * 7 end)
--- print(other:await()) --> 42
--- ```
---@async
---@return any ...
function Thread:await() end

--- Asks it to end: its tasks are cancelled and unwound, and what computes is
--- interrupted. `await` then raises `CANCELLED`.
---
--- ```lua
--- local other = thread.spawn(function() while true do end end)
--- other:stop()
--- print(select(2, pcall(other.await, other)).code) --> CANCELLED
--- ```
function Thread:stop() end

--- `stop` by another name, as everything that holds a resource has it.
---
--- ```lua
--- local other = thread.spawn(function() require("neap").sleep(60) end)
--- other:close()
--- print(select(2, pcall(other.await, other)).code) --> CANCELLED
--- ```
function Thread:close() end

--- Values on their way between threads. Each end parks only its task.
---@class neap.Channel
local Channel = {}

--- Sends a value; waits while the channel is full. Raises `CLOSED` once it is
--- closed.
---
--- ```lua
--- local channel = thread.channel(1)
--- channel:send({ n = 1 })
--- print(channel:receive().n) --> 1
--- ```
---@async
---@param value any
function Channel:send(value) end

--- Waits for a value; nil when the channel is closed and empty.
---
--- ```lua
--- local channel = thread.channel()
--- channel:send("last")
--- channel:close()
--- print(channel:receive(), channel:receive()) --> last nil
--- ```
---@async
---@return any value
function Channel:receive() end

--- An iterator over values until the channel is closed and empty.
---
--- ```lua
--- local channel = thread.channel()
--- channel:send("a")
--- channel:close()
--- for value in channel:items() do
---   print(value) --> a
--- end
--- ```
---@return async fun(): any iterator
function Channel:items() end

--- Closes it for both sides; what is in it can still be received.
---
--- ```lua
--- local channel = thread.channel()
--- channel:close()
--- print(select(2, pcall(channel.send, channel, 1)).code) --> CLOSED
--- ```
function Channel:close() end

return thread
