local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
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

local function fail_after(seconds, err)
  neap.sleep(seconds)
  error(err, 0)
end

describe("neap.gather", function()
  timed("returns the results in the order of the list", function()
    local results = neap.gather({
      neap.spawn(neap.sleep, 3, "a"),
      neap.spawn(neap.sleep, 1, "b"),
      neap.spawn(neap.sleep, 2, "c"),
    })

    assert.same({ n = 3, "a", "b", "c" }, results)
  end)

  timed("waits for all at the same time", function()
    local start = time()

    neap.gather({ neap.spawn(neap.sleep, 3), neap.spawn(neap.sleep, 3) })

    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  it("takes futures, tasks, functions and objects with __await", function()
    local future = neap.future()
    future:set_result("future")
    local object = setmetatable({}, {
      __await = function()
        neap.sleep(0)
        return "object"
      end,
    })

    local results = neap.gather({
      future,
      neap.spawn(function() return "task" end),
      function() return "function" end,
      object,
    })

    assert.same({ n = 4, "future", "task", "function", "object" }, results)
  end)

  it("gives each one's first result, false and nil included", function()
    local results = neap.gather({
      function() return nil, "lost" end,
      function() return false end,
      function() end,
      function() return "last", "lost" end,
      function() return nil end,
    })

    assert.same({ n = 5, [2] = false, [4] = "last" }, results)
  end)

  it("gives { n = 0 } for the empty list", function()
    assert.same({ n = 0 }, neap.gather({}))
  end)

  it("takes the same task twice", function()
    local task = neap.spawn(function() return "x" end)

    assert.same({ n = 2, "x", "x" }, neap.gather({ task, task }))
  end)

  it("leaves the list as it is", function()
    local function member() return "x" end
    local list = { member, member }

    local results = neap.gather(list)

    assert.same({ member, member }, list)
    assert.not_equal(list, results)
  end)

  it("spawns functions in the order of the list", function()
    local log = {}
    local list = {}
    for i = 1, 5 do
      list[i] = function() table.insert(log, i) end
    end

    neap.gather(list)

    assert.same({ 1, 2, 3, 4, 5 }, log)
  end)

  it("takes a thousand members", function()
    local list = {}
    for i = 1, 1000 do
      list[i] = function() return i end
    end

    local results = neap.gather(list)

    assert.equal(1000, results.n)
    assert.equal(1000, results[1000])
  end)

  describe("when one fails", function()
    timed("raises that very error", function()
      local failure = {}

      assert.equal(failure, expect.error(neap.gather, {
        function() neap.sleep(1) end,
        function() error(failure) end,
      }))
    end)

    timed("raises the error that came first, not the first in the list", function()
      assert.equal("fast", expect.error(neap.gather, {
        function() fail_after(2, "slow") end,
        function() fail_after(1, "fast") end,
      }))
    end)

    timed("cancels the others and waits for them", function()
      local log, start = {}, time()

      local err = expect.error(neap.gather, {
        function() careful(log, "first", 2) end,
        function() fail_after(1, "failed") end,
        function() careful(log, "third", 1) end,
      })

      assert.equal("failed", err)
      assert.same({ "third", "first" }, log)
      assert.is_true(math.abs(time() - start - 3) < 0.01)
    end)

    timed("leaves those alone that have ended", function()
      local ended = neap.spawn(neap.sleep, 1, "result")

      expect.error(neap.gather, { ended, function() fail_after(2, "failed") end })

      assert.equal("result", ended:result())
    end)

    it("raises the error of one that had failed before the call", function()
      local failed = neap.spawn(error, "early")
      neap.sleep(0)
      local log = {}

      local err = expect.error(neap.gather, { function() careful(log, "other", 0) end, failed })

      assert.equal("early", err)
    end)

    timed("reports no second error of the same turn", function()
      local reports = expect.reports_when_collected(function()
        expect.error(neap.gather, {
          function() error("first", 0) end,
          function() error("second", 0) end,
        })
        neap.sleep(10)
      end)

      assert.same({}, reports.errors)
    end)

    timed("raises CANCELLED for a member that was cancelled", function()
      local member = neap.spawn(neap.sleep, 1000)
      local log = {}
      neap.loop.call_later(1, function() member:cancel() end)

      expect.code("CANCELLED", neap.gather, { function() careful(log, "other", 1) end, member })

      assert.same({ "other" }, log)
      assert.equal("undisturbed", neap.sleep(1, "undisturbed"))
    end)
  end)

  describe("with return_errors", function()
    local options = { return_errors = true }

    timed("puts errors in the places of results", function()
      local failure = {}

      local results = neap.gather({
        function() fail_after(1, failure) end,
        function() return neap.sleep(2, "result") end,
        function() fail_after(3, "text") end,
      }, options)

      assert.equal(3, results.n)
      assert.equal(failure, results[1])
      assert.equal("result", results[2])
      assert.equal("text", results[3])
    end)

    timed("puts CANCELLED in the place of a cancelled member", function()
      local member = neap.spawn(neap.sleep, 1000)
      member:cancel()

      local results = neap.gather({ member, function() return neap.sleep(1, "result") end }, options)

      assert.is_true(neap.is_cancelled(results[1]))
      assert.equal("result", results[2])
    end)

    it("gives { n = 0 } for the empty list", function()
      assert.same({ n = 0 }, neap.gather({}, options))
    end)
  end)

  describe("given wrong arguments", function()
    it("refuses what is no table", function()
      expect.bad_argument("#1 to 'gather'", "table expected, got number", function()
        neap.gather(42)
      end)
      expect.bad_argument("#1 to 'gather'", "table expected, got no value", function()
        neap.gather()
      end)
    end)

    it("refuses a member that cannot be awaited", function()
      expect.bad_argument("#1 to 'gather'", nil, function() neap.gather({ 42 }) end)
    end)

    it("refuses options that are no table", function()
      expect.bad_argument("#2 to 'gather'", "got boolean", function() neap.gather({}, true) end)
    end)
  end)
end)

describe("neap.map", function()
  timed("gives the results of the function in the order of the list", function()
    local results = neap.map({ 3, 1, 2 }, function(item, i)
      neap.sleep(item)
      return item * 10 + i
    end)

    assert.same({ n = 3, 31, 12, 23 }, results)
  end)

  timed("runs all at the same time without a limit", function()
    local start = time()

    neap.map({ 3, 3, 3, 3 }, neap.sleep)

    assert.is_true(math.abs(time() - start - 3) < 0.01)
  end)

  timed("runs at most as many at a time as the limit says", function()
    local running, most, order = 0, 0, {}

    local results = neap.map({ 1, 2, 3, 4, 5, 6, 7 }, function(item)
      table.insert(order, item)
      running = running + 1
      most = math.max(most, running)
      neap.sleep(item % 3 + 1)
      running = running - 1
      return item
    end, { limit = 3 })

    assert.equal(3, most)
    assert.same({ 1, 2, 3, 4, 5, 6, 7 }, order)
    assert.same({ n = 7, 1, 2, 3, 4, 5, 6, 7 }, results)
  end)

  timed("starts the next as soon as one has ended", function()
    local start = time()

    neap.map({ 5, 1, 1, 1, 1, 1 }, neap.sleep, { limit = 2 })

    assert.is_true(math.abs(time() - start - 5) < 0.01)
  end)

  timed("takes a limit larger than the list", function()
    assert.same({ n = 2, 1, 2 }, neap.map({ 1, 2 }, function(x) return x end, { limit = 100 }))
  end)

  it("keeps the places of nil results", function()
    local results = neap.map({ 1, 2, 3 }, function(x)
      if x == 2 then
        return x
      end
    end, { limit = 2 })

    assert.same({ n = 3, [2] = 2 }, results)
  end)

  for _, options in ipairs({ {}, { limit = 1 } }) do
    local name = ", limit " .. tostring(options.limit)

    it("takes the items up to the length of the list" .. name, function()
      local places = {}

      local results = neap.map({ 1, nil, 3 }, function(item, i)
        table.insert(places, i)
        return item
      end, options)

      assert.same({ n = 3, [1] = 1, [3] = 3 }, results)
      assert.same({ 1, 2, 3 }, places)
    end)

    it("takes the items as they are at the call" .. name, function()
      local list = { 1, 2, 3 }

      local results = neap.map(list, function(item)
        list[1], list[2], list[3] = "changed", "changed", "changed"
        return item
      end, options)

      assert.same({ n = 3, 1, 2, 3 }, results)
    end)
  end

  it("gives { n = 0 } for the empty list", function()
    assert.same({ n = 0 }, neap.map({}, error))
    assert.same({ n = 0 }, neap.map({}, error, { limit = 2 }))
  end)

  timed("raises the first error, cancels what runs and starts no more", function()
    local log, started = {}, 0

    local err = expect.error(neap.map, { "careful", "failing", "never", "never" }, function(item)
      started = started + 1
      if item == "careful" then
        careful(log, item, 1)
      end
      fail_after(1, item)
    end, { limit = 2 })

    assert.equal("failing", err)
    assert.same({ "careful" }, log)
    assert.equal(2, started)
  end)

  for _, options in ipairs({ {}, { limit = 2 } }) do
    timed("cancels what runs when its task is cancelled, limit " .. tostring(options.limit), function()
      local log = {}
      local task = neap.spawn(neap.map, { 1, 2, 3 }, function(item)
        careful(log, item, item)
      end, options)
      neap.sleep(1)

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
      assert.same(options.limit and { 1, 2 } or { 1, 2, 3 }, log)
    end)
  end

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'map'", "table expected, got nil", function() neap.map(nil, print) end)
    expect.bad_argument("#2 to 'map'", "function expected, got no value", function()
      neap.map({})
    end)
    expect.bad_argument("#2 to 'map'", "function expected, got string", function()
      neap.map({}, "f")
    end)
  end)

  it("refuses a limit of less than one", function()
    expect.error(neap.map, { 1 }, print, { limit = 0 })
    expect.error(neap.map, { 1 }, print, { limit = -1 })
    expect.error(neap.map, { 1 }, print, { limit = "many" })
  end)
end)

