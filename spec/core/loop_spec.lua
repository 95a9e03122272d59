local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local loop = neap.loop
local settle = neap.testing.settle

describe("neap.loop", function()
  it("is the module neap.loop", function()
    assert.equal(loop, require("neap.loop"))
  end)

  it("has nothing to close", function()
    assert.is_nil(loop.close)
  end)
end)

describe("loop.time", function()
  it("never goes back", function()
    local last = loop.time()
    for _ = 1, 1000 do
      local now = loop.time()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("goes on while a task computes", function()
    local start, rounds = loop.time(), 0
    while loop.time() - start < 0.002 and rounds < 1e8 do
      rounds = rounds + 1
    end

    assert.is_true(loop.time() - start >= 0.002)
  end)

  timed("counts seconds", function()
    local start = loop.time()
    neap.sleep(90)

    assert.is_true(math.abs(loop.time() - start - 90) < 0.01)
  end)
end)

describe("loop.call_soon", function()
  it("runs the function with the arguments, nils included", function()
    local seen
    loop.call_soon(function(...) seen = table.pack(...) end, nil, 2, nil)

    neap.sleep(0)

    assert.same({ n = 3, [2] = 2 }, seen)
  end)

  it("never runs it inside the call", function()
    local ran = false

    loop.call_soon(function() ran = true end)

    assert.is_false(ran)
    neap.sleep(0)
    assert.is_true(ran)
  end)

  it("shares one FIFO with tasks", function()
    local log = {}
    local function note(name)
      return function() table.insert(log, name) end
    end

    neap.spawn(note("task 1"))
    loop.call_soon(note("callback 1"))
    neap.spawn(note("task 2"))
    loop.call_soon(note("callback 2"))
    neap.sleep(0)

    assert.same({ "task 1", "callback 1", "task 2", "callback 2" }, log)
  end)

  timed("runs each callback as a task of its own that may wait", function()
    local log = {}
    loop.call_soon(function()
      neap.sleep(2)
      table.insert(log, "first")
    end)
    loop.call_soon(function()
      neap.sleep(1)
      table.insert(log, "second")
    end)

    neap.sleep(3)

    assert.same({ "second", "first" }, log)
  end)

  it("names that task callback-N", function()
    local name
    loop.call_soon(function() name = neap.current_task():name() end)

    neap.sleep(0)

    assert.matches("^callback%-%d+$", name)
  end)

  it("reports an error at once, and other callbacks run on", function()
    local failure, ran = {}, false
    local reports = expect.reports(function()
      loop.call_soon(error, failure)
      loop.call_soon(function() ran = true end)
    end)

    assert.equal(1, #reports)
    assert.equal(failure, reports[1].error)
    assert.equal("string", type(reports[1].message))
    assert.is_true(ran)
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#1 to 'call_soon'", "function expected, got nil", function()
      loop.call_soon(nil)
    end)
  end)
end)

describe("the handle of a callback", function()
  it("cancels the callback", function()
    local ran = false
    local handle = loop.call_soon(function() ran = true end)
    assert.is_false(handle:cancelled())

    handle:cancel()
    settle()

    assert.is_false(ran)
    assert.is_true(handle:cancelled())
  end)

  timed("lets go of the function", function()
    local functions = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      neap.await(neap.spawn(type, 1))
      local value = {}
      functions[value] = true
      loop.call_later(1, function() return value end):cancel()
    end

    collectgarbage()
    collectgarbage()

    assert.is_nil(next(functions))
  end)

  timed("cancels a timed callback", function()
    local ran = false
    local handle = loop.call_later(1, function() ran = true end)

    handle:cancel()
    neap.sleep(2)

    assert.is_false(ran)
    assert.is_true(handle:cancelled())
  end)

  timed("does nothing once the callback has started", function()
    local ended = false
    local handle
    handle = loop.call_soon(function()
      neap.sleep(1)
      ended = true
    end)
    neap.sleep(0)

    handle:cancel()
    neap.sleep(2)

    assert.is_true(ended)
    assert.is_false(handle:cancelled())
  end)

  it("does nothing in the callback itself", function()
    local handle, cancelled
    handle = loop.call_soon(function()
      handle:cancel()
      neap.sleep(0)
      cancelled = handle:cancelled()
    end)
    settle()

    assert.is_false(cancelled)
  end)

  it("can be cancelled twice", function()
    local handle = loop.call_soon(print)

    handle:cancel()
    handle:cancel()
    settle()

    assert.is_true(handle:cancelled())
  end)

  timed("cancels as a <close> variable", function()
    local called = {}
    do
      local late <close> = loop.call_later(1, table.insert, called, "late")
      local soon <close> = loop.call_soon(table.insert, called, "soon")
      assert.is_false(late:cancelled() or soon:cancelled())
    end
    neap.sleep(2)

    assert.same({}, called)
  end)

  timed("says when a timed callback is due", function()
    local start = loop.time()
    local handles = { loop.call_later(5, print), loop.call_at(start + 7, print) }

    assert.is_true(math.abs(handles[1]:when() - start - 5) < 0.01)
    assert.equal(start + 7, handles[2]:when())
    handles[1]:cancel()
    handles[2]:cancel()
  end)
end)

describe("loop.call_later", function()
  timed("runs the function with the arguments after the delay", function()
    local start, seen, at = loop.time(), nil, nil
    loop.call_later(5, function(...)
      seen, at = table.pack(...), loop.time()
    end, nil, 2, nil)

    neap.sleep(10)

    assert.same({ n = 3, [2] = 2 }, seen)
    assert.is_true(math.abs(at - start - 5) < 0.01)
  end)

  timed("runs callbacks in the order of their times", function()
    local log = {}
    for _, seconds in ipairs({ 3, 1, 2, 0.5 }) do
      loop.call_later(seconds, table.insert, log, seconds)
    end

    neap.sleep(4)

    assert.same({ 0.5, 1, 2, 3 }, log)
  end)

  timed("never runs the function inside the call, for 0 either", function()
    local ran = false

    loop.call_later(0, function() ran = true end)

    assert.is_false(ran)
    neap.sleep(0.001)
    assert.is_true(ran)
  end)

  timed("counts a negative delay as 0", function()
    local ran = false

    loop.call_later(-1, function() ran = true end)
    neap.sleep(0.001)

    assert.is_true(ran)
  end)

  it("is never early", function()
    local due, at
    local handle = loop.call_later(0.003, function() at = loop.time() end)
    due = handle:when()

    neap.sleep(0.01)

    assert.is_true(at >= due)
  end)

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'call_later'", "number expected, got string", function()
      loop.call_later("soon", print)
    end)
    expect.bad_argument("#1 to 'call_later'", nil, function() loop.call_later(0 / 0, print) end)
    expect.bad_argument("#2 to 'call_later'", "function expected, got no value", function()
      loop.call_later(1)
    end)
  end)
end)

describe("loop.call_at", function()
  timed("runs the function with the arguments at the time", function()
    local due = loop.time() + 5
    local seen, at
    loop.call_at(due, function(...)
      seen, at = table.pack(...), loop.time()
    end, "x", nil)

    neap.sleep(10)

    assert.same({ n = 2, "x" }, seen)
    assert.is_true(at >= due and at < due + 0.01)
  end)

  timed("runs it on the next turn when the time has passed", function()
    local ran = false

    loop.call_at(loop.time() - 100, function() ran = true end)

    assert.is_false(ran)
    neap.sleep(0.001)
    assert.is_true(ran)
  end)

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'call_at'", nil, function() loop.call_at(0 / 0, print) end)
    expect.bad_argument("#2 to 'call_at'", "function expected, got table", function()
      loop.call_at(0, {})
    end)
  end)
end)
