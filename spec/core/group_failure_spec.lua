local case = require("spec.support.case")
local run = require("spec.support.child").run
local expect = require("spec.support.expect")
local neap = require("neap")

local timed = case.timed
local settle = neap.testing.settle
local time = neap.loop.time

--- Sleeps for long; once cancelled, cleans up for `seconds` and logs it.
local function careful(log, name, seconds)
  local _ <close> = setmetatable({}, {
    __close = function()
      neap.shield(neap.sleep, seconds)
      table.insert(log, name)
    end,
  })
  neap.sleep(1000)
end

describe("a child's error", function()
  timed("is raised from the block, the very same", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.task_group, function(group)
      group:spawn(function()
        neap.sleep(1)
        error(failure)
      end)
    end))
  end)

  timed("is raised although the body has returned", function()
    local err = expect.error(neap.task_group, function(group)
      group:spawn(function()
        neap.sleep(1)
        error("late", 0)
      end)
      return "result"
    end)

    assert.equal("late", err)
  end)

  timed("cancels the siblings and is raised when all have ended", function()
    local log, start = {}, time()

    local err = expect.error(neap.task_group, function(group)
      group:spawn(careful, log, "sibling", 5)
      group:spawn(function()
        neap.sleep(1)
        error("failed", 0)
      end)
    end)

    assert.equal("failed", err)
    assert.same({ "sibling" }, log)
    assert.is_true(math.abs(time() - start - 6) < 0.01)
  end)

  timed("raises CANCELLED in the waits of the body, each time", function()
    local codes = {}

    local err = expect.error(neap.task_group, function(group)
      group:spawn(error, "failed")
      for i = 1, 3 do
        codes[i] = neap.error_code(select(2, pcall(neap.sleep, 1000)))
      end
      return "swallowed"
    end)

    assert.equal("failed", err)
    assert.same({ "CANCELLED", "CANCELLED", "CANCELLED" }, codes)
  end)

  timed("cancels what the body awaits", function()
    local outside = neap.spawn(neap.sleep, 1000)

    expect.error(neap.task_group, function(group)
      group:spawn(error, "failed")
      neap.await(outside)
    end)

    assert.is_true(outside:cancelled())
  end)

  timed("is raised, and a sibling's later one goes to the exception handler", function()
    local err
    local reports = expect.reports(function()
      err = expect.error(neap.task_group, function(group)
        group:spawn(function()
          pcall(neap.sleep, 1000)
          error("second", 0)
        end)
        group:spawn(error, "first")
      end)
    end)

    assert.equal("first", err)
    assert.same({ "second" }, reports.errors)
  end)

  timed("is the one that came first when two fail in one turn", function()
    local err
    local reports = expect.reports(function()
      err = expect.error(neap.task_group, function(group)
        group:spawn(error, "first")
        group:spawn(error, "second")
      end)
    end)

    assert.equal("first", err)
    assert.is_true(#reports == 0 or #reports == 1 and reports[1].error == "second")
  end)

  timed("is raised once and not reported, awaited by the body or not", function()
    local failure, err = {}, nil
    local reports = expect.reports_when_collected(function()
      err = expect.error(neap.task_group, function(group)
        neap.await(group:spawn(error, failure))
      end)
      neap.sleep(10)
    end)

    assert.equal(failure, err)
    assert.same({}, reports.errors)
  end)

  timed("does not reach an outer group that catches it", function()
    local log = {}

    neap.task_group(function(outer)
      outer:spawn(function()
        neap.sleep(5)
        table.insert(log, "outer child")
      end)
      expect.error(neap.task_group, function(inner) inner:spawn(error, "inner") end)
      neap.sleep(1)
      table.insert(log, "outer body")
    end)

    assert.same({ "outer body", "outer child" }, log)
  end)

  timed("ends nested groups from the inside out when nobody catches it", function()
    local log = {}

    local err = expect.error(neap.task_group, function(outer)
      outer:spawn(careful, log, "outer child", 1)
      neap.task_group(function(inner)
        inner:spawn(careful, log, "inner child", 1)
        neap.sleep(1)
        inner:spawn(error, "inner")
      end)
    end)

    assert.equal("inner", err)
    assert.same({ "inner child", "outer child" }, log)
  end)

  timed("of a group cancels a group inside its body", function()
    local log = {}

    local err = expect.error(neap.task_group, function(outer)
      outer:spawn(function()
        neap.sleep(1)
        error("outer", 0)
      end)
      neap.task_group(function(inner) inner:spawn(careful, log, "inner child", 1) end)
      table.insert(log, "never reached")
    end)

    assert.equal("outer", err)
    assert.same({ "inner child" }, log)
  end)
end)

