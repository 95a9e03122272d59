local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it, timed = case.it, case.timed

describe("a pending future", function()
  it("is neither done nor cancelled", function()
    local future = neap.future()

    assert.is_false(future:done())
    assert.is_false(future:cancelled())
  end)

  it("has no result", function()
    local future = neap.future()

    expect.code("INVALID_STATE", future.result, future)
  end)

  it("has no error", function()
    local future = neap.future()

    expect.code("INVALID_STATE", future.error, future)
  end)

  it("says what it is", function()
    local future = neap.future()
    local pending = tostring(future)

    assert.matches("^Future", pending)
    future:set_result()
    assert.matches("^Future", tostring(future))
    assert.not_equal(pending, tostring(future))
  end)
end)

describe("future:set_result", function()
  it("ends the future", function()
    local future = neap.future()

    future:set_result("value")

    assert.is_true(future:done())
    assert.is_false(future:cancelled())
    assert.equal("value", future:result())
    assert.is_nil(future:error())
  end)

  it("takes any number of values, nils included", function()
    local future = neap.future()

    future:set_result(nil, 2, nil, nil)

    assert.same({ n = 4, [2] = 2 }, table.pack(future:result()))
    assert.same({ n = 4, [2] = 2 }, table.pack(neap.await(future)))
  end)

  it("takes no value at all", function()
    local future = neap.future()

    future:set_result()

    assert.equal(0, select("#", future:result()))
    assert.equal(0, select("#", neap.await(future)))
  end)

  it("takes a false value", function()
    local future = neap.future()

    future:set_result(false)

    assert.is_false(future:result())
  end)

  it("keeps a future that is a result as it is", function()
    local outer, inner = neap.future(), neap.future()

    outer:set_result(inner)

    assert.equal(inner, neap.await(outer))
    assert.is_false(inner:done())
  end)

  it("wakes every task that waits, in the order in which they came", function()
    local future = neap.future()
    local log = {}
    for i = 1, 3 do
      neap.spawn(function() table.insert(log, i .. future:await()) end)
    end
    neap.sleep(0)

    future:set_result("x")

    assert.same({}, log)
    neap.testing.settle()
    assert.same({ "1x", "2x", "3x" }, log)
  end)
end)

describe("future:set_error", function()
  it("ends the future with that very error", function()
    local future, failure = neap.future(), {}

    future:set_error(failure)

    assert.is_true(future:done())
    assert.is_false(future:cancelled())
    assert.equal(failure, future:error())
    assert.equal(failure, expect.error(future.result, future))
    assert.equal(failure, expect.error(neap.await, future))
  end)

  it("raises the error in every task that waits", function()
    local future, failure = neap.future(), {}
    local first, second = neap.spawn(neap.await, future), neap.spawn(neap.await, future)
    neap.sleep(0)

    future:set_error(failure)

    assert.equal(failure, expect.error(neap.await, first))
    assert.equal(failure, expect.error(neap.await, second))
  end)

  it("refuses nil", function()
    local future = neap.future()

    expect.bad_argument("#1 to 'set_error'", nil, function() future:set_error(nil) end)
    expect.bad_argument("#1 to 'set_error'", nil, function() future:set_error() end)
    assert.is_false(future:done())
  end)

  it("takes false", function()
    local future = neap.future()

    future:set_error(false)

    assert.is_false(future:error())
    assert.is_false(expect.error(neap.await, future))
  end)
end)

describe("a future that has ended", function()
  local function ended()
    local succeeded, failed, cancelled = neap.future(), neap.future(), neap.future()
    succeeded:set_result("first")
    failed:set_error("failed")
    cancelled:cancel()
    failed:error()
    return { succeeded, failed, cancelled }
  end

  it("refuses another result", function()
    for _, future in ipairs(ended()) do
      expect.code("INVALID_STATE", future.set_result, future, "second")
    end
  end)

  it("refuses another error", function()
    for _, future in ipairs(ended()) do
      expect.code("INVALID_STATE", future.set_error, future, "second")
    end
  end)

  it("keeps what it ended with", function()
    local future = ended()[1]

    pcall(future.set_result, future, "second")
    pcall(future.set_error, future, "second")
    future:cancel()

    assert.equal("first", future:result())
  end)

  it("refuses to be cancelled", function()
    for i, future in ipairs(ended()) do
      assert.is_false(future:cancel())
      assert.equal(i == 3, future:cancelled())
    end
  end)
end)

describe("future:cancel", function()
  it("ends the future as cancelled", function()
    local future = neap.future()

    assert.is_true(future:cancel())

    assert.is_true(future:done())
    assert.is_true(future:cancelled())
  end)

  it("makes result, error and await raise CANCELLED", function()
    local future = neap.future()

    future:cancel()

    expect.code("CANCELLED", future.result, future)
    expect.code("CANCELLED", future.error, future)
    expect.code("CANCELLED", neap.await, future)
  end)

  it("puts its message into the error", function()
    local future = neap.future()

    future:cancel("no longer needed")

    local err = expect.code("CANCELLED", neap.await, future)
    assert.matches("no longer needed", err.message, 1, true)
  end)

  it("keeps every byte of its message", function()
    for _, message in ipairs({ "100% %s", "a\0b", ("long "):rep(1000) }) do
      local future = neap.future()
      future:cancel(message)

      local err = expect.code("CANCELLED", neap.await, future)
      assert.is_truthy(err.message:find(message, 1, true))
    end
  end)

  it("refuses a message that is no string", function()
    local future = neap.future()

    expect.bad_argument("#1 to 'cancel'", "string expected, got table", function()
      future:cancel({})
    end)
    assert.is_false(future:done())
  end)

  it("raises CANCELLED in a task that waits, which may go on", function()
    local future = neap.future()
    local task = neap.spawn(function()
      local err = expect.code("CANCELLED", neap.await, future)
      neap.sleep(0)
      return neap.error_code(err)
    end)
    neap.sleep(0)

    future:cancel()

    assert.equal("CANCELLED", neap.await(task))
  end)

  it("is not reported as an error that nobody retrieved", function()
    local reports = expect.reports_when_collected(function() neap.future():cancel() end)

    assert.same({}, reports.errors)
  end)
end)

