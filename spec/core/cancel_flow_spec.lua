local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local sleeper = require("spec.support.sleeper")

local it, timed = case.it, case.timed
local settle = neap.testing.settle
local time = neap.loop.time

describe("cancelling a task that awaits a task", function()
  timed("cancels that task too", function()
    local child = neap.spawn(neap.sleep, 100)
    local parent = neap.spawn(neap.await, child)
    neap.sleep(0)

    parent:cancel()
    settle()

    assert.is_true(child:cancelled())
    assert.is_true(parent:cancelled())
  end)

  timed("passes the message on", function()
    local child = neap.spawn(neap.sleep, 100)
    local parent = neap.spawn(neap.await, child)
    neap.sleep(0)

    parent:cancel("because")
    settle()

    assert.matches("because", expect.error(neap.await, parent).message, 1, true)
  end)

  timed("lets the waiter go on only after that task has ended", function()
    local log = {}
    local child = neap.spawn(function()
      local _ <close> = setmetatable({}, {
        __close = function()
          neap.shield(neap.sleep, 2)
          table.insert(log, "child cleaned up")
        end,
      })
      neap.sleep(100)
    end)
    local parent = neap.spawn(function()
      local err = expect.error(neap.await, child)
      table.insert(log, "parent " .. neap.error_code(err))
    end)
    neap.sleep(1)
    local start = time()

    parent:cancel()
    neap.await(parent)

    assert.same({ "child cleaned up", "parent CANCELLED" }, log)
    assert.is_true(math.abs(time() - start - 2) < 0.01)
  end)

  timed("raises CANCELLED in the waiter although that task ended with results", function()
    local child = neap.spawn(function()
      pcall(neap.sleep, 100)
      return "swallowed"
    end)
    local parent = neap.spawn(neap.await, child)
    neap.sleep(0)

    parent:cancel()

    expect.code("CANCELLED", neap.await, parent)
    assert.equal("swallowed", child:result())
  end)

  timed("sends an error of that task's cleanup to the exception handler", function()
    local failure = {}
    local parent
    local reports = expect.reports_when_collected(function()
      local child = neap.spawn(function()
        pcall(neap.sleep, 100)
        error(failure)
      end)
      parent = neap.spawn(neap.await, child)
      neap.sleep(0)
      parent:cancel()
    end)

    assert.is_true(parent:cancelled())
    assert.equal(1, #reports)
    assert.equal(failure, reports[1].error)
  end)

  timed("goes down a chain and comes back up in order", function()
    local log = {}
    local last = sleeper(log, "last")
    local middle = neap.spawn(function()
      local ok, err = pcall(neap.await, last)
      table.insert(log, "middle " .. tostring(ok))
      error(err, 0)
    end)
    local first = neap.spawn(function()
      local ok, err = pcall(neap.await, middle)
      table.insert(log, "first " .. tostring(ok))
      error(err, 0)
    end)
    settle()

    first:cancel()
    settle()

    assert.same({ "last CANCELLED", "middle false", "first false" }, log)
    assert.is_true(last:cancelled() and middle:cancelled() and first:cancelled())
  end)

  timed("goes down a chain of ten thousand", function()
    local tasks = { neap.spawn(neap.sleep, 100) }
    for i = 2, 10000 do
      tasks[i] = neap.spawn(neap.await, tasks[i - 1])
    end
    settle()

    tasks[10000]:cancel()
    settle()

    for _, task in ipairs(tasks) do
      assert(task:cancelled())
    end
  end)

  timed("happens when a deadline passes there", function()
    local child = neap.spawn(neap.sleep, 100)

    expect.code("TIMEOUT", neap.timeout, 1, neap.await, child)

    assert.is_true(child:cancelled())
  end)

  timed("raises TIMEOUT past a deadline whatever that task ended with", function()
    local failure = {}
    local reports = expect.reports_when_collected(function()
      local child = neap.spawn(function()
        pcall(neap.sleep, 100)
        error(failure)
      end)

      expect.code("TIMEOUT", neap.timeout, 1, neap.await, child)
    end)

    assert.equal(1, #reports)
    assert.equal(failure, reports[1].error)
  end)

  timed("happens in a wait that begins after the cancellation was shielded", function()
    local child = neap.spawn(neap.sleep, 5, "unharmed")
    local parent = neap.spawn(function() neap.shield(function() neap.await(child) end) end)
    neap.sleep(0)

    parent:cancel()
    neap.await(parent)

    assert.equal("unharmed", child:result())
  end)

  describe("that another task waits for as well", function()
    local ways = {
      await = neap.await,
      ["the method await"] = function(task) return task:await() end,
      gather = function(task) return neap.gather({ task })[1] end,
      wait = function(task) return neap.wait({ task })[1]:result() end,
      race = function(task) return neap.race({ task }) end,
      wait_for = function(task) return neap.wait_for(task, 50) end,
      shield = neap.shield,
      run_until_complete = neap.loop.run_until_complete,
      ["the end of a group"] = function(task)
        return neap.task_group(function(group)
          return group:spawn(neap.await, task)
        end):result()
      end,
      as_completed = function(task)
        for future in neap.as_completed({ task }) do
          return future:result()
        end
      end,
    }
    for name, way in pairs(ways) do
      timed("undoes the wait alone, the other being " .. name, function()
        local child = neap.spawn(neap.sleep, 10, "unharmed")
        local other = neap.spawn(way, child)
        local cancelled = neap.spawn(neap.await, child)
        neap.sleep(1)
        local start = time()

        cancelled:cancel()

        expect.code("CANCELLED", neap.await, cancelled)
        assert.is_true(time() - start < 1)
        assert.equal("unharmed", neap.await(other))
      end)
    end

    timed("undoes the wait alone for the child of a group that is waited for", function()
      local child
      local block = neap.spawn(function()
        neap.task_group(function(group) child = group:spawn(neap.sleep, 10, "unharmed") end)
      end)
      neap.sleep(1)
      local cancelled = neap.spawn(neap.await, child)
      neap.sleep(0)

      cancelled:cancel()

      expect.code("CANCELLED", neap.await, cancelled)
      neap.await(block)
      assert.equal("unharmed", child:result())
    end)

    for name in pairs(ways) do
      timed("cancels that task when both waits are undone in the same turn, the other being " .. name, function()
        local child = neap.spawn(neap.sleep, 100)
        local tasks = { neap.spawn(ways[name], child), neap.spawn(neap.await, child) }
        settle()

        tasks[1]:cancel()
        tasks[2]:cancel()
        settle()

        assert.is_true(child:cancelled())
        assert.is_true(tasks[1]:done() and tasks[2]:done())
      end)
    end

    timed("cancels that task when the other wait was undone before", function()
      local child = neap.spawn(neap.sleep, 100)
      local first, second = neap.spawn(neap.await, child), neap.spawn(neap.await, child)
      neap.sleep(0)
      first:cancel()
      settle()
      assert.is_false(child:done())

      second:cancel()
      settle()

      assert.is_true(child:cancelled())
      assert.is_true(second:cancelled())
    end)

    timed("cancels that task when both are cancelled in one turn", function()
      local child = neap.spawn(neap.sleep, 100)
      local first, second = neap.spawn(neap.await, child), neap.spawn(neap.await, child)
      neap.sleep(0)

      first:cancel()
      second:cancel()
      settle()

      assert.is_true(child:cancelled())
      assert.is_true(first:cancelled())
      assert.is_true(second:cancelled())
    end)

    timed("cancels that task when the other had a deadline that passed", function()
      local child = neap.spawn(neap.sleep, 100)
      local hasty = neap.spawn(function() pcall(neap.timeout, 1, neap.await, child) end)
      local patient = neap.spawn(neap.await, child)
      neap.await(hasty)
      assert.is_false(child:done())

      patient:cancel()
      settle()

      assert.is_true(child:cancelled())
    end)
  end)
end)

describe("cancelling a task that awaits a plain future", function()
  it("undoes the wait alone", function()
    local future = neap.future()
    local task = neap.spawn(neap.await, future)
    neap.sleep(0)

    task:cancel()
    settle()

    assert.is_true(task:cancelled())
    assert.is_false(future:done())
  end)

  it("undoes the wait alone in gather, race and wait_for", function()
    local future = neap.future()
    for _, wait in ipairs({
      function() neap.gather({ future }) end,
      function() neap.race({ future }) end,
      function() neap.wait_for(future, 1000) end,
    }) do
      local task = neap.spawn(wait)
      settle()
      task:cancel()
      settle()

      assert.is_true(task:cancelled())
      assert.is_false(future:done())
    end
  end)
end)
