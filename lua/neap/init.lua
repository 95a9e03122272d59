--- neap: an async host for Lua. Tasks are coroutines that are parked while they
--- wait; any function called in a task may wait.
local core = require("neap.core")

---@class neap.Future
---@field set_result fun(self: neap.Future, ...: any)
---@field set_error fun(self: neap.Future, err: any)
---@field cancel fun(self: neap.Future, message?: string): boolean
---@field done fun(self: neap.Future): boolean
---@field cancelled fun(self: neap.Future): boolean
---@field result fun(self: neap.Future): ...
---@field error fun(self: neap.Future): any
---@field add_done_callback fun(self: neap.Future, fn: fun(future: neap.Future))
---@field remove_done_callback fun(self: neap.Future, fn: function): integer
---@field await async fun(self: neap.Future): ...

---@class neap.Task: neap.Future
---@field name fun(self: neap.Task): string
---@field set_name fun(self: neap.Task, name: string)
---@field status fun(self: neap.Task): "ready"|"running"|"waiting"|"done"
---@field waiting_on fun(self: neap.Task): string?
---@field traceback fun(self: neap.Task): string?
---@field set_daemon fun(self: neap.Task, on: boolean)

---@class neap.TaskGroup
---@field spawn fun(self: neap.TaskGroup, fn: function, ...: any): neap.Task
---@field cancel fun(self: neap.TaskGroup)

---@class neap  with what is loaded on first use
---@field gather async fun(list: neap.Awaitable[], options?: { return_errors?: boolean }): table
---@field map async fun(list: any[], fn: fun(item: any, i: integer): any, options?: { limit?: integer }): table
---@field wait async fun(list: neap.Awaitable[], options?: neap.WaitOptions): neap.Future[], neap.Future[]
---@field as_completed fun(list: neap.Awaitable[], options?: { timeout?: number }): async fun(): neap.Future?
---@field race async fun(list: neap.Awaitable[]): ...
---@field wait_for async fun(awaitable: neap.Awaitable, seconds: number): ...
---@field shield async fun(what: neap.Awaitable, ...: any): ...
---@field generator fun(fn: fun(yield: fun(...: any))): neap.Generator
---@field every fun(seconds: number): async fun(): integer
---@field task_local fun(default?: any): neap.TaskLocal
---@field is_cancelled fun(err: any): boolean
---@field stdin neap.Stream
---@field stdout neap.Stream
---@field stderr neap.Stream
local neap = {}

neap.version = "0.1.0"

-- ---- tasks and futures -----------------------------------------------------

--- A new Task that runs `fn(...)`, after the current task waits or ends.
---@type fun(fn: function, ...: any): neap.Task
neap.spawn = core.spawn

--- A function that, called, spawns `fn` with its arguments.
---@type fun(fn: function): fun(...: any): neap.Task
neap.async = core.async

--- Waits for a Future, a Task or an object with `__await`; returns all its
--- results or raises its error.
---@type async fun(awaitable: neap.Future|neap.Task|table): ...
neap.await = core.await

--- Waits, then returns the other arguments. 0 gives every other ready task one
--- turn; math.huge waits until cancelled.
---@type async fun(seconds: number, ...: any): ...
neap.sleep = core.sleep

--- A pending Future.
---@type fun(): neap.Future
neap.future = core.future

---@type fun(): neap.Task?
neap.current_task = core.current_task

--- All live tasks, oldest first.
---@type fun(): neap.Task[]
neap.tasks = core.tasks

---@type fun(value: any): boolean
neap.is_future = core.is_future
---@type fun(value: any): boolean
neap.is_task = core.is_task
---@type fun(value: any): boolean
neap.is_awaitable = core.is_awaitable

--- Runs `fn(...)` in the current task. Past the deadline, waits in it raise
--- `CANCELLED`, which becomes `TIMEOUT` where it leaves `fn`.
---@type async fun(seconds: number, fn: function, ...: any): ...
neap.timeout = core.timeout

--- A block that does not end before the tasks that were spawned in it: a value
--- for `local group <close>`, or, given a function, a call of it.
---@type async fun(fn?: fun(group: neap.TaskGroup): ...): ...
neap.task_group = core.task_group

