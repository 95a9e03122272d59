local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local loop = neap.loop
local settle = neap.testing.settle

describe("loop.run_until_complete", function()
  timed("returns all results of an awaitable", function()
    local task = neap.spawn(neap.sleep, 1, nil, 2, nil)

    assert.same({ n = 3, [2] = 2 }, table.pack(loop.run_until_complete(task)))
  end)

  timed("takes a function", function()
    assert.equal("result", loop.run_until_complete(function() return neap.sleep(1, "result") end))
  end)

  timed("raises the error", function()
    local failure = {}

    assert.equal(failure, expect.error(loop.run_until_complete, function() error(failure) end))
  end)

  timed("parks only the task that calls it", function()
    local log = {}
    neap.spawn(function()
      neap.sleep(1)
      table.insert(log, "other")
    end)

    loop.run_until_complete(function() neap.sleep(2) end)
    table.insert(log, "caller")

    assert.same({ "other", "caller" }, log)
  end)

  it("refuses what is neither awaitable nor function", function()
    expect.bad_argument("#1 to 'run_until_complete'", "got number", function()
      loop.run_until_complete(42)
    end)
  end)
end)

describe("loop.run_forever", function()
  it("parks the task that calls it until stop", function()
    local log = {}
    local tasks = {}
    for i = 1, 2 do
      tasks[i] = neap.spawn(function()
        loop.run_forever()
        table.insert(log, i)
      end)
    end
    settle()
    assert.equal("waiting", tasks[1]:status())

    loop.stop()
    neap.gather(tasks)

    assert.same({ 1, 2 }, log)
  end)

  it("returns after one turn when stop was called before", function()
    local turns = 0
    neap.spawn(function()
      for _ = 1, 10 do
        turns = turns + 1
        neap.sleep(0)
      end
    end)

    loop.stop()
    loop.run_forever()

    assert.equal(1, turns)
    settle()
  end)

  it("waits again after a stop that was used up", function()
    loop.stop()
    loop.run_forever()

    local task = neap.spawn(loop.run_forever)
    settle()

    assert.equal("waiting", task:status())
    loop.stop()
    neap.await(task)
  end)

  timed("can be cancelled and timed out", function()
    expect.code("TIMEOUT", neap.timeout, 1, loop.run_forever)
  end)
end)

describe("loop.is_running", function()
  it("is true inside a task", function()
    assert.is_true(loop.is_running())
    assert.is_true(neap.await(neap.spawn(loop.is_running)))
  end)
end)

describe("loop.set_exception_handler", function()
  it("takes nil for the default handler", function()
    loop.set_exception_handler(print)

    loop.set_exception_handler(nil)
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#1 to 'set_exception_handler'", "got string", function()
      loop.set_exception_handler("print")
    end)
  end)
end)

describe("loop.call_exception_handler", function()
  it("calls the handler with the context", function()
    local context = { message = "something happened", error = {}, extra = 1 }

    local reports = expect.reports(function() loop.call_exception_handler(context) end)

    assert.equal(1, #reports)
    assert.equal(context.error, reports[1].error)
    assert.equal("something happened", reports[1].message)
    assert.equal(1, reports[1].extra)
  end)

  it("refuses what is no table", function()
    expect.bad_argument("#1 to 'call_exception_handler'", "table expected, got nil", function()
      loop.call_exception_handler(nil)
    end)
  end)

  it("writes message, error and traceback to stderr by default", function()
    local out, err = child.run([[
      local loop = require "neap".loop
      loop.call_exception_handler {
        message = "the message", error = "the error", traceback = "the traceback",
      }
    ]])

    assert.equal("", out)
    assert.matches("the message", err, 1, true)
    assert.matches("the error", err, 1, true)
    assert.matches("the traceback", err, 1, true)
  end)
end)

describe("a task that always reschedules itself", function()
  it("does not starve timers", function()
    local stop, rounds = false, 0
    local spinner = neap.spawn(function()
      while not stop and rounds < 1e7 do
        rounds = rounds + 1
        neap.sleep(0)
      end
    end)

    neap.sleep(0.005)
    stop = true
    neap.await(spinner)

    assert.is_true(rounds > 0 and rounds < 1e7)
  end)

  it("does not starve timers by callbacks either", function()
    local stop, rounds = false, 0
    local function again()
      rounds = rounds + 1
      if not stop and rounds < 1e7 then
        loop.call_soon(again)
      end
    end
    loop.call_soon(again)

    neap.sleep(0.005)
    stop = true
    settle()

    assert.is_true(rounds < 1e7)
  end)
end)

describe("what a timer makes ready", function()
  it("joins the FIFO behind what is in it", function()
    local log = {}
    loop.call_later(0.001, table.insert, log, "timer")
    neap.spawn(function()
      local finish = loop.time() + 0.003
      while loop.time() < finish do
        math.random()
      end
      table.insert(log, "computed")
    end)
    neap.spawn(table.insert, log, "ready already")

    neap.sleep(0.02)

    assert.same({ "computed", "ready already", "timer" }, log)
  end)
end)
