local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local time = neap.loop.time

describe("neap.every", function()
  timed("gives 1, 2, 3 at the ends of the intervals", function()
    local start, seen, times = time(), {}, {}

    for i in neap.every(2) do
      table.insert(seen, i)
      table.insert(times, math.floor((time() - start) * 100 + 0.5) / 100)
      if i == 3 then
        break
      end
    end

    assert.same({ 1, 2, 3 }, seen)
    assert.same({ 2, 4, 6 }, times)
  end)

  timed("does not drift when the body takes time", function()
    local start, times = time(), {}

    for i in neap.every(1) do
      table.insert(times, math.floor((time() - start) * 100 + 0.5) / 100)
      if i == 4 then
        break
      end
      neap.sleep(0.7)
    end

    assert.same({ 1, 2, 3, 4 }, times)
  end)

  timed("skips those that were missed", function()
    local start, times = time(), {}

    for _ in neap.every(1) do
      table.insert(times, math.floor((time() - start) * 100 + 0.5) / 100)
      if #times == 3 then
        break
      end
      neap.sleep(2.5)
    end

    assert.same({ 1, 4, 7 }, times)
  end)

  timed("takes fractions", function()
    local start = time()

    for i in neap.every(0.25) do
      if i == 10 then
        break
      end
    end

    assert.is_true(math.abs(time() - start - 2.5) < 0.01)
  end)

  timed("never comes for an interval without end", function()
    expect.code("TIMEOUT", neap.timeout, 1e6, neap.every(math.huge))
  end)

  timed("can be cancelled", function()
    local task = neap.spawn(function()
      for _ in neap.every(10) do
        error("not reached")
      end
    end)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
  end)

  it("refuses what is not above 0", function()
    expect.bad_argument("#1 to 'every'", nil, function() neap.every(0) end)
    expect.bad_argument("#1 to 'every'", nil, function() neap.every(-1) end)
    expect.bad_argument("#1 to 'every'", nil, function() neap.every(0 / 0) end)
  end)

  it("refuses what is no number", function()
    expect.bad_argument("#1 to 'every'", "number expected, got nil", function() neap.every(nil) end)
    expect.bad_argument("#1 to 'every'", "number expected, got no value", function()
      neap.every()
    end)
  end)
end)
