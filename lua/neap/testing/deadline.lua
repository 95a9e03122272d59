--- Deadlines of specs, by the real clock. A guard watches a stretch of a task: it
--- cancels the stretch when its time is over, and raises an error with the dump of
--- all tasks where the stretch ends. What does not end even then, and what hangs
--- outside of an `it`, ends the program.
---
--- The one watchdog of the host is set for the guard that is due first.
local args = require("neap.args")
local core = require("neap.core")
local runner = require("neap.testing.busted")

local LONGEST = 1e6 -- seconds

local deadline = {}

-- ---- guards ----------------------------------------------------------------

local guards = {}
local ending = false -- the program is: what computes is still to be suspended

local watch

local function bark()
  local now, due = core.real_now(), {}
  for guard in pairs(guards) do
    if guard.due <= now then
      table.insert(due, guard)
    end
  end
  for _, guard in ipairs(due) do
    guard:expire()
  end
  watch()
end

-- A task that computes without a wait would not let the watchdog run. After the
-- time of the shortest deadline it is suspended for that, and not before.
local preempted = 0 -- seconds; 0: never

local function preempt(seconds)
  if seconds == preempted then
    return
  end
  local was = core.preempt_after(seconds)
  if was == preempted then
    preempted = seconds
  else
    core.preempt_after(was) -- the program has it so, and it is in force
  end
end

function watch()
  if ending then
    return
  end
  local first, shortest = math.huge, math.huge
  for guard in pairs(guards) do
    first = math.min(first, guard.due)
    shortest = math.min(shortest, guard.seconds or math.huge)
  end
  if first < math.huge then
    preempt(math.max(shortest, 0.01))
    core.watchdog(math.max(0, first - core.real_now()), bark)
  else
    preempt(0)
    core.watchdog()
  end
end

-- From here on down, a stack is busted's; and what leads there.
local BUSTED = "/busted/[^\n]*:%d+:"
local TO_BUSTED = { ["\t[C]: in function 'xpcall'"] = true, ["\t(...tail calls...)"] = true }

--- The dump of all tasks but the running one, which is the watchdog's, without
--- the frames of busted and of this file.
local function dump()
  local own, kept, skipping = core.current_task():name() .. ": ", {}, false
  for line in core.dump():gmatch("[^\n]+") do
    if not line:find("^\t") and line ~= "stack traceback:" then
      skipping = line:sub(1, #own) == own
    elseif not skipping and line:find(BUSTED) then
      skipping = true
      while TO_BUSTED[kept[#kept]] do
        table.remove(kept)
      end
    end
    if not skipping and not line:find("^\tneap/testing/deadline%.lua:") then
      table.insert(kept, line)
    end
  end
  return table.concat(kept, "\n")
end

local function end_program(text)
  ending = true
  io.stderr:write("neap: ", text, "; the tasks:\n", dump(), "\n")
  core.exit(1)
end

local Guard = {}
Guard.__index = Guard

--- From now on, `seconds` are left; nil: any time.
function Guard:start(seconds)
  self.seconds = seconds
  self.due = seconds and core.real_now() + seconds or math.huge
  guards[self] = true
  watch()
end

function Guard:stop()
  guards[self] = nil
  watch()
end

function Guard:expire()
  if self.dump then
    guards[self] = nil
    end_program(("%s does not end, %g s after its deadline"):format(self.name, self.seconds))
    return
  end
  self.dump = dump()
  self.due = core.real_now() + self.seconds
  self.group:cancel()
end

function Guard:__close()
  self:stop()
  if self.dump then
    local text = ("the deadline of %g s has passed; the tasks:\n%s"):format(self.seconds, self.dump)
    error(core.error("TIMEOUT", text), 0)
  end
end

local function run(guard, seconds, fn, ...)
  local group <close> = core.task_group()
  guard.group = group
  local _ <close> = guard
  guard:start(seconds)
  return fn(...)
end

-- ---- specs -----------------------------------------------------------------

local setting -- seconds for each spec, or nil
local outer = {} -- the settings of the blocks around
local spec, body -- the guard of the `it` that runs; its element and function

-- Between the specs: hooks and blocks.
local between = setmetatable({}, Guard)

function between:expire()
  self:stop()
  end_program(("nothing has gone on between specs for %g s"):format(self.seconds))
end

local function restart_between()
  if setting then
    between:start(setting)
  else
    between:stop()
  end
end

local handlers = {}

function handlers.block_start()
  table.insert(outer, setting or false)
  restart_between()
end

function handlers.block_end()
  setting = table.remove(outer) or nil
  restart_between()
end

function handlers.test_start(element)
  between:stop()
  local guard, fn = setmetatable({ name = tostring(element.name) }, Guard), element.run
  if type(fn) ~= "function" then
    return
  end
  spec, body = guard, { element = element, run = fn }
  element.run = function()
    return run(guard, setting, fn)
  end
end

function handlers.test_end()
  if body then
    body.element.run = body.run
  end
  spec, body = nil, nil
  restart_between()
end

function handlers.suite_end()
  between:stop()
end

runner.listen(handlers)

--- With a function: runs `fn(...)` and returns its results; if it has not ended
--- after so many seconds of the real clock, it is cancelled, and raises the error
--- `TIMEOUT`, whose message has the dump of all tasks.
---
--- Without one, in specs that busted runs: the same for each `it` from now on,
--- in the spec file or `describe` that it is called in; in an `it`, for what is
--- left of that one; in a helper, for all. A spec that does not end although it
--- is cancelled, or a hook that hangs, ends the program.
---@async
---@overload fun(seconds: number|nil)
---@param seconds number  real ones
---@param fn? function
---@return ...
function deadline.set(seconds, fn, ...)
  if fn ~= nil or seconds ~= nil then
    seconds = args.number("deadline", 1, seconds, 1)
    if seconds <= 0 or seconds > LONGEST then
      args.fail("deadline", 1, "more than 0 and at most a million seconds expected")
    end
  end
  if fn ~= nil then
    args.callable("deadline", 2, fn, 2)
    return run(setmetatable({ name = "the function" }, Guard), seconds, fn, ...)
  end
  if not runner.attach() then
    error(core.error("INVALID_STATE", "no specs run here; give deadline a function"), 2)
  end
  if spec then
    spec:start(seconds)
  else
    setting = seconds
    restart_between()
  end
end

--- The deadline of a run, as its helper sets it.
---@param seconds number
function deadline.default(seconds)
  setting = seconds
end

return deadline
