local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local timed = case.timed
local time = neap.loop.time

describe("a scope that a suspended generator is in", function()
  local makers = {
    ["neap.generator"] = neap.generator,
    ["coroutine.wrap"] = function(fn)
      return coroutine.wrap(function() fn(coroutine.yield) end)
    end,
  }
  for name, make in pairs(makers) do
    timed("never puts its consumer under its deadline, for " .. name, function()
      local generator = make(function(yield)
        neap.timeout(1, function()
          yield("inside")
          yield("still inside")
        end)
      end)
      generator()

      assert.equal("undisturbed", neap.sleep(5, "undisturbed"))

      assert.equal("still inside", generator())
      generator()
    end)

    timed("takes the deadline along, for " .. name, function()
      local generator = make(function(yield)
        local _, err = pcall(neap.timeout, 1, function()
          yield("inside")
          neap.sleep(0)
        end)
        yield(neap.error_code(err))
      end)
      generator()
      neap.sleep(5)

      assert.equal("TIMEOUT", generator())
      assert.is_nil(generator())
    end)

    timed("lets the deadline pass while it waits in it, for " .. name, function()
      local generator = make(function(yield)
        local _, err = pcall(neap.timeout, 3, function()
          yield("inside")
          neap.sleep(100)
        end)
        yield(neap.error_code(err))
      end)
      local start = time()
      generator()
      neap.sleep(1)

      assert.equal("TIMEOUT", generator())
      assert.is_true(math.abs(time() - start - 3) < 0.01)
      assert.is_nil(generator())
    end)

    timed("never shields its consumer, for " .. name, function()
      local generator = make(function(yield)
        neap.shield(function()
          yield("inside")
        end)
      end)
      local task = neap.spawn(function()
        generator()
        neap.sleep(1000)
      end)
      neap.sleep(1)
      local start = time()

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
      assert.is_true(time() - start < 1)
      generator()
    end)

    timed("never cancels its consumer with its group, for " .. name, function()
      local generator = make(function(yield)
        pcall(neap.task_group, function(group)
          group:spawn(error, "failed")
          yield("inside")
        end)
      end)
      generator()

      assert.equal("undisturbed", neap.sleep(5, "undisturbed"))

      generator()
    end)

    timed("is under the consumer's deadline while it runs, for " .. name, function()
      local generator = make(function() neap.sleep(100) end)

      expect.code("TIMEOUT", neap.timeout, 1, generator)
    end)
  end

  timed("ends when the generator is closed, and its group's children are cancelled", function()
    local sleeping
    local generator = neap.generator(function(yield)
      neap.task_group(function(group)
        sleeping = group:spawn(neap.sleep, 1000)
        yield("inside")
      end)
    end)
    generator()

    generator:close()
    neap.testing.settle()

    assert.is_true(sleeping:cancelled())
  end)

  timed("ends when its coroutine is closed, also where a handler enters another scope", function()
    local inner
    local co = coroutine.create(function()
      neap.timeout(10, function()
        local _ <close> = setmetatable({}, {
          __close = function() inner = neap.timeout(5, function() return "entered" end) end,
        })
        coroutine.yield()
      end)
    end)
    coroutine.resume(co)

    assert.is_true(coroutine.close(co))

    assert.equal("entered", inner)
    expect.code("TIMEOUT", neap.timeout, 1, neap.sleep, 100)
  end)

  timed("is none of the consumer's once a handler has entered it", function()
    local task = neap.spawn(function()
      local co = coroutine.create(function()
        local _ <close> = setmetatable({}, { __close = function() neap.timeout(5, type, 1) end })
        coroutine.yield()
      end)
      coroutine.resume(co)
      coroutine.close(co)
      neap.sleep(100)
    end)
    neap.sleep(1)

    task:cancel()
    neap.sleep(0)

    assert.is_true(task:cancelled())
  end)

  timed("ends when its coroutine is closed, and its group's children are cancelled", function()
    local sleeping
    local co = coroutine.create(function()
      neap.task_group(function(group)
        sleeping = group:spawn(neap.sleep, 1000)
        coroutine.yield()
      end)
    end)
    coroutine.resume(co)

    coroutine.close(co)
    neap.testing.settle()

    assert.is_true(sleeping:cancelled())
  end)

  timed("ends when its coroutine is collected, and its group's children are cancelled", function()
    local sleeping
    local function abandon()
      local step = coroutine.wrap(function()
        neap.task_group(function(group)
          sleeping = group:spawn(neap.sleep, 1000)
          coroutine.yield()
        end)
      end)
      step()
    end
    abandon()
    neap.sleep(0)

    collectgarbage()
    collectgarbage()
    neap.testing.settle()

    assert.is_true(sleeping:cancelled())
  end)

  timed("leaves no deadline behind when its coroutine is collected", function()
    local function abandon()
      coroutine.wrap(function() neap.timeout(1, coroutine.yield) end)()
    end
    abandon()
    collectgarbage()
    collectgarbage()

    assert.equal("undisturbed", neap.sleep(5, "undisturbed"))
  end)
end)
