--- What holds for every call that waits for what the system wakes.
---
--- A kind of waiter is a table. One task waits at a time, and a wake-up takes effect
--- some time after `wake`, which may wait:
---   new()      an object on which `wait` parks
---   wait(o)    the call under test; returns something true
---   wake(o)    brings about what it waits for
---   close(o)   the end of the object
---   kept       a wake-up that nobody took is there for the next to wait
---   quick      nothing needs to wake it: it ends by itself soon
local assert = require("luassert")
local and_rest = require("spec.support.and_rest")
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it

local conformance = {}

-- A deadline for what must come.
local PATIENCE = 10

--- Cases for a kind that the system wakes.
function conformance.system(kind)
  local function case_of(name, body)
    it(name, and_rest(function()
      local object <close> = setmetatable({ kind.new() }, { __close = function(o) kind.close(o[1]) end })
      body(object[1])
    end))
  end

  local function waiting(object)
    local task = neap.spawn(kind.wait, object)
    neap.sleep(0)
    return task
  end

  --- Somebody who waits now is served: by what is there or, where nothing is
  --- kept, by a wake-up of its own.
  local function serve(object)
    local task = waiting(object)
    if not kind.kept then
      kind.wake(object)
    end
    return assert.is_truthy(neap.timeout(PATIENCE, task.await, task))
  end

  case_of("serves who waits", function(object)
    local task = waiting(object)

    kind.wake(object)

    assert.is_truthy(neap.timeout(PATIENCE, task.await, task))
  end)

  if not kind.quick then
    case_of("says what a task waits on", function(object)
      local task = waiting(object)
      assert.equal("waiting", task:status())
      assert.matches("%a", task:waiting_on())
      task:cancel()
      neap.wait({ task })
    end)
  end

  case_of("raises CANCELLED in a waiter that is cancelled, and serves the next", function(object)
    local served
    repeat -- what is quick may be served before it is cancelled
      local task = waiting(object)
      served = not task:cancel() or kind.quick and pcall(neap.await, task)
      if served then
        assert.is_true(kind.quick)
      else
        expect.code("CANCELLED", neap.await, task)
      end
    until not served
    if kind.kept then
      kind.wake(object)
    end
    serve(object)
  end)

  case_of("takes nothing when cancelled before it waits", function(object)
    if kind.kept then
      kind.wake(object)
    end
    local task = neap.spawn(function()
      neap.current_task():cancel()
      kind.wait(object)
    end)

    expect.code("CANCELLED", neap.await, task)
    serve(object)
  end)

  case_of("raises TIMEOUT past a deadline, and waits on as if nothing had been", function(object)
    if not kind.quick then
      expect.code("TIMEOUT", neap.timeout, 0.001, kind.wait, object)
    end
    if kind.kept then
      kind.wake(object)
    end
    serve(object)
  end)

  for turns = 0, 5 do
    case_of("loses nothing when cancelled with a wake-up on its way, after turns: " .. turns, function(object)
      local task = waiting(object)

      kind.wake(object)
      for _ = 1, turns do
        neap.sleep(0)
      end
      task:cancel()

      neap.wait({ task })
      if task:cancelled() then
        serve(object)
      else
        assert.is_truthy(task:result())
      end
    end)
  end

  case_of("loses nothing to a deadline that passes as the wake-up comes", function(object)
    local task = neap.spawn(neap.timeout, 0.002, kind.wait, object)
    neap.sleep(0.002)

    kind.wake(object)

    neap.wait({ task })
    if task:error() then
      assert.equal("TIMEOUT", neap.error_code(task:error()))
      serve(object)
    end
  end)

  case_of("waits inside a coroutine of the script", function(object)
    local task = waiting(object)
    task:cancel()
    neap.wait({ task })
    task = neap.spawn(function()
      return coroutine.wrap(function()
        return kind.wait(object) and "served"
      end)()
    end)
    neap.sleep(0)

    kind.wake(object)

    assert.equal("served", neap.timeout(PATIENCE, task.await, task))
  end)
end

return conformance