describe("the body of a group", function()
  timed("cancels the children when it raises, and waits for them", function()
    local failure, log = {}, {}

    local err = expect.error(neap.task_group, function(group)
      group:spawn(careful, log, "first", 2)
      group:spawn(careful, log, "second", 1)
      neap.sleep(1)
      error(failure)
    end)

    assert.equal(failure, err)
    assert.same({ "second", "first" }, log)
  end)

  timed("raises its own error although a child's cleanup fails", function()
    local err
    local reports = expect.reports(function()
      err = expect.error(neap.task_group, function(group)
        group:spawn(function()
          pcall(neap.sleep, 1000)
          error("cleanup", 0)
        end)
        neap.sleep(1)
        error("body", 0)
      end)
    end)

    assert.equal("body", err)
    assert.same({ "cleanup" }, reports.errors)
  end)

  timed("is cancelled with its task, and so are the children", function()
    local log = {}
    local task = neap.spawn(neap.task_group, function(group)
      group:spawn(careful, log, "child", 2)
      neap.sleep(1000)
    end)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.same({ "child" }, log)
  end)

  timed("is cancelled with its task, and a child's failing cleanup wins", function()
    local failure = {}
    local task = neap.spawn(neap.task_group, function(group)
      group:spawn(function()
        pcall(neap.sleep, 1000)
        error(failure)
      end)
      neap.sleep(1000)
    end)
    neap.sleep(1)

    task:cancel()

    assert.equal(failure, expect.error(neap.await, task))
  end)

  timed("is cancelled while only the children are waited for", function()
    local log = {}
    local task = neap.spawn(neap.task_group, function(group)
      group:spawn(careful, log, "child", 2)
    end)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.same({ "child" }, log)
  end)

  timed("is under a deadline together with the children", function()
    local log, start = {}, time()

    expect.code("TIMEOUT", neap.timeout, 1, neap.task_group, function(group)
      group:spawn(careful, log, "child", 2)
    end)

    assert.same({ "child" }, log)
    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  timed("in a task that is cancelled already does not hang on its children", function()
    local ended = false
    local task = neap.spawn(function()
      neap.current_task():cancel()
      neap.task_group(function(group) group:spawn(neap.sleep, 1000) end)
      ended = true
      neap.sleep(0)
    end)
    local start = time()

    expect.code("CANCELLED", neap.await, task)

    assert.is_true(time() - start < 1)
    assert.is_boolean(ended)
  end)
end)

describe("a child that is cancelled on its own", function()
  timed("is no error", function()
    local log = {}

    local result = neap.task_group(function(group)
      local child = group:spawn(neap.sleep, 1000)
      group:spawn(function()
        neap.sleep(2)
        table.insert(log, "sibling")
      end)
      neap.sleep(1)
      child:cancel()
      neap.sleep(2)
      return "undisturbed"
    end)

    assert.equal("undisturbed", result)
    assert.same({ "sibling" }, log)
  end)

  timed("is no error when it was cancelled before it ran", function()
    assert.equal("result", neap.task_group(function(group)
      group:spawn(print):cancel()
      return "result"
    end))
  end)
end)

describe("group:cancel", function()
  timed("cancels body and children and is no error outside", function()
    local log, reached = {}, false

    neap.task_group(function(group)
      group:spawn(careful, log, "child", 1)
      neap.sleep(1)
      group:cancel()
      neap.sleep(1000)
      reached = true
    end)

    assert.same({ "child" }, log)
    assert.is_false(reached)
  end)

  timed("leaves what the body returns", function()
    assert.equal("result", neap.task_group(function(group)
      group:spawn(neap.sleep, 1000)
      group:cancel()
      return "result"
    end))
  end)

  timed("can come from a child", function()
    local log = {}

    neap.task_group(function(group)
      group:spawn(careful, log, "sibling", 1)
      group:spawn(function()
        neap.sleep(1)
        group:cancel()
      end)
      neap.sleep(1000)
    end)

    assert.same({ "sibling" }, log)
  end)

  timed("can come from outside", function()
    local group
    local task = neap.spawn(neap.task_group, function(g)
      group = g
      neap.sleep(1000)
    end)
    neap.sleep(1)

    group:cancel()
    neap.await(task)

    assert.is_false(task:cancelled())
  end)

  timed("lets a real error of the body out", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.task_group, function(group)
      group:cancel()
      pcall(neap.sleep, 1)
      error(failure)
    end))
  end)

  timed("lets a real error of a child out", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.task_group, function(group)
      group:spawn(function()
        pcall(neap.sleep, 1000)
        error(failure)
      end)
      neap.sleep(1)
      group:cancel()
    end))
  end)

  timed("does not hide that the task around it is cancelled", function()
    local task = neap.spawn(function()
      neap.task_group(function(group)
        neap.current_task():cancel()
        group:cancel()
        neap.sleep(1000)
      end)
      neap.sleep(0)
    end)

    expect.code("CANCELLED", neap.await, task)
  end)

  timed("does not hide the cancellation of an outer group", function()
    local reached = false
    neap.task_group(function(outer)
      neap.task_group(function(inner)
        inner:spawn(neap.sleep, 1000)
        outer:cancel()
        neap.sleep(1)
      end)
      neap.sleep(0)
      reached = true
    end)

    assert.is_false(reached)
  end)

  timed("can be called again, and after the end", function()
    local group
    neap.task_group(function(g)
      group = g
      g:cancel()
      g:cancel()
    end)

    group:cancel()
    assert.equal("undisturbed", neap.sleep(1, "undisturbed"))
  end)

  timed("ends with the group", function()
    neap.task_group(function(group)
      group:cancel()
      pcall(neap.sleep, 1)
    end)
    settle()

    assert.equal("undisturbed", neap.sleep(1, "undisturbed"))
  end)
end)

describe("a group that nobody left", function()
  it("has its children's errors reported when the program ends", function()
    local _, err, code = run([[
      local neap = require("neap")
      for i = 1, 3 do
        local group = neap.task_group()
        group:spawn(error, "lost " .. i)
      end
      pcall(neap.sleep, 0)
    ]])

    for i = 1, 3 do
      assert.matches("nobody took its error: lost " .. i .. "\n", err)
    end
    assert.equal(1, code)
  end)
end)