describe("neap.race", function()
  timed("returns all results of the first to end", function()
    local results = table.pack(neap.race({
      function() return neap.sleep(2, "slow") end,
      function() return neap.sleep(1, "fast", nil) end,
    }))

    assert.same({ n = 2, "fast" }, results)
  end)

  timed("raises the error of the first to end", function()
    assert.equal("fast", expect.error(neap.race, {
      function() return neap.sleep(2, "slow") end,
      function() fail_after(1, "fast") end,
    }))
  end)

  timed("cancels the others and waits for them", function()
    local log, start = {}, time()

    local winner = neap.race({
      function() careful(log, "loser", 3) end,
      function() return neap.sleep(1, "winner") end,
    })

    assert.equal("winner", winner)
    assert.same({ "loser" }, log)
    assert.is_true(math.abs(time() - start - 4) < 0.01)
  end)

  timed("cancels the others also when the first fails", function()
    local log = {}

    expect.error(neap.race, {
      function() careful(log, "loser", 3) end,
      function() fail_after(1, "failed") end,
    })

    assert.same({ "loser" }, log)
  end)

  timed("leaves a plain future among the others pending", function()
    local future = neap.future()

    assert.equal("winner", neap.race({ future, function() return neap.sleep(1, "winner") end }))

    assert.is_false(future:done())
  end)

  timed("leaves a member alone that another task waits for as well", function()
    local shared = neap.spawn(neap.sleep, 5, "unharmed")
    local other = neap.spawn(neap.await, shared)

    neap.race({ shared, function() neap.sleep(1) end })

    assert.equal("unharmed", neap.await(other))
  end)

  it("returns what has ended already, the first of the list", function()
    local first, second = neap.future(), neap.future()
    second:set_result("second")
    first:set_result("first")

    assert.equal("first", neap.race({ neap.future(), first, second }))
  end)

  timed("counts a cancelled member as one that ended", function()
    local member = neap.spawn(neap.sleep, 1000)
    neap.loop.call_later(1, function() member:cancel() end)

    expect.code("CANCELLED", neap.race, { member, function() neap.sleep(5) end })
  end)

  it("takes the same task twice", function()
    local task = neap.spawn(function() return "x" end)

    assert.equal("x", neap.race({ task, task }))
  end)

  it("refuses the empty list", function()
    expect.bad_argument("#1 to 'race'", nil, function() neap.race({}) end)
  end)

  it("refuses what is no list of awaitables", function()
    expect.bad_argument("#1 to 'race'", "table expected, got nil", function() neap.race(nil) end)
    expect.bad_argument("#1 to 'race'", nil, function() neap.race({ "x" }) end)
  end)
end)
