local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local settle = neap.testing.settle

--- A task that has cancelled itself and then runs `fn`.
local function cancelled_task(fn)
  return neap.spawn(function()
    neap.current_task():cancel()
    return fn()
  end)
end

describe("task:cancel", function()
  timed("raises CANCELLED out of the call in which the task waits", function()
    local task = neap.spawn(function() return neap.error_code(expect.error(neap.sleep, 10)) end)
    neap.sleep(0)

    task:cancel()

    assert.equal("CANCELLED", neap.await(task))
  end)

  timed("wakes the task at once", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.sleep(0)
    local start = neap.loop.time()

    task:cancel()
    pcall(neap.await, task)

    assert.is_true(neap.loop.time() - start < 1)
  end)

  timed("raises CANCELLED out of the next wait of a task that runs", function()
    local log = {}
    local task = cancelled_task(function()
      table.insert(log, "still running")
      neap.sleep(1)
      table.insert(log, "never reached")
    end)

    expect.code("CANCELLED", neap.await, task)
    assert.same({ "still running" }, log)
  end)

  it("raises CANCELLED in a task that is ready, or lets its wait succeed first", function()
    local future, got = neap.future(), nil
    local task = neap.spawn(function()
      got = neap.await(future)
      neap.sleep(0)
    end)
    neap.sleep(0)

    future:set_result("result")
    task:cancel()
    settle()

    assert.is_true(task:cancelled())
    assert.is_true(got == "result" or got == nil)
  end)

  it("keeps a task that has not started from running", function()
    local ran = false
    local task = neap.spawn(function() ran = true end)

    task:cancel()
    settle()

    assert.is_false(ran)
    assert.is_true(task:cancelled())
    assert.equal("done", task:status())
  end)

  timed("puts its message into the error", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.sleep(0)

    task:cancel("shutting down")

    local err = expect.code("CANCELLED", neap.await, task)
    assert.matches("shutting down", err.message, 1, true)
  end)

  it("refuses a message that is no string", function()
    local task = neap.spawn(function() return "unharmed" end)

    expect.bad_argument("#1 to 'cancel'", "string expected, got table", function()
      task:cancel({})
    end)
    assert.equal("unharmed", neap.await(task))
  end)

  timed("returns true for a live task, each time", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.sleep(0)

    assert.is_true(task:cancel())
    assert.is_true(task:cancel())
    settle()
  end)

  it("returns false for an ended task, which stays what it was", function()
    local task = neap.spawn(function() return "result" end)
    neap.await(task)

    assert.is_false(task:cancel())

    assert.is_false(task:cancelled())
    assert.equal("result", task:result())
  end)

  it("returns false for a cancelled task", function()
    local task = neap.spawn(function() end)
    task:cancel()
    settle()

    assert.is_false(task:cancel())
  end)

  timed("does nothing more when called again", function()
    local raised = 0
    local task = neap.spawn(function()
      local ok = pcall(neap.sleep, 10)
      raised = raised + (ok and 0 or 1)
      neap.shield(neap.sleep, 1)
      return "cleaned up"
    end)
    neap.sleep(0)

    task:cancel()
    neap.sleep(0.5)
    task:cancel()

    assert.equal("cleaned up", neap.await(task))
    assert.equal(1, raised)
  end)
end)

describe("a task that was cancelled", function()
  timed("ends as cancelled when the error leaves it", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.sleep(0)
    task:cancel()
    settle()

    assert.is_true(task:done())
    assert.is_true(task:cancelled())
    expect.code("CANCELLED", task.result, task)
    expect.code("CANCELLED", task.error, task)
    expect.code("CANCELLED", neap.await, task)
  end)

  timed("ends with its results when it returns normally", function()
    local task = neap.spawn(function()
      pcall(neap.sleep, 10)
      return "result", nil
    end)
    neap.sleep(0)

    task:cancel()

    assert.same({ n = 2, "result" }, table.pack(neap.await(task)))
    assert.is_false(task:cancelled())
  end)

  timed("ends with another error that leaves it", function()
    local failure = {}
    local task = neap.spawn(function()
      pcall(neap.sleep, 10)
      error(failure)
    end)
    neap.sleep(0)

    task:cancel()

    assert.equal(failure, expect.error(neap.await, task))
    assert.is_false(task:cancelled())
  end)

  timed("ends with an error of its <close> handlers", function()
    local failure = {}
    local task = neap.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() error(failure) end })
      neap.sleep(10)
    end)
    neap.sleep(0)

    task:cancel()

    assert.equal(failure, expect.error(neap.await, task))
  end)

  timed("runs its <close> handlers with the error", function()
    local code
    local task = neap.spawn(function()
      local _ <close> = setmetatable({}, {
        __close = function(_, err) code = neap.error_code(err) end,
      })
      neap.sleep(10)
    end)
    neap.sleep(0)

    task:cancel()
    settle()

    assert.equal("CANCELLED", code)
  end)

  it("ends as cancelled also by a CANCELLED that the script made", function()
    local task = neap.spawn(function() error(neap.error("CANCELLED", "my own")) end)

    expect.code("CANCELLED", neap.await, task)
    assert.is_true(task:cancelled())
  end)
end)
