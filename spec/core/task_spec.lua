local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it

describe("neap.spawn", function()
  it("returns a Task", function()
    local task = neap.spawn(function() end)

    assert.is_true(neap.is_task(task))
    neap.await(task)
  end)

  it("passes its further arguments on, nils included", function()
    local task = neap.spawn(table.pack, nil, 2, nil, false, nil)

    assert.same({ n = 5, [2] = 2, [4] = false }, neap.await(task))
  end)

  it("does not start the function inside the call", function()
    local started = false

    local task = neap.spawn(function() started = true end)

    assert.is_false(started)
    neap.await(task)
    assert.is_true(started)
  end)

  it("starts the function when the current task waits", function()
    local started = false
    neap.spawn(function() started = true end)

    neap.sleep(0)

    assert.is_true(started)
  end)

  it("starts the function when the current task ends", function()
    local log = {}
    local done = neap.future()
    neap.spawn(function()
      neap.spawn(function()
        table.insert(log, "inner")
        done:set_result()
      end)
      table.insert(log, "end of outer")
    end)

    neap.await(done)

    assert.same({ "end of outer", "inner" }, log)
  end)

  it("starts tasks in the order in which they were spawned", function()
    local log, expected = {}, {}
    for i = 1, 100 do
      neap.spawn(function() table.insert(log, i) end)
      expected[i] = i
    end

    neap.sleep(0)

    assert.same(expected, log)
  end)

  it("queues a task behind those that are ready already", function()
    local log = {}
    neap.spawn(function()
      table.insert(log, "first")
      neap.spawn(function() table.insert(log, "spawned by first") end)
    end)
    neap.spawn(function() table.insert(log, "second") end)

    neap.testing.settle()

    assert.same({ "first", "second", "spawned by first" }, log)
  end)

  it("resumes tasks in the order in which they became ready", function()
    local log = {}
    for i = 1, 3 do
      neap.spawn(function()
        for round = 1, 3 do
          table.insert(log, round .. "." .. i)
          neap.sleep(0)
        end
      end)
    end

    neap.testing.settle()

    assert.same({ "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3" }, log)
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#1 to 'spawn'", "function expected, got number", function()
      neap.spawn(42)
    end)
  end)

  it("refuses an absent function", function()
    expect.bad_argument("#1 to 'spawn'", "function expected, got no value", function()
      neap.spawn()
    end)
  end)
end)

describe("neap.async", function()
  it("gives a function that spawns a task with its arguments", function()
    local add = neap.async(function(a, b) return a + b end)

    local task = add(1, 2)

    assert.is_true(neap.is_task(task))
    assert.equal(3, neap.await(task))
  end)

  it("spawns one more task at each call", function()
    local identity = neap.async(function(...) return ... end)

    local first, second = identity(1), identity(2)

    assert.not_equal(first, second)
    assert.equal(1, neap.await(first))
    assert.equal(2, neap.await(second))
  end)

  it("does not run the function inside the call", function()
    local started = false
    local start = neap.async(function() started = true end)

    local task = start()

    assert.is_false(started)
    neap.await(task)
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#1 to 'async'", "function expected, got string", function()
      neap.async("f")
    end)
  end)
end)

describe("a Task", function()
  it("is a Future", function()
    local task = neap.spawn(function() return "result" end)

    assert.is_true(neap.is_future(task))
    assert.is_false(task:done())
    assert.equal("result", task:await())
    assert.is_true(task:done())
    assert.is_false(task:cancelled())
    assert.equal("result", task:result())
    assert.is_nil(task:error())
  end)

  it("has no result before it has ended", function()
    local task = neap.spawn(function() end)

    expect.code("INVALID_STATE", task.result, task)
    expect.code("INVALID_STATE", task.error, task)
    neap.await(task)
  end)

  it("gives its error", function()
    local failure = {}
    local task = neap.spawn(error, failure)
    neap.sleep(0)

    assert.equal(failure, task:error())
    assert.equal(failure, expect.error(task.result, task))
    assert.is_false(task:cancelled())
  end)

  it("cannot be given a result", function()
    local task = neap.spawn(function() return "own" end)

    expect.error(task.set_result, task, "foreign")

    assert.equal("own", neap.await(task))
  end)

  it("cannot be given an error", function()
    local task = neap.spawn(function() return "own" end)

    expect.error(task.set_error, task, "foreign")

    assert.equal("own", neap.await(task))
  end)

  it("runs done callbacks with itself", function()
    local seen
    local task = neap.spawn(function() end)
    task:add_done_callback(function(...) seen = table.pack(...) end)

    neap.testing.settle()

    assert.equal(1, seen.n)
    assert.equal(task, seen[1])
  end)

  it("does not harm other tasks when it fails", function()
    local failing = neap.spawn(error, "failed")
    local other = neap.spawn(function()
      neap.sleep(0)
      return "unharmed"
    end)

    assert.equal("unharmed", neap.await(other))
    assert.equal("failed", failing:error())
  end)
end)

