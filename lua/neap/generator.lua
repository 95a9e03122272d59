--- Generators: a function that yields values one at a time and may wait, as may
--- its cleanup, in the task of the caller.
---
--- The function runs in a coroutine, under a pcall inside that coroutine: so an
--- error that leaves it unwinds it while the coroutine still lives, and its
--- <close> handlers can wait. For the same reason `close` does not close the
--- coroutine: it resumes it, and `yield` then raises an error that unwinds the
--- function. A generator that is collected is not unwound, like any coroutine.
---
--- This is the one file of the library that uses `coroutine`.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")

local close_coroutine, create, resume = coroutine.close, coroutine.create, coroutine.resume
local running, status, suspend = coroutine.running, coroutine.status, coroutine.yield

local generator = {}

-- How often a function may swallow the error that unwinds it before it is
-- closed by force.
local PATIENCE = 100

---@class neap.Generator
---@field private _coroutine? thread  nil once it has ended
---@field private _begun boolean
---@field private _running boolean  the function runs, or waits
---@field private _unwinding? neap.Error  close was called: what `yield` raises
---@field private _patience integer
---@operator call: any
local Generator = { __name = "Generator" }
Generator.__index = Generator

--- What the function calls as `yield`.
local function yield(self, ...)
  if running() ~= self._coroutine then
    error(errors.new("INVALID_STATE", "yield was called outside of its generator"), 0)
  end
  if not self._unwinding then
    suspend(...)
  end
  if self._unwinding then
    self._patience = self._patience - 1
    if self._patience == 0 then
      suspend() -- for good
    end
    error(self._unwinding, 0)
  end
end

--- The function would not let itself be unwound: its <close> handlers run now,
--- and cannot wait.
local function close_by_force(self)
  local co = self._coroutine
  self._coroutine = nil
  close_coroutine(co)
  error(errors.new("INVALID_STATE", "the generator went on yielding after it was closed"), 0)
end

--- After resuming it: gives what was yielded; at the end nil, or raises.
local function deliver(self, resumed, ...)
  self._running = false
  if resumed and status(self._coroutine) == "suspended" then
    if self._unwinding then
      close_by_force(self)
    end
    return ...
  end
  self._coroutine = nil
  local ok, err = ...
  if not resumed then
    error(ok, 0) -- Lua's own, such as a stack overflow
  elseif not ok and (err == nil or err ~= self._unwinding) then
    error(err, 0)
  end
  return nil
end

local function step(self)
  self._running = true
  return deliver(self, resume(self._coroutine))
end

--- The next values. Raises `BUSY` while another task waits in the function.
---@async
function Generator:__call()
  if not self._coroutine then
    return nil
  elseif self._running then
    error(errors.new("BUSY", "the generator is running already"), 2)
  end
  self._begun = true
  return step(self)
end

--- Ends the generator: its function is unwound, in the task that closes, held
--- back from cancellation. Raises what the cleanup raises, but never
--- `CANCELLED`. While the function runs or waits elsewhere, it is unwound when
--- it yields next.
---@async
function Generator:close()
  if not self._coroutine then
    return
  elseif not self._begun then
    self._coroutine = nil
    return
  end
  self._unwinding = self._unwinding or errors.new("CANCELLED", "the generator was closed")
  if self._running then
    return
  end
  local ok, err
  if core.canyield() then
    ok, err = pcall(core.shield, step, self)
  else
    ok, err = pcall(step, self)
  end
  if not ok and not errors.is_cancelled(err) then
    error(err, 0)
  end
end

function Generator:__close()
  self:close()
end

function Generator:__tostring()
  local state = not self._coroutine and "ended"
    or self._running and "running"
    or self._begun and "suspended"
    or "new"
  return "Generator: " .. state
end

--- An iterator over what `fn(yield)` yields. It is closable; an iterator that
--- never ran is closed without running.
---@overload fun(fn: fun(yield: fun(...: any))): neap.Generator
function generator.new(...)
  local fn = ...
  args.callable("generator", 1, fn, select("#", ...))
  local self = setmetatable({ _begun = false, _running = false, _patience = PATIENCE }, Generator)
  self._coroutine = create(function()
    return pcall(fn, function(...)
      yield(self, ...)
    end)
  end)
  return self
end

return generator
