local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

local function fail(message)
  error(message, 0)
end

describe("task:waiting_on", function()
  timed("says sleep", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.sleep(0)

    assert.equal("sleep", task:waiting_on())
    neap.await(task)
  end)

  it("says queue get", function()
    local queue = neap.sync.queue()
    local task = neap.spawn(queue.get, queue)
    neap.sleep(0)

    assert.equal("queue get", task:waiting_on())
    queue:put(1)
    neap.await(task)
  end)

  timed("says what a coroutine of the task waits on", function()
    local task = neap.spawn(coroutine.wrap(function() neap.sleep(10) end))
    neap.sleep(0)

    assert.equal("sleep", task:waiting_on())
    neap.await(task)
  end)
end)

describe("tostring of a task", function()
  timed("says the name and what the task waits on", function()
    local task = neap.spawn(neap.sleep, 10)
    task:set_name("sleeper")
    neap.sleep(0)

    assert.equal("Task sleeper: waiting on sleep", tostring(task))
    neap.await(task)
  end)

  it("says ready before the task has started", function()
    local task = neap.spawn(function() end)

    assert.equal("Task " .. task:name() .. ": ready", tostring(task))
    neap.await(task)
  end)

  it("says running inside the task", function()
    local task = neap.spawn(function() return tostring(neap.current_task()) end)

    assert.equal("Task " .. task:name() .. ": running", neap.await(task))
  end)

  it("tells an ended task from a live one", function()
    local task = neap.spawn(function() end)
    local ready = tostring(task)
    neap.await(task)

    assert.not_equal(ready, tostring(task))
    assert.equal(1, tostring(task):find("Task " .. task:name() .. ": ", 1, true))
  end)
end)

describe("task:traceback", function()
  timed("shows where a live task waits", function()
    local chunk = "local sleep = ... local function where_it_stops() sleep(10) end where_it_stops()"
    local task = neap.spawn(load(chunk, "=waiting_chunk"), neap.sleep)
    neap.sleep(0)

    local text = task:traceback()

    assert.matches("waiting_chunk:1: in .-where_it_stops", text)
    neap.await(task)
  end)

  it("shows where a failed task failed", function()
    local failing = "local function where_it_fails() error('x') end where_it_fails()"
    local task = neap.spawn(load(failing, "=failing_chunk"))
    neap.testing.settle()

    local text = task:traceback()

    assert.matches("failing_chunk:1: in .-where_it_fails", text)
    task:error()
  end)

  it("shows where a task failed with an error that is no string", function()
    local failing = "local function where_it_fails() error({}) end where_it_fails() return 1"
    local task = neap.spawn(load(failing, "=failing_chunk"))
    neap.testing.settle()

    assert.matches("where_it_fails", task:traceback())
    task:error()
  end)

  it("shows the task that asks", function()
    local function where_it_asks()
      local text = neap.current_task():traceback()
      return text
    end

    assert.matches("where_it_asks", where_it_asks())
  end)

  it("is a string for a task that has not started", function()
    local task = neap.spawn(function() end)

    assert.equal("string", type(task:traceback()))
    neap.await(task)
  end)
end)