describe("the name of a task", function()
  it("is task-N by default", function()
    local first, second = neap.spawn(function() end), neap.spawn(function() end)

    assert.matches("^task%-%d+$", first:name())
    assert.matches("^task%-%d+$", second:name())
    assert.not_equal(first:name(), second:name())
    neap.gather({ first, second })
  end)

  it("is what set_name made it", function()
    local task = neap.spawn(function() return neap.current_task():name() end)

    task:set_name("worker")

    assert.equal("worker", task:name())
    assert.equal("worker", neap.await(task))
    assert.equal("worker", task:name())
  end)

  it("may be any bytes of any length", function()
    local task = neap.spawn(function() end)
    for _, name in ipairs({ "", "100%s", "a\0b", ("long "):rep(1000) }) do
      task:set_name(name)

      assert.equal(name, task:name())
      assert.equal("Task " .. name .. ": ready", tostring(task))
    end
    neap.await(task)
  end)

  it("is a string", function()
    local task = neap.spawn(function() end)

    expect.bad_argument("#1 to 'set_name'", "string expected, got nil", function()
      task:set_name(nil)
    end)
    expect.bad_argument("#1 to 'set_name'", "string expected, got no value", function()
      task:set_name()
    end)
    neap.await(task)
  end)
end)

describe("task:status", function()
  it("is ready before the task has started", function()
    local task = neap.spawn(function() end)

    assert.equal("ready", task:status())
    neap.await(task)
  end)

  it("is running inside the task", function()
    local task = neap.spawn(function() return neap.current_task():status() end)

    assert.equal("running", neap.await(task))
  end)

  it("is running inside a coroutine of the task", function()
    local status = coroutine.wrap(function() return neap.current_task():status() end)

    assert.equal("running", status())
  end)

  it("is waiting while the task waits", function()
    local future = neap.future()
    local task = neap.spawn(neap.await, future)
    neap.sleep(0)

    assert.equal("waiting", task:status())
    future:set_result()
    neap.await(task)
  end)

  it("is ready once the task has been woken", function()
    local future = neap.future()
    local task = neap.spawn(neap.await, future)
    neap.sleep(0)

    future:set_result()

    assert.equal("ready", task:status())
    neap.await(task)
  end)

  it("is done after the end, however it ended", function()
    local succeeded = neap.spawn(function() end)
    local failed = neap.spawn(error, "failed")
    local cancelled = neap.spawn(function() end)
    cancelled:cancel()
    neap.testing.settle()

    assert.equal("done", succeeded:status())
    assert.equal("done", failed:status())
    assert.equal("done", cancelled:status())
    failed:error()
  end)
end)

describe("neap.current_task", function()
  it("is the task that runs", function()
    local task = neap.spawn(function() return neap.current_task() end)

    assert.equal(task, neap.await(task))
    assert.not_equal(task, neap.current_task())
  end)

  it("is the same after a wait", function()
    local before = neap.current_task()
    neap.sleep(0)

    assert.equal(before, neap.current_task())
  end)

  it("is the task around a coroutine", function()
    local inside = coroutine.wrap(neap.current_task)

    assert.equal(neap.current_task(), inside())
  end)
end)

describe("neap.tasks", function()
  it("lists the live tasks, oldest first", function()
    local before = #neap.tasks()
    local future = neap.future()
    local waiting = neap.spawn(neap.await, future)
    local ended = neap.spawn(function() end)
    neap.sleep(0)
    local ready = neap.spawn(function() end)

    local tasks = neap.tasks()

    assert.equal(before + 2, #tasks)
    assert.equal(waiting, tasks[before + 1])
    assert.equal(ready, tasks[before + 2])
    assert.is_true(ended:done())
    future:set_result()
    neap.gather({ waiting, ready })
  end)

  it("includes the task that asks", function()
    local found = false
    for _, task in ipairs(neap.tasks()) do
      found = found or task == neap.current_task()
    end

    assert.is_true(found)
  end)
end)