describe("a done callback", function()
  it("gets the future", function()
    local future, seen = neap.future(), nil
    future:add_done_callback(function(...) seen = table.pack(...) end)

    future:set_result()
    neap.testing.settle()

    assert.equal(1, seen.n)
    assert.equal(future, seen[1])
  end)

  it("runs after set_error and cancel too", function()
    local log = {}
    local failed, cancelled = neap.future(), neap.future()
    failed:add_done_callback(function(future) table.insert(log, future:error()) end)
    cancelled:add_done_callback(function(future) table.insert(log, future:cancelled()) end)

    failed:set_error("failed")
    cancelled:cancel()
    neap.testing.settle()

    assert.same({ "failed", true }, log)
  end)

  it("runs in the order in which it was added", function()
    local future, log = neap.future(), {}
    for i = 1, 20 do
      future:add_done_callback(function() table.insert(log, i) end)
    end

    future:set_result()
    neap.testing.settle()

    assert.equal("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", table.concat(log, " "))
  end)

  it("never runs inside set_result", function()
    local future, ran = neap.future(), false
    future:add_done_callback(function() ran = true end)

    future:set_result()

    assert.is_false(ran)
    neap.sleep(0)
    assert.is_true(ran)
  end)

  it("runs once", function()
    local future, runs = neap.future(), 0
    future:add_done_callback(function() runs = runs + 1 end)

    future:set_result()
    pcall(future.set_result, future)
    neap.testing.settle()

    assert.equal(1, runs)
  end)

  it("runs as often as it was added", function()
    local future, runs = neap.future(), 0
    local function count() runs = runs + 1 end
    future:add_done_callback(count)
    future:add_done_callback(count)

    future:set_result()
    neap.testing.settle()

    assert.equal(2, runs)
  end)

  it("runs on the next turn when the future has ended already", function()
    local future, ran = neap.future(), false
    future:set_result()

    future:add_done_callback(function() ran = true end)

    assert.is_false(ran)
    neap.sleep(0)
    assert.is_true(ran)
  end)

  timed("may wait", function()
    local future, log = neap.future(), {}
    future:add_done_callback(function()
      table.insert(log, "first")
      neap.sleep(1)
      table.insert(log, "first again")
    end)
    future:add_done_callback(function() table.insert(log, "second") end)

    future:set_result()
    neap.sleep(2)

    assert.same({ "first", "second", "first again" }, log)
  end)

  it("runs as a task named callback-N", function()
    local future, name = neap.future(), nil
    future:add_done_callback(function() name = neap.current_task():name() end)

    future:set_result()
    neap.testing.settle()

    assert.matches("^callback%-%d+$", name)
  end)

  it("sends its error to the exception handler", function()
    local future, failure, ran = neap.future(), {}, false
    future:add_done_callback(function() error(failure) end)
    future:add_done_callback(function() ran = true end)

    local reports = expect.reports(function() future:set_result() end)

    assert.equal(1, #reports)
    assert.equal(failure, reports[1].error)
    assert.is_true(ran)
  end)

  it("is a function", function()
    local future = neap.future()

    expect.bad_argument("#1 to 'add_done_callback'", "function expected, got nil", function()
      future:add_done_callback(nil)
    end)
  end)
end)

describe("future:remove_done_callback", function()
  it("keeps the callback from running", function()
    local future, log = neap.future(), {}
    local function removed() table.insert(log, "removed") end
    future:add_done_callback(removed)
    future:add_done_callback(function() table.insert(log, "kept") end)

    future:remove_done_callback(removed)
    future:set_result()
    neap.testing.settle()

    assert.same({ "kept" }, log)
  end)

  it("says how many it removed", function()
    local future = neap.future()
    local function twice() end
    future:add_done_callback(twice)
    future:add_done_callback(print)
    future:add_done_callback(twice)

    assert.equal(0, future:remove_done_callback(error))
    assert.equal(2, future:remove_done_callback(twice))
    assert.equal(0, future:remove_done_callback(twice))
  end)

  it("keeps the order of the others", function()
    local future, log = neap.future(), {}
    local function removed() end
    for i = 1, 4 do
      future:add_done_callback(function() table.insert(log, i) end)
      future:add_done_callback(removed)
    end

    future:remove_done_callback(removed)
    future:set_result()
    neap.testing.settle()

    assert.same({ 1, 2, 3, 4 }, log)
  end)
end)

describe("waiting for a future", function()
  waiters.all_at_once({
    new = neap.future,
    wait = function(future) future:await() end,
    wake = function(future) future:set_result() end,
  })

  it("leaves the future pending when the waiter is cancelled", function()
    local future = neap.future()
    local task = neap.spawn(neap.await, future)
    neap.sleep(0)

    task:cancel()
    neap.sleep(0)

    assert.is_true(task:cancelled())
    assert.is_false(future:done())
    future:set_result("still of use")
    assert.equal("still of use", neap.await(future))
  end)
end)
