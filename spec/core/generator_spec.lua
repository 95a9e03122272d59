local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local time = neap.loop.time

--- A <close> variable that logs and, if asked, waits first.
local function closing(log, name, seconds)
  return setmetatable({}, {
    __close = function()
      if seconds then
        neap.sleep(seconds)
      end
      table.insert(log, name)
    end,
  })
end

describe("neap.generator", function()
  it("gives what the function yields, one at a time", function()
    local seen = {}

    for value in neap.generator(function(yield)
      for i = 1, 3 do
        yield(i)
      end
    end) do
      table.insert(seen, value)
    end

    assert.same({ 1, 2, 3 }, seen)
  end)

  it("gives several values at a time", function()
    local seen = {}

    for key, value in neap.generator(function(yield)
      yield("a", 1)
      yield("b", 2)
    end) do
      seen[key] = value
    end

    assert.same({ a = 1, b = 2 }, seen)
  end)

  it("runs the function only when called", function()
    local log = {}
    local generator = neap.generator(function(yield)
      table.insert(log, "started")
      yield(1)
      table.insert(log, "resumed")
    end)
    assert.same({}, log)

    generator()
    assert.same({ "started" }, log)
    generator()
    assert.same({ "started", "resumed" }, log)
  end)

  it("returns nothing from yield", function()
    local count
    local generator = neap.generator(function(yield)
      count = select("#", yield(1))
    end)

    generator()
    generator("ignored")

    assert.equal(0, count)
  end)

  it("gives nil after its end", function()
    local generator = neap.generator(function(yield) yield(1) end)

    assert.equal(1, generator())
    assert.is_nil(generator())
    assert.is_nil(generator())
  end)

  it("does not give what the function returns", function()
    local generator = neap.generator(function() return "returned" end)

    assert.is_nil(generator())
  end)

  it("raises the error of the function, then gives nil", function()
    local failure = {}
    local generator = neap.generator(function(yield)
      yield(1)
      error(failure)
    end)
    generator()

    assert.equal(failure, expect.error(generator))
    assert.is_nil(generator())
  end)

  timed("lets the function wait", function()
    local start = time()
    local generator = neap.generator(function(yield)
      neap.sleep(1)
      yield("first")
      neap.sleep(1)
      yield("second")
    end)

    assert.equal("first", generator())
    assert.equal("second", generator())
    assert.is_nil(generator())
    assert.is_true(math.abs(time() - start - 2) < 0.01)
  end)

  it("runs the function in the task of the caller", function()
    local generator = neap.generator(function(yield)
      while true do
        yield(neap.current_task())
      end
    end)
    local other = neap.spawn(generator)

    assert.equal(neap.current_task(), generator())
    assert.equal(other, neap.await(other))
    generator:close()
  end)

  timed("lets the cleanup wait when an error leaves the function", function()
    local log = {}
    local generator = neap.generator(function(yield)
      local _ <close> = closing(log, "cleaned up", 1)
      yield(1)
      error("left", 0)
    end)
    generator()

    assert.equal("left", expect.error(generator))
    assert.same({ "cleaned up" }, log)
  end)

  it("yields from functions that the function calls", function()
    local function walk(yield, tree)
      if tree then
        walk(yield, tree.left)
        yield(tree.value)
        walk(yield, tree.right)
      end
    end
    local tree = { value = 2, left = { value = 1 }, right = { value = 3 } }
    local seen = {}

    for value in neap.generator(function(yield) walk(yield, tree) end) do
      table.insert(seen, value)
    end

    assert.same({ 1, 2, 3 }, seen)
  end)

  it("goes through another generator", function()
    local inner = neap.generator(function(yield)
      yield(1)
      neap.sleep(0)
      yield(2)
    end)
    local outer = neap.generator(function(yield)
      for value in inner do
        yield(value * 10)
        neap.sleep(0)
      end
    end)

    assert.equal(10, outer())
    assert.equal(20, outer())
    assert.is_nil(outer())
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#1 to 'generator'", "function expected, got nil", function()
      neap.generator(nil)
    end)
  end)

  describe("that is closed", function()
    timed("runs the cleanup of the function, which may wait", function()
      local log = {}
      local generator = neap.generator(function(yield)
        local _ <close> = closing(log, "outer", 1)
        local _ <close> = closing(log, "inner", 1)
        yield(1)
        table.insert(log, "never reached")
      end)
      generator()

      generator:close()

      assert.same({ "inner", "outer" }, log)
    end)

    it("gives nil", function()
      local generator = neap.generator(function(yield)
        yield(1)
        yield(2)
      end)
      generator()

      generator:close()

      assert.is_nil(generator())
    end)

    it("can be closed again", function()
      local log = {}
      local generator = neap.generator(function(yield)
        local _ <close> = closing(log, "closed")
        yield(1)
      end)
      generator()

      generator:close()
      generator:close()

      assert.same({ "closed" }, log)
    end)

    it("never runs the function when it had not begun", function()
      local ran = false
      local generator = neap.generator(function() ran = true end)

      generator:close()

      assert.is_nil(generator())
      assert.is_false(ran)
    end)

    it("stays ended when it had ended", function()
      local generator = neap.generator(function() end)
      generator()

      generator:close()

      assert.is_nil(generator())
    end)

    it("is closed as a <close> variable", function()
      local log = {}
      do
        local generator <close> = neap.generator(function(yield)
          local _ <close> = closing(log, "closed")
          yield(1)
          yield(2)
        end)
        for _ in generator do
          break
        end
      end

      assert.same({ "closed" }, log)
    end)

    it("runs the cleanup in the task that closes", function()
      local task
      local generator = neap.generator(function(yield)
        local _ <close> = setmetatable({}, {
          __close = function() task = neap.current_task() end,
        })
        yield(1)
      end)
      neap.await(neap.spawn(generator))

      generator:close()

      assert.equal(neap.current_task(), task)
    end)

    it("runs the cleanup in a task that is cancelled", function()
      local log = {}
      local generator = neap.generator(function(yield)
        local _ <close> = closing(log, "closed")
        yield(1)
      end)
      local task = neap.spawn(function()
        local _ <close> = generator
        generator()
        neap.await(neap.future())
      end)
      neap.sleep(0)

      task:cancel()
      neap.testing.settle()

      assert.is_true(task:cancelled())
      assert.same({ "closed" }, log)
    end)
  end)

  timed("lets the cleanup wait when a cancelled task leaves its <close> variable", function()
    local log = {}
    local task = neap.spawn(function()
      local generator <close> = neap.generator(function(yield)
        local _ <close> = closing(log, "cleaned up", 1)
        yield(1)
      end)
      generator()
      neap.sleep(1000)
    end)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.same({ "cleaned up" }, log)
  end)

  timed("raises CANCELLED out of a wait in the function", function()
    local generator = neap.generator(function(yield)
      neap.sleep(1000)
      yield("never")
    end)
    local task = neap.spawn(generator)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.is_nil(generator())
  end)

  timed("refuses a second call while it waits in another task", function()
    local generator = neap.generator(function(yield)
      neap.sleep(1)
      yield("value")
    end)
    local task = neap.spawn(generator)
    neap.sleep(0)

    expect.error(generator)

    assert.equal("value", neap.await(task))
    generator:close()
  end)
end)