--- Waits until a descriptor of another library can be read, or has ended.
--- Raises `BUSY` if another task waits for that. The descriptor stays as it is,
--- blocking or not; while it is waited for, its owner should not close it.
---@type async fun(fd: integer): true?, neap.Error?
neap.wait_readable = core.wait_readable

--- Waits until a descriptor of another library can be written.
---@type async fun(fd: integer): true?, neap.Error?
neap.wait_writable = core.wait_writable

-- ---- errors ----------------------------------------------------------------

--- Makes an error value; raises nothing but argument errors.
---@type fun(code: string, message: string, fields?: table): neap.Error
neap.error = core.error

--- The code of an error that neap made, nil for any other value.
---@type fun(err: any): string?
neap.error_code = core.error_code

core.set_handler(function(context)
  return require("neap.report")(context)
end)

-- ---- the program -----------------------------------------------------------

--- Runs `fn(...)` as the main task of a loop, in a Lua that is not the host's.
---@type fun(fn: function, ...: any): ...
neap.run = core.run

--- Counts of tasks, ready ones, handles, timers, memory, turns.
---@type fun(): table<string, number>
neap.stats = core.stats

--- A text of all live tasks: name, state, what each waits for, and where.
---@type fun(): string
neap.dump = core.dump

--- Switches debug mode on or off, and tells whether it was on: warnings of tasks
--- that hold the loop for more than 0.1 s, of what is collected unclosed and of
--- tasks that still wait when the host closes; tracebacks tell where tasks were
--- spawned. `neap --debug` and NEAP_DEBUG=1 switch it on from the start.
---@type fun(on?: boolean): boolean
neap.debug = core.debug

---@type fun(n: integer): string
neap.random_bytes = core.random_bytes
---@type fun(): integer
neap.cpu_count = core.cpu_count

--- Cancels and unwinds everything, the caller too, then ends the program with
--- that status, the first one given. Does not return.
---@param code? integer|boolean  default 0
function neap.exit(code)
  if type(code) == "boolean" then
    code = code and 0 or 1
  elseif code ~= nil then
    code = require("neap.args").integer("exit", 1, code, 1, math.mininteger)
  end
  core.exit(code)
  if core.canyield() then
    core.checkwait() -- raises, unless shielded
  end
  error(core.error("CANCELLED", "the program is ending"), 0)
end

if core.is_command then
  local exit = os.exit
  rawset(os, "exit", function(code, close)
    if close then
      neap.exit(code)
    end
    core.flush_all()
    exit(code)
  end)
end

-- ---- what is loaded on first use -------------------------------------------

-- Name -> module.
local late = {
  as_completed = "combine",
  every = "every",
  gather = "combine",
  generator = "generator",
  is_cancelled = "errors",
  map = "combine",
  race = "combine",
  shield = "combine",
  task_local = "task_local",
  wait = "combine",
  wait_for = "combine",
}

local streams = { stdin = true, stdout = true, stderr = true }

local submodules = {}
for _, name in ipairs({
  "fs", "http", "loop", "net", "process", "protocol", "signal", "sync", "testing", "thread", "tls",
}) do
  submodules[name] = package.preload["neap." .. name] ~= nil -- in this build
end

--- What this build can do.
---@type table<string, boolean>
neap.features = { http = submodules.http, thread = submodules.thread, tls = submodules.tls }

--- The names of what is loaded on first use.
local function late_names()
  local names = {}
  for _, list in ipairs({ late, streams, submodules }) do
    for name in pairs(list) do
      table.insert(names, name)
    end
  end
  return names
end

return setmetatable(neap, {
  __names = late_names,
  __index = function(self, name)
    local value
    if late[name] then
      local module = require("neap." .. late[name])
      value = module[name] or module.new
    elseif streams[name] then
      value = require("neap.stdio")[name]
    elseif submodules[name] then
      value = require("neap." .. name)
    elseif submodules[name] == false then
      error(("this neap was built without '%s' (see neap.features)"):format(name), 2)
    end
    if value ~= nil then
      self[name] = value
    end
    return value
  end,
})