describe("an error that nobody retrieves", function()
  timed("reaches the exception handler 5 s after the task failed", function()
    local failure = {}
    local task = neap.spawn(fail, failure)

    local reports = expect.reports(function() neap.sleep(4.9) end)
    assert.same({}, reports.errors)

    reports = expect.reports(function() neap.sleep(0.2) end)
    assert.equal(1, #reports)
    assert.equal(failure, reports[1].error)
    assert.equal(failure, task:error())
  end)

  timed("comes with message, task and traceback", function()
    local task
    local reports = expect.reports(function()
      task = neap.spawn(load("local function here() error('lost') end here()", "=lost_chunk"))
      neap.sleep(6)
    end)

    local context = reports[1]
    assert.equal("string", type(context.message))
    assert.equal("lost_chunk:1: lost", context.error)
    assert.equal(task, context.task)
    assert.matches("lost_chunk:1: in .-here", context.traceback)
  end)

  it("reaches the exception handler when the task is collected", function()
    local reports = expect.reports_when_collected(function() neap.spawn(fail, "lost") end)

    assert.same({ "lost" }, reports.errors)
  end)

  timed("is reported once", function()
    local reports = expect.reports_when_collected(function()
      neap.spawn(fail, "lost")
      neap.sleep(20)
    end)

    assert.same({ "lost" }, reports.errors)
  end)

  timed("can be retrieved after the report", function()
    local task
    local reports = expect.reports(function()
      task = neap.spawn(fail, "late")
      neap.sleep(6)
    end)

    assert.same({ "late" }, reports.errors)
    assert.equal("late", expect.error(neap.await, task))
  end)

  timed("of a future goes the same way", function()
    local future = neap.future()
    local reports = expect.reports(function()
      future:set_error("lost")
      neap.sleep(4.9)
      assert.is_true(future:done())
    end)
    assert.same({}, reports.errors)

    reports = expect.reports(function() neap.sleep(0.2) end)
    assert.same({ "lost" }, reports.errors)
    assert.equal(future, reports[1].future)
  end)

  it("of a future is reported when the future is collected", function()
    local reports = expect.reports_when_collected(function() neap.future():set_error("lost") end)

    assert.same({ "lost" }, reports.errors)
  end)
end)

describe("the error of a task", function()
  local ways = {
    await = function(task) pcall(neap.await, task) end,
    ["the method await"] = function(task) pcall(task.await, task) end,
    result = function(task) pcall(task.result, task) end,
    error = function(task) task:error() end,
    ["a done callback that asks"] = function(task)
      task:add_done_callback(function() task:error() end)
    end,
    gather = function(task) pcall(neap.gather, { task }) end,
    ["gather with return_errors"] = function(task)
      neap.gather({ task }, { return_errors = true })
    end,
    race = function(task) pcall(neap.race, { task }) end,
    wait_for = function(task) pcall(neap.wait_for, task, 1) end,
    shield = function(task) pcall(neap.shield, task) end,
  }
  for name, retrieve in pairs(ways) do
    timed("is retrieved by " .. name, function()
      local reports = expect.reports_when_collected(function()
        local task = neap.spawn(fail, "retrieved")
        neap.sleep(1)
        retrieve(task)
        neap.sleep(10)
      end)

      assert.same({}, reports.errors)
    end)
  end

  timed("is retrieved by a task that waits for it already", function()
    local reports = expect.reports_when_collected(function()
      local task = neap.spawn(fail, "retrieved")
      neap.spawn(function() pcall(neap.await, task) end)
      neap.sleep(10)
    end)

    assert.same({}, reports.errors)
  end)

  timed("is retrieved by a group", function()
    local reports = expect.reports_when_collected(function()
      pcall(neap.task_group, function(group) group:spawn(fail, "retrieved") end)
      neap.sleep(10)
    end)

    assert.same({}, reports.errors)
  end)

  timed("is not retrieved by done", function()
    local reports = expect.reports(function()
      local task = neap.spawn(fail, "lost")
      neap.sleep(1)
      assert.is_true(task:done())
      neap.sleep(10)
    end)

    assert.same({ "lost" }, reports.errors)
  end)
end)

describe("a task that CANCELLED leaves", function()
  timed("ends as cancelled when it was cancelled", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.sleep(0)
    task:cancel()
    neap.testing.settle()

    assert.is_true(task:cancelled())
  end)

  it("ends as cancelled when what it awaited was", function()
    local future = neap.future()
    local task = neap.spawn(neap.await, future)
    neap.sleep(0)

    future:cancel()
    neap.testing.settle()

    assert.is_true(task:cancelled())
  end)

  timed("is not reported", function()
    local reports = expect.reports_when_collected(function()
      local task = neap.spawn(neap.sleep, 100)
      local waiting = neap.spawn(neap.await, task)
      neap.sleep(0)
      task:cancel()
      neap.sleep(10)
      assert.is_true(waiting:cancelled())
    end)

    assert.same({}, reports.errors)
  end)
end)
