local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local time = neap.loop.time

local function fail_after(seconds, err)
  neap.sleep(seconds)
  error(err, 0)
end

--- Tasks that sleep for the given numbers of seconds, and their results.
local function sleepers(...)
  local tasks = {}
  for i, seconds in ipairs({ ... }) do
    tasks[i] = neap.spawn(neap.sleep, seconds, seconds)
  end
  return tasks
end

local function cancel(tasks)
  for _, task in ipairs(tasks) do
    task:cancel()
  end
  neap.testing.settle()
end

--- The places in `list` of those in `part`.
local function places(list, part)
  local found = {}
  for i, future in ipairs(part) do
    for place, member in ipairs(list) do
      if member == future then
        found[i] = place
      end
    end
  end
  return found
end

describe("neap.wait", function()
  timed("waits for all and gives them in the order of the list", function()
    local list = sleepers(3, 1, 2)
    local start = time()

    local done, pending = neap.wait(list)

    assert.same({ 1, 2, 3 }, places(list, done))
    assert.same({}, pending)
    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  timed("takes when = all as the default", function()
    local list = sleepers(3, 1)

    local done, pending = neap.wait(list, { when = "all" })

    assert.equal(2, #done)
    assert.equal(0, #pending)
  end)

  timed("returns when the first has ended, for when = first", function()
    local list = sleepers(3, 1, 2)
    local start = time()

    local done, pending = neap.wait(list, { when = "first" })

    assert.same({ 2 }, places(list, done))
    assert.same({ 1, 3 }, places(list, pending))
    assert.is_true(math.abs(time() - start - 1) < 0.01)
    cancel(list)
  end)

  timed("gives all that have ended at once, for when = first", function()
    local futures = { neap.future(), neap.future(), neap.future() }
    neap.loop.call_later(1, function()
      futures[3]:set_result()
      futures[1]:set_result()
    end)

    local done, pending = neap.wait(futures, { when = "first" })

    assert.same({ 1, 3 }, places(futures, done))
    assert.same({ 2 }, places(futures, pending))
  end)

  timed("returns at the first error, for when = first_error", function()
    local list = sleepers(1, 3)
    table.insert(list, neap.spawn(fail_after, 2, "failed"))

    local done, pending = neap.wait(list, { when = "first_error" })

    assert.same({ 1, 3 }, places(list, done))
    assert.same({ 2 }, places(list, pending))
    assert.equal("failed", list[3]:error())
    cancel(list)
  end)

  timed("waits for all without an error, for when = first_error", function()
    local list = sleepers(1, 3)

    local done = neap.wait(list, { when = "first_error" })

    assert.equal(2, #done)
  end)

  timed("takes a cancelled member for no error, for when = first_error", function()
    local list = sleepers(5, 1000)
    neap.loop.call_later(1, function() list[2]:cancel() end)
    local start = time()

    local done, pending = neap.wait(list, { when = "first_error" })

    assert.same({ 1, 2 }, places(list, done))
    assert.same({}, pending)
    assert.is_true(math.abs(time() - start - 5) < 0.01)
  end)

  timed("waits on past a cancelled member for an error, for when = first_error", function()
    local list = { neap.future(), neap.future(), neap.future() }
    neap.loop.call_later(1, list[1].cancel, list[1])
    neap.loop.call_later(2, list[2].set_error, list[2], "failed")
    local start = time()

    local done, pending = neap.wait(list, { when = "first_error" })

    assert.same({ 1, 2 }, places(list, done))
    assert.same({ 3 }, places(list, pending))
    assert.is_true(math.abs(time() - start - 2) < 0.01)
    assert.equal("failed", list[2]:error())
  end)

  timed("returns at once for an error from before, for when = first_error", function()
    local list = { neap.future(), neap.future(), neap.future() }
    list[1]:cancel()
    list[3]:set_error("failed")
    local start = time()

    local done, pending = neap.wait(list, { when = "first_error" })

    assert.same({ 1, 3 }, places(list, done))
    assert.same({ 2 }, places(list, pending))
    assert.equal(start, time())
    assert.equal("failed", list[3]:error())
  end)

  timed("returns when all have been cancelled, for when = first_error", function()
    local list = sleepers(1000, 1000)
    neap.loop.call_later(1, list[2].cancel, list[2])
    neap.loop.call_later(2, list[1].cancel, list[1])
    local start = time()

    local done = neap.wait(list, { when = "first_error" })

    assert.same({ 1, 2 }, places(list, done))
    assert.is_true(math.abs(time() - start - 2) < 0.01)
  end)

  timed("returns at the timeout with what was cancelled, for when = first_error", function()
    local list = { neap.future(), neap.future() }
    neap.loop.call_later(1, list[2].cancel, list[2])
    local start = time()

    local done, pending = neap.wait(list, { when = "first_error", timeout = 3 })

    assert.same({ 2 }, places(list, done))
    assert.same({ 1 }, places(list, pending))
    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  it("is not woken by a cancelled member, for when = first_error", function()
    local list = { neap.future(), neap.future(), neap.future() }
    local task = neap.spawn(neap.wait, list, { when = "first_error" })
    neap.sleep(0)

    list[2]:cancel()
    assert.equal("waiting", task:status())
    list[1]:set_error("failed")
    assert.equal("ready", task:status())

    local done, pending = neap.await(task)
    assert.same({ 1, 2 }, places(list, done))
    assert.same({ 3 }, places(list, pending))
    assert.equal("failed", list[1]:error())
  end)

  it("takes memory in proportion to the list, however many are cancelled", function()
    local function memory_of_wait(n)
      local list = {}
      for i = 1, n do
        list[i] = neap.future()
        list[i]:cancel()
      end
      collectgarbage()
      collectgarbage("stop")
      local before = collectgarbage("count")
      neap.wait(list, { when = "first_error" })
      local after = collectgarbage("count")
      collectgarbage("restart")
      return after - before
    end

    assert.is_true(memory_of_wait(1000) < 3 * memory_of_wait(500))
  end)

  timed("returns at the timeout with what has ended", function()
    local list = sleepers(1, 10)
    local start = time()

    local done, pending = neap.wait(list, { timeout = 3 })

    assert.same({ 1 }, places(list, done))
    assert.same({ 2 }, places(list, pending))
    assert.is_true(math.abs(time() - start - 3) < 0.01)
    assert.equal(10, neap.await(list[2]))
  end)

  timed("returns at the timeout with nothing", function()
    local list = sleepers(10)

    local done, pending = neap.wait(list, { timeout = 1, when = "first" })

    assert.same({}, done)
    assert.same({ 1 }, places(list, pending))
    cancel(list)
  end)

  timed("only looks for a timeout of 0", function()
    local list = sleepers(0, 10)
    neap.await(list[1])
    local start = time()

    local done, pending = neap.wait(list, { timeout = 0 })

    assert.same({ 1 }, places(list, done))
    assert.same({ 2 }, places(list, pending))
    assert.is_true(time() - start < 1)
    cancel(list)
  end)

  timed("raises nothing of theirs", function()
    local list = { neap.spawn(fail_after, 1, "failed"), neap.spawn(neap.sleep, 1000) }
    list[2]:cancel()

    local done = neap.wait(list)

    assert.same({ 1, 2 }, places(list, done))
    assert.equal("failed", list[1]:error())
    assert.is_true(list[2]:cancelled())
  end)

  timed("spawns functions and awaits objects by tasks", function()
    local object = setmetatable({}, { __await = function() return neap.sleep(1, "object") end })

    local done, pending = neap.wait({ function() return neap.sleep(1, "function") end, object })

    assert.same({}, pending)
    assert.is_true(neap.is_task(done[1]))
    assert.is_true(neap.is_task(done[2]))
    assert.equal("function", done[1]:result())
    assert.equal("object", done[2]:result())
  end)

  it("gives two empty lists for the empty list", function()
    for _, when in ipairs({ "all", "first", "first_error" }) do
      local done, pending = neap.wait({}, { when = when })

      assert.same({}, done)
      assert.same({}, pending)
      assert.not_equal(done, pending)
    end
  end)

  for _, when in ipairs({ "all", "first", "first_error" }) do
    timed("cancels nothing when it is cancelled itself, for when = " .. when, function()
      local list = sleepers(2, 3)
      local task = neap.spawn(neap.wait, list, { when = when })
      neap.sleep(1)

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
      assert.equal(2, neap.await(list[1]))
      assert.equal(3, neap.await(list[2]))
    end)
  end

  timed("cancels nothing when a deadline passes there", function()
    local list = sleepers(3)

    expect.code("TIMEOUT", neap.timeout, 1, neap.wait, list)

    assert.equal(3, neap.await(list[1]))
  end)

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'wait'", "table expected, got nil", function() neap.wait(nil) end)
    expect.bad_argument("#1 to 'wait'", nil, function() neap.wait({ 42 }) end)
    expect.error(neap.wait, {}, { when = "sometimes" })
    expect.error(neap.wait, {}, { timeout = 0 / 0 })
    expect.error(neap.wait, {}, { timeout = "soon" })
  end)
end)

describe("neap.as_completed", function()
  timed("gives the futures in the order in which they end", function()
    local list = sleepers(3, 1, 2)
    local given = {}

    for future in neap.as_completed(list) do
      table.insert(given, future)
    end

    assert.same({ 2, 3, 1 }, places(list, given))
  end)

  timed("gives each as soon as it has ended", function()
    local start = time()

    for future in neap.as_completed(sleepers(3, 1)) do
      assert.is_true(math.abs(time() - start - future:result()) < 0.01)
    end
  end)

  timed("gives those that ended before the call in the order of the list", function()
    local list = sleepers(3, 2, 1, 10)
    neap.sleep(5)
    local given = {}

    for future in neap.as_completed(list) do
      table.insert(given, future)
    end

    assert.same({ 1, 2, 3, 4 }, places(list, given))
  end)

  timed("gives those that end while the loop body runs", function()
    local list = sleepers(1, 2, 3)
    local given = {}

    for future in neap.as_completed(list) do
      table.insert(given, future:result())
      neap.sleep(10)
    end

    assert.same({ 1, 2, 3 }, given)
  end)

  timed("raises nothing of theirs", function()
    local codes = {}
    local list = { neap.spawn(fail_after, 1, "failed"), neap.spawn(neap.sleep, 1000) }
    list[2]:cancel()

    for future in neap.as_completed(list) do
      table.insert(codes, future:cancelled() and "cancelled" or future:error())
    end

    assert.same({ "cancelled", "failed" }, codes)
  end)

  timed("spawns functions and awaits objects by tasks", function()
    local object = setmetatable({}, { __await = function() return neap.sleep(2, "object") end })
    local results = {}

    for future in neap.as_completed({ object, function() return neap.sleep(1, "function") end }) do
      table.insert(results, future:result())
    end

    assert.same({ "function", "object" }, results)
  end)

  it("gives nothing for the empty list", function()
    for _ in neap.as_completed({}) do
      error("not reached")
    end
  end)

  it("goes on giving nil after its end", function()
    local iterator = neap.as_completed({ function() end })

    assert.is_true(neap.is_future(iterator()))
    assert.is_nil(iterator())
    assert.is_nil(iterator())
  end)

  describe("with a timeout", function()
    timed("raises TIMEOUT past it and cancels nothing", function()
      local list = sleepers(1, 10)
      local given, start = {}, time()

      expect.code("TIMEOUT", function()
        for future in neap.as_completed(list, { timeout = 3 }) do
          table.insert(given, future)
        end
      end)

      assert.same({ 1 }, places(list, given))
      assert.is_true(math.abs(time() - start - 3) < 0.01)
      assert.equal(10, neap.await(list[2]))
    end)

    timed("counts from the call", function()
      local list = sleepers(1, 5)
      local start = time()

      expect.code("TIMEOUT", function()
        for _ in neap.as_completed(list, { timeout = 3 }) do
          neap.sleep(1)
        end
      end)

      assert.is_true(math.abs(time() - start - 3) < 0.01)
      cancel(list)
    end)

    timed("gives first what has ended, even past it", function()
      local list = sleepers(1, 2, 100)
      local iterator = neap.as_completed(list, { timeout = 3 })
      neap.sleep(10)

      assert.equal(list[1], iterator())
      assert.equal(list[2], iterator())
      expect.code("TIMEOUT", iterator)
      cancel(list)
    end)

    timed("raises TIMEOUT also if another task has asked at that moment", function()
      local iterator
      local other = neap.spawn(function()
        neap.sleep(1)
        return expect.code("BUSY", iterator)
      end)
      neap.sleep(0)
      iterator = neap.as_completed({ neap.future() }, { timeout = 1 })

      expect.code("TIMEOUT", iterator)
      neap.await(other)
    end)

    timed("of 0 gives what has ended already", function()
      local list = sleepers(1, 100)
      neap.sleep(2)
      local iterator = neap.as_completed(list, { timeout = 0 })

      assert.equal(list[1], iterator())
      expect.code("TIMEOUT", iterator)
      cancel(list)
    end)

    timed("raises nothing when all ended in time", function()
      local count = 0

      for _ in neap.as_completed(sleepers(1, 2), { timeout = 3 }) do
        count = count + 1
      end
      neap.sleep(5)

      assert.equal(2, count)
    end)
  end)

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'as_completed'", "table expected, got nil", function()
      neap.as_completed(nil)
    end)
    expect.bad_argument("#1 to 'as_completed'", nil, function() neap.as_completed({ 42 }) end)
    expect.error(neap.as_completed, {}, { timeout = 0 / 0 })
  end)
end)
