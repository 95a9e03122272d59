--- The loop of this host: time, callbacks, running it, the exception handler.
local args = require("neap.args")
local combine = require("neap.combine")
local core = require("neap.core")

local loop = {}

---@class neap.Handle
---@field cancel fun(self: neap.Handle)  does nothing once the callback has started
---@field close fun(self: neap.Handle)  the same, for `<close>`
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

-- ---- descriptors -----------------------------------------------------------

--- What is called when a descriptor is ready. Each round is a callback, which
--- waits for the descriptor and then calls; the next one begins when it ends.
---@class neap.Watcher
---@field fd integer
---@field wait async fun(fd: integer): true?, neap.Error?
---@field list table<integer, neap.Watcher>
---@field call table  the function and its arguments
---@field locals table?  task-local values of who added it
---@field task neap.Task  the round under way
---@field calling boolean  it is in the function

local function forget(watcher)
  if watcher.list[watcher.fd] == watcher then
    watcher.list[watcher.fd] = nil
    core.poll_release(watcher.fd)
  end
end

local round

--- Closed when the function has returned or failed.
local NextRound = {
  __close = function(self)
    local watcher = self.watcher
    if watcher.list[watcher.fd] ~= watcher then
      return -- removed or replaced
    elseif pcall(core.checkwait) then
      watcher.task = core.spawn_callback(round, watcher)
    else
      forget(watcher) -- cancelled: the program ends
    end
  end,
}

function round(watcher)
  watcher.calling = false
  if watcher.locals or core.locals() then
    core.set_locals(watcher.locals or {})
  end
  local ok, err = watcher.wait(watcher.fd)
  if not ok then
    forget(watcher)
    error(err, 0)
  end
  local _ <close> = setmetatable({ watcher = watcher }, NextRound)
  local call = watcher.call
  watcher.calling = true
  call[1](table.unpack(call, 2, call.n))
end

local function remove(list, fd)
  local watcher = list[fd]
  if not watcher then
    return false
  end
  forget(watcher)
  if not watcher.calling then
    watcher.task:cancel()
  end
  return true
end

local function add(name, list, wait, fd, ...)
  local held, err = core.poll_hold(fd, name)
  if not held then
    return nil, err
  end
  remove(list, fd)
  local watcher = {
    fd = fd,
    wait = wait,
    list = list,
    call = table.pack(...),
    locals = core.locals(),
  }
  list[fd] = watcher
  watcher.task = core.spawn_callback(round, watcher)
  return true
end

local readers, writers = {}, {}

--- Calls `fn(...)` each time that a descriptor can be read, but not again before
--- it has returned; replaces what was added for it before. Keeps the program
--- alive until removed. For descriptors of other libraries.
---@param fd integer
---@param fn function  may wait
---@param ... any
---@return true? ok
---@return neap.Error? err  not a descriptor that can be waited for
function loop.add_reader(...)
  local fd, fn = ...
  local count = select("#", ...)
  fd = args.integer("add_reader", 1, fd, count, 0)
  args.callable("add_reader", 2, fn, count)
  return add("add_reader", readers, core.wait_readable, fd, select(2, ...))
end

--- The function is not called again; true if there was one.
---@param fd integer
---@return boolean
function loop.remove_reader(...)
  local fd = args.integer("remove_reader", 1, (...), select("#", ...), 0)
  return remove(readers, fd)
end

--- Calls `fn(...)` each time that a descriptor can be written, as `add_reader`.
---@param fd integer
---@param fn function  may wait
---@param ... any
---@return true? ok
---@return neap.Error? err  not a descriptor that can be waited for
function loop.add_writer(...)
  local fd, fn = ...
  local count = select("#", ...)
  fd = args.integer("add_writer", 1, fd, count, 0)
  args.callable("add_writer", 2, fn, count)
  return add("add_writer", writers, core.wait_writable, fd, select(2, ...))
end

--- The function is not called again; true if there was one.
---@param fd integer
---@return boolean
function loop.remove_writer(...)
  local fd = args.integer("remove_writer", 1, (...), select("#", ...), 0)
  return remove(writers, fd)
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
