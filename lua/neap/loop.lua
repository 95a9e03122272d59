--- The loop of this host: time, callbacks, running it, the exception handler.
local args = require("neap.args")
local combine = require("neap.combine")
local core = require("neap.core")

local loop = {}

---@class neap.Handle
---@field cancel fun(self: neap.Handle)  does nothing once the callback has started
---@field cancelled fun(self: neap.Handle): boolean
---@field when fun(self: neap.Handle): number?  the time, of a timed one

--- Seconds on a clock that never goes back.
---@type fun(): number
loop.time = core.now

--- Calls `fn(...)` in a task of its own, behind what is ready.
---@type fun(fn: function, ...: any): neap.Handle
loop.call_soon = core.call_soon

--- The same after some seconds.
---@type fun(seconds: number, fn: function, ...: any): neap.Handle
loop.call_later = core.call_later

--- The same at a time of `loop.time`.
---@type fun(time: number, fn: function, ...: any): neap.Handle
loop.call_at = core.call_at

-- ---- running ---------------------------------------------------------------

local waiters = core.waitq() -- tasks in run_forever
local stopping = false -- the next run_forever returns after one turn

--- Ends every `run_forever` that waits; if none does, the next one returns after
--- one turn.
function loop.stop()
  stopping = not waiters:wake()
  while waiters:wake() do
  end
end

--- While it lives, waiting without an end is no deadlock.
local Forever = { __close = core.unforever }

local function park_forever()
  core.checkwait()
  if stopping then
    stopping = false
    core.sleep(0)
    return
  end
  local forever = setmetatable({}, Forever)
  core.forever()
  local _ <close> = forever
  waiters:park("run_forever")
end

--- Runs `fn` as a task of the loop: here, or, outside of any task, by running
--- the loop until it has ended.
local function run(fn)
  if core.current_task() then
    return fn()
  end
  return core.run(fn)
end

--- Parks the task that calls it until `stop`.
---@async
function loop.run_forever()
  return run(park_forever)
end

--- Waits for an awaitable or a function; returns its results or raises its
--- error.
---@async
---@overload async fun(awaitable: neap.Awaitable): ...
function loop.run_until_complete(...)
  local awaitable = ...
  args.awaitable("run_until_complete", 1, awaitable, select("#", ...))
  return run(function()
    core.checkwait()
    return core.await(combine.start(awaitable))
  end)
end

--- True inside tasks and callbacks.
---@return boolean
function loop.is_running()
  return core.current_task() ~= nil
end

-- ---- errors that nobody takes ----------------------------------------------

--- Sets what is called with errors that nobody takes; nil for the default, which
--- writes them to stderr and makes the program's exit status 1.
---@param handler? fun(context: neap.Context)  may wait
function loop.set_exception_handler(handler)
  if handler ~= nil then
    args.callable("set_exception_handler", 1, handler)
  end
  core.set_handler(handler or require("neap.report"))
end

--- Gives a context to the exception handler, in a task of its own.
---@overload fun(context: neap.Context)
function loop.call_exception_handler(...)
  args.table("call_exception_handler", 1, (...), select("#", ...))
  core.report((...))
end

return loop
