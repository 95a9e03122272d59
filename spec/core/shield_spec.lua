local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local settle = neap.testing.settle
local time = neap.loop.time

describe("neap.shield of a function", function()
  timed("runs it with its arguments in the same task", function()
    local task, arguments
    neap.shield(function(...)
      task, arguments = neap.current_task(), table.pack(...)
    end, nil, 2, nil)

    assert.equal(neap.current_task(), task)
    assert.same({ n = 3, [2] = 2 }, arguments)
  end)

  timed("returns its results", function()
    assert.same({ n = 3, [2] = 2 }, table.pack(neap.shield(neap.sleep, 1, nil, 2, nil)))
  end)

  timed("raises its error unchanged", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.shield, error, failure))
  end)

  timed("holds a cancellation back until it returns", function()
    local log = {}
    local task = neap.spawn(function()
      neap.shield(function()
        neap.sleep(5)
        table.insert(log, "shielded to the end")
        neap.sleep(5)
        table.insert(log, "waited again")
      end)
      table.insert(log, "after")
      neap.sleep(0)
      table.insert(log, "never reached")
    end)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.same({ "shielded to the end", "waited again", "after" }, log)
  end)

  timed("returns its results even if a cancellation came meanwhile", function()
    local results
    local task = neap.spawn(function()
      results = table.pack(neap.shield(neap.sleep, 5, "kept", nil))
      return "ended"
    end)
    neap.sleep(1)

    task:cancel()

    assert.equal("ended", neap.await(task))
    assert.same({ n = 2, "kept" }, results)
  end)

  timed("raises its own error even if a cancellation came meanwhile", function()
    local failure = {}
    local task = neap.spawn(neap.shield, function()
      neap.sleep(5)
      error(failure)
    end)
    neap.sleep(1)

    task:cancel()

    assert.equal(failure, expect.error(neap.await, task))
  end)

  timed("lets a cancelled task wait", function()
    local start = time()
    local task = neap.spawn(function()
      neap.current_task():cancel()
      local slept = neap.shield(neap.sleep, 3, "slept")
      return slept, pcall(neap.sleep, 0)
    end)

    local slept, ok, err = neap.await(task)

    assert.equal("slept", slept)
    assert.is_true(math.abs(time() - start - 3) < 0.01)
    assert.is_false(ok)
    assert.equal("CANCELLED", neap.error_code(err))
  end)

  timed("holds deadlines back", function()
    local start = time()

    local result = neap.timeout(1, function()
      neap.shield(neap.sleep, 3)
      return "stands"
    end)

    assert.equal("stands", result)
    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  timed("lets a deadline that passed meanwhile through afterwards", function()
    local start = time()

    expect.code("TIMEOUT", neap.timeout, 1, function()
      neap.shield(neap.sleep, 3)
      neap.sleep(3)
    end)

    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  timed("does not hold back a deadline inside it", function()
    neap.shield(function()
      expect.code("TIMEOUT", neap.timeout, 1, neap.sleep, 10)
    end)
  end)

  timed("does not hold back a group's cancellation inside it", function()
    local err = expect.error(neap.shield, neap.task_group, function(group)
      group:spawn(error, "from the child")
      neap.sleep(100)
    end)

    assert.equal("from the child", err)
  end)

  timed("is in force in nested shields until the outermost has returned", function()
    local log = {}
    local task = neap.spawn(neap.shield, function()
      neap.shield(neap.sleep, 2)
      neap.sleep(2)
      table.insert(log, "outer")
    end)
    neap.sleep(1)

    task:cancel()
    settle()
    neap.sleep(10)

    assert.same({ "outer" }, log)
    assert.is_false(task:cancelled())
  end)

  timed("holds back what would flow in from a waiter", function()
    local child = neap.spawn(neap.shield, neap.sleep, 5, "finished")
    local parent = neap.spawn(neap.await, child)
    neap.sleep(1)
    local start = time()

    parent:cancel()

    expect.code("CANCELLED", neap.await, parent)
    assert.is_true(math.abs(time() - start - 4) < 0.01)
    assert.equal("finished", child:result())
  end)

  it("refuses what is neither function nor awaitable", function()
    expect.bad_argument("#1 to 'shield'", "got number", function() neap.shield(42) end)
    expect.bad_argument("#1 to 'shield'", "got no value", function() neap.shield() end)
  end)
end)

describe("neap.shield of an awaitable", function()
  timed("returns its results", function()
    local task = neap.spawn(neap.sleep, 1, nil, 2, nil)

    assert.same({ n = 3, [2] = 2 }, table.pack(neap.shield(task)))
  end)

  timed("raises its error unchanged", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.shield, neap.spawn(error, failure)))
  end)

  timed("lets what is awaited go on when the waiter is cancelled", function()
    local child = neap.spawn(neap.sleep, 10, "unharmed")
    local task = neap.spawn(neap.shield, child)
    neap.sleep(1)
    local start = time()

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.is_true(time() - start < 1)
    assert.equal("unharmed", neap.await(child))
  end)

  timed("lets what is awaited go on past a deadline", function()
    local child = neap.spawn(neap.sleep, 10, "unharmed")

    expect.code("TIMEOUT", neap.timeout, 1, neap.shield, child)

    assert.equal("unharmed", neap.await(child))
  end)

  it("waits for a plain future", function()
    local future = neap.future()
    neap.spawn(function() future:set_result("result") end)

    assert.equal("result", neap.shield(future))
  end)

  it("raises CANCELLED in a task that is cancelled already", function()
    local child = neap.spawn(function() return "unharmed" end)
    local task = neap.spawn(function()
      neap.current_task():cancel()
      neap.shield(child)
    end)

    expect.code("CANCELLED", neap.await, task)
    assert.equal("unharmed", neap.await(child))
  end)

  timed("takes an object with __await", function()
    local ended = false
    local object = setmetatable({}, {
      __await = function()
        neap.sleep(10)
        ended = true
        return "awaited"
      end,
    })
    local task = neap.spawn(neap.shield, object)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    neap.sleep(10)
    assert.is_true(ended)
  end)

  timed("raises CANCELLED when what is awaited is cancelled itself", function()
    local child = neap.spawn(neap.sleep, 10)
    local task = neap.spawn(function()
      local code = neap.error_code(expect.error(neap.shield, child))
      neap.sleep(1)
      return code
    end)
    neap.sleep(0)

    child:cancel()

    assert.equal("CANCELLED", neap.await(task))
  end)
end)
