local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local time = neap.loop.time

describe("neap.wait_for", function()
  timed("returns all results", function()
    local task = neap.spawn(neap.sleep, 1, nil, 2, nil)

    assert.same({ n = 3, [2] = 2 }, table.pack(neap.wait_for(task, 5)))
  end)

  timed("raises the error unchanged", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.wait_for, neap.spawn(error, failure), 5))
  end)

  timed("takes functions and objects with __await", function()
    local object = setmetatable({}, { __await = function() return neap.sleep(1, "object") end })

    assert.equal("function", neap.wait_for(function() return neap.sleep(1, "function") end, 5))
    assert.equal("object", neap.wait_for(object, 5))
  end)

  timed("raises TIMEOUT past the deadline", function()
    local start = time()

    expect.code("TIMEOUT", neap.wait_for, neap.spawn(neap.sleep, 10), 2)

    assert.is_true(math.abs(time() - start - 2) < 0.01)
  end)

  timed("cancels the task past the deadline and waits for it", function()
    local start = time()
    local task = neap.spawn(function()
      local ok, err = pcall(neap.sleep, 10)
      neap.shield(neap.sleep, 3)
      error(ok or err, 0)
    end)

    expect.code("TIMEOUT", neap.wait_for, task, 2)

    assert.is_true(task:cancelled())
    assert.is_true(math.abs(time() - start - 5) < 0.01)
  end)

  timed("cancels a function past the deadline", function()
    local code

    expect.code("TIMEOUT", neap.wait_for, function()
      local err = expect.error(neap.sleep, 10)
      code = neap.error_code(err)
      error(err, 0)
    end, 1)

    assert.equal("CANCELLED", code)
  end)

  timed("cancels an object with __await past the deadline", function()
    local code
    local object = setmetatable({}, {
      __await = function()
        local err = expect.error(neap.sleep, 10)
        code = neap.error_code(err)
        error(err, 0)
      end,
    })

    expect.code("TIMEOUT", neap.wait_for, object, 1)

    assert.equal("CANCELLED", code)
  end)

  timed("lets results stand that come all the same", function()
    local results = table.pack(neap.wait_for(function()
      pcall(neap.sleep, 10)
      return "late", nil
    end, 1))

    assert.same({ n = 2, "late" }, results)
  end)

  timed("raises another error that comes past the deadline", function()
    local failure = {}

    assert.equal(failure, expect.error(neap.wait_for, function()
      pcall(neap.sleep, 10)
      error(failure)
    end, 1))
  end)

  timed("leaves a plain future pending", function()
    local future = neap.future()

    expect.code("TIMEOUT", neap.wait_for, future, 1)

    assert.is_false(future:done())
  end)

  timed("leaves a task alone that another task waits for as well", function()
    local shared = neap.spawn(neap.sleep, 5, "unharmed")
    local other = neap.spawn(neap.await, shared)

    expect.code("TIMEOUT", neap.wait_for, shared, 1)

    assert.equal("unharmed", neap.await(other))
  end)

  timed("raises CANCELLED when the task is cancelled in time", function()
    local task = neap.spawn(neap.sleep, 10)
    neap.loop.call_later(1, function() task:cancel() end)

    expect.code("CANCELLED", neap.wait_for, task, 5)
  end)

  timed("returns what is done already, however short the time", function()
    local task = neap.spawn(function() return "done" end)
    neap.await(task)

    assert.equal("done", neap.wait_for(task, 0))
    assert.equal("done", neap.wait_for(task, -1))
  end)

  timed("does not begin what is late before it begins", function()
    local ran = false

    for _, seconds in ipairs({ 0, -1 }) do
      expect.code("TIMEOUT", neap.wait_for, function() ran = true end, seconds)
    end

    assert.is_false(ran)
  end)

  timed("times out at once for 0 and less", function()
    local start = time()

    expect.code("TIMEOUT", neap.wait_for, neap.future(), 0)
    expect.code("TIMEOUT", neap.wait_for, neap.future(), -1)

    assert.is_true(time() - start < 1)
  end)

  timed("waits without end for math.huge", function()
    assert.equal("x", neap.wait_for(neap.spawn(neap.sleep, 1e6, "x"), math.huge))
  end)

  timed("is not mistaken for an outer deadline that passes", function()
    local inner
    expect.code("TIMEOUT", neap.timeout, 1, function()
      local ok, err = pcall(neap.wait_for, neap.spawn(neap.sleep, 100), 10)
      inner = neap.error_code(err)
      error(ok or err, 0)
    end)

    assert.equal("CANCELLED", inner)
  end)

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'wait_for'", "got number", function() neap.wait_for(42, 1) end)
    expect.bad_argument("#2 to 'wait_for'", "number expected, got no value", function()
      neap.wait_for(neap.future())
    end)
    expect.bad_argument("#2 to 'wait_for'", "number expected, got string", function()
      neap.wait_for(neap.future(), "soon")
    end)
    expect.bad_argument("#2 to 'wait_for'", nil, function() neap.wait_for(neap.future(), 0 / 0) end)
  end)
end)
