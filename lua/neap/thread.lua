--- Threads: functions that run in another Lua state, in parallel with this one,
--- and channels between them. What goes over is copied.
local combine = require("neap.combine")
local core = require("neap.core")

local native = core.thread

local thread = {}

---@class neap.Channel
---@field send async fun(self: neap.Channel, value: any)  waits while it is full; raises `CLOSED`
---@field receive async fun(self: neap.Channel): any  nil when it is closed and empty
---@field items fun(self: neap.Channel): async fun(): any
---@field close fun(self: neap.Channel)

---@class neap.Thread
---@field private _job table
---@field private _task neap.Task  waits for the end of the thread
local Thread = { __name = "Thread" }
Thread.__index = Thread

local count = 0

--- Runs `fn(...)` in a thread of a pool, which has a state of its own, and
--- returns its results. `fn`, its upvalues, the arguments and the results are
--- copied; what cannot be is an argument error that names it. An error comes
--- back with its traceback. Cancelling ends what runs, and waits for that.
---@type async fun(fn: function, ...: any): ...
thread.run = native.run

--- A channel for values between threads: what is sent at one end is received at
--- the other, by one receiver, in order. `capacity` is how many may lie in it
--- before `send` waits; 0, the default, is any number.
---@type fun(capacity?: integer): neap.Channel
thread.channel = core.channel

--- Starts a thread with a loop of its own, in which `fn(...)` is the main task:
--- everything of neap works there. It ends when nothing is left alive in it.
---@param fn function
---@param ... any
---@return neap.Thread
local function start(fn, ...)
  local job = native.spawn(fn, ...)
  count = count + 1
  local task = core.spawn(job.await, job)
  task:set_name("thread-" .. count)
  return setmetatable({ _job = job, _task = task }, Thread)
end

thread.spawn = start

--- Waits until the thread has ended; returns what its function returned, or
--- raises its error.
---@async
function Thread:await()
  return core.await(self._task)
end

Thread.__await = Thread.await

--- Asks the thread to end: its tasks are cancelled and unwound, and what
--- computes is interrupted. `await` then raises `CANCELLED`.
function Thread:stop()
  self._job:stop()
end

Thread.close = Thread.stop

function Thread:__close()
  self:stop()
  local task = self._task
  core.shield(combine.wait, { task })
end

function Thread:__tostring()
  return ("Thread %s: %s"):format(self._task:name(), self._task:done() and "ended" or "running")
end

return thread
