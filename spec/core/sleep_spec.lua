local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local time = neap.loop.time

describe("neap.sleep", function()
  timed("waits for the given number of seconds", function()
    local start = time()

    neap.sleep(3600)

    assert.is_true(math.abs(time() - start - 3600) < 0.01)
  end)

  timed("takes fractions of seconds", function()
    local start = time()

    neap.sleep(0.25)

    assert.is_true(math.abs(time() - start - 0.25) < 0.01)
  end)

  timed("takes integers as well as floats", function()
    local start = time()

    neap.sleep(2)
    neap.sleep(2.0)

    assert.is_true(math.abs(time() - start - 4) < 0.01)
  end)

  timed("returns its further arguments, nils included", function()
    assert.same({ n = 4, [2] = "x" }, table.pack(neap.sleep(1, nil, "x", nil, nil)))
    assert.same({ n = 2, false }, table.pack(neap.sleep(0, false, nil)))
  end)

  timed("returns nothing where there are no further arguments", function()
    assert.equal(0, select("#", neap.sleep(1)))
    assert.equal(0, select("#", neap.sleep(0)))
  end)

  timed("wakes tasks in the order of their deadlines", function()
    local log = {}
    for _, seconds in ipairs({ 3, 1, 2, 0.5, 2.5 }) do
      neap.spawn(function()
        neap.sleep(seconds)
        table.insert(log, seconds)
      end)
    end

    neap.sleep(4)

    assert.same({ 0.5, 1, 2, 2.5, 3 }, log)
  end)

  timed("wakes tasks with one deadline in the order in which they began", function()
    local log, expected = {}, {}
    for i = 1, 50 do
      neap.spawn(function()
        neap.sleep(1)
        table.insert(log, i)
      end)
      expected[i] = i
    end

    neap.sleep(2)

    assert.same(expected, log)
  end)

  -- In a process of its own: so far ahead, the clock tells seconds coarsely.
  it("keeps the order of thousands, of nanoseconds to years, while others stop", function()
    local out, err = child.run([[
      local neap = require "neap"
      local spans, seed = { 2e-9, 1e-3, 5e-3, 1, 86400, 4e7, 1e8 }, 1
      local function random(n)
        seed = seed * 1103515245 + 12345 & 0x7fffffff
        return seed // 65536 % n
      end
      local log, expected, tasks = {}, {}, {}
      neap.testing.virtual_clock(function()
        for i = 1, 3000 do
          local seconds = 1 + random(40) * spans[1 + random(#spans)]
          tasks[i] = neap.spawn(function()
            neap.sleep(seconds)
            table.insert(log, i)
          end)
          if i % 3 ~= 0 then
            table.insert(expected, { i = i, ns = math.ceil(seconds * 1e9) })
          end
        end
        neap.sleep(0)
        for i = 3, 3000, 3 do
          tasks[i]:cancel()
        end
        neap.sleep(5e9)
      end)
      table.sort(expected, function(a, b)
        if a.ns ~= b.ns then
          return a.ns < b.ns
        end
        return a.i < b.i
      end)
      for at, one in ipairs(expected) do
        assert(one.i == log[at], at)
      end
      print(#expected == #log)
    ]])

    assert.equal("true\n", out)
    assert.equal("", err)
  end)

  it("is never early", function()
    for _ = 1, 5 do
      local start = time()
      neap.sleep(0.003)
      assert.is_true(time() - start >= 0.003 - 1e-9)
    end
  end)

  it("parks only the task that calls it", function()
    local log = {}
    local sleeper = neap.spawn(function()
      neap.sleep(0.002)
      table.insert(log, "sleeper")
    end)
    neap.spawn(function() table.insert(log, "other") end)

    neap.await(sleeper)

    assert.same({ "other", "sleeper" }, log)
  end)

  describe("of 0", function()
    it("gives every other ready task one turn", function()
      local turns = { 0, 0, 0 }
      for i = 1, 3 do
        neap.spawn(function()
          for _ = 1, 3 do
            turns[i] = turns[i] + 1
            neap.sleep(0)
          end
        end)
      end

      neap.sleep(0)
      assert.same({ 1, 1, 1 }, turns)
      neap.sleep(0)
      assert.same({ 2, 2, 2 }, turns)
      neap.testing.settle()
    end)

    timed("takes no time", function()
      local start = time()

      for _ = 1, 100 do
        neap.sleep(0)
      end

      assert.is_true(time() - start < 1)
    end)
  end)

  describe("of a negative number", function()
    timed("counts as 0", function()
      local start, turned = time(), false
      neap.spawn(function() turned = true end)

      assert.equal("x", neap.sleep(-5, "x"))

      assert.is_true(turned)
      assert.is_true(time() - start < 1)
    end)

    timed("counts as 0 however large", function()
      local start = time()

      neap.sleep(-math.huge)
      neap.sleep(math.mininteger)
      neap.sleep(-1e300)

      assert.is_true(time() - start < 1)
    end)
  end)

  describe("of a huge number", function()
    timed("waits until cancelled for math.huge", function()
      local task = neap.spawn(neap.sleep, math.huge)
      neap.sleep(1e6)
      assert.equal("waiting", task:status())

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
    end)

    for _, seconds in ipairs({ 1e12, 1e18, 1e300, math.maxinteger }) do
      timed(("does not wrap around for %g"):format(seconds), function()
        local task = neap.spawn(neap.sleep, seconds)

        neap.sleep(1e6)

        assert.equal("waiting", task:status())
        task:cancel()
        neap.testing.settle()
      end)
    end
  end)

  it("returns after a tiny number of seconds", function()
    assert.equal("x", neap.sleep(1e-9, "x"))
    assert.equal("x", neap.sleep(5e-324, "x"))
  end)

  it("refuses NaN", function()
    expect.bad_argument("#1 to 'sleep'", nil, function() neap.sleep(0 / 0) end)
  end)

  it("refuses what is no number", function()
    for _, value in ipairs({ "x", {}, true, print }) do
      expect.bad_argument("#1 to 'sleep'", "number expected, got " .. type(value), function()
        neap.sleep(value)
      end)
    end
    expect.bad_argument("#1 to 'sleep'", "number expected, got nil", function()
      neap.sleep(nil)
    end)
  end)

  it("refuses an absent number", function()
    expect.bad_argument("#1 to 'sleep'", "number expected, got no value", function()
      neap.sleep()
    end)
  end)
end)
