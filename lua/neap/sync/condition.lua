--- A condition: tasks that hold a lock wait for others to notify them that
--- something has changed. The lock is released while they wait.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local guard = require("neap.sync.guard")
local lock = require("neap.sync.lock")
local waitq = require("neap.sync.waitq")

local condition = {}

---@class neap.Condition: neap.Guarded
---@field private _lock neap.Lock
---@field private _waiters table
local Condition = { __name = "Condition" }
Condition.__index = Condition
guard.extend(Condition)

--- A condition with a lock of its own, or with the given one.
---@param own? neap.Lock
---@return neap.Condition
function condition.new(own)
  if own ~= nil and not lock.is(own) then
    args.refuse("condition", 1, own, nil, "Lock")
  end
  return setmetatable({ _lock = own or lock.new(), _waiters = waitq.new() }, Condition)
end

---@async
function Condition:acquire()
  self._lock:acquire()
end

local function check_held(self)
  if not self._lock:locked() then
    error(errors.new("INVALID_STATE", "the lock of the condition is not held"), 3)
  end
end

--- Raises `INVALID_STATE` if the lock is not held.
function Condition:release()
  check_held(self)
  self._lock:release()
end

---@return boolean
function Condition:locked()
  return self._lock:locked()
end

--- Releases the lock, waits until notified, and takes the lock back, also when
--- cancelled. (By pcall: a <close> variable could not wait where the error
--- leaves a coroutine that the script made.)
local function wait(self)
  core.checkwait()
  self._lock:release()
  local ok, err = pcall(waitq.park, self._waiters, "condition wait")
  self._lock:_retake()
  if not ok then
    error(err, 0)
  end
end

--- Releases the lock until somebody notifies.
--- Raises `INVALID_STATE` if the lock is not held.
---@async
function Condition:wait()
  check_held(self)
  wait(self)
end

--- Waits until `predicate()`, called with the lock held, gives a true value,
--- and returns that. Raises `INVALID_STATE` if the lock is not held.
---@async
function Condition:wait_for(...)
  local predicate = ...
  args.callable("wait_for", 1, predicate, select("#", ...))
  check_held(self)
  core.checkwait()
  local value = predicate()
  while not value do
    wait(self)
    value = predicate()
  end
  return value
end

--- Wakes the first `n` of those who wait. They go on once they have the lock.
--- Raises `INVALID_STATE` if the lock is not held.
---@param n? integer  default 1
function Condition:notify(n)
  if n ~= nil then
    n = args.integer("notify", 1, n, 1, 0)
  end
  check_held(self)
  for _ = 1, n or 1 do
    if not waitq.wake(self._waiters) then
      return
    end
  end
end

--- Wakes all who wait. Raises `INVALID_STATE` if the lock is not held.
function Condition:notify_all()
  check_held(self)
  while waitq.wake(self._waiters) do
  end
end

function Condition:__tostring()
  return ("Condition: %s, %d waiting"):format(
    self._lock:locked() and "held" or "free", waitq.count(self._waiters))
end

return condition
