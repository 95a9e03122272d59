local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

--- A <close> variable that runs `fn`.
local function at_close(fn)
  return setmetatable({}, { __close = fn })
end

describe("closing a generator", function()
  it("raises the error of its cleanup, once", function()
    local failure = {}
    local generator = neap.generator(function(yield)
      local _ <close> = at_close(function() error(failure) end)
      yield(1)
    end)
    generator()

    assert.equal(failure, expect.error(generator.close, generator))

    generator:close()
    assert.is_nil(generator())
  end)

  it("raises no CANCELLED that its cleanup raises", function()
    local future = neap.future()
    future:cancel()
    local generator = neap.generator(function(yield)
      local _ <close> = at_close(function() neap.await(future) end)
      yield(1)
    end)
    generator()

    generator:close()

    assert.is_nil(generator())
  end)

  it("raises CANCELLED in the function, where a pcall can see it", function()
    local code
    local generator = neap.generator(function(yield)
      local _, err = pcall(yield, 1)
      code = neap.error_code(err)
    end)
    generator()

    generator:close()

    assert.equal("CANCELLED", code)
  end)

  it("raises it again in a function that goes on", function()
    local log = {}
    local generator = neap.generator(function(yield)
      pcall(yield, 1)
      table.insert(log, "goes on")
      yield(2)
      table.insert(log, "never reached")
    end)
    generator()

    generator:close()

    assert.same({ "goes on" }, log)
  end)

  it("ends also a function that swallows it for ever", function()
    local generator = neap.generator(function(yield)
      while true do
        pcall(yield, 1)
      end
    end)
    generator()

    expect.code("INVALID_STATE", generator.close, generator)

    assert.is_nil(generator())
  end)

  it("from inside ends it at its next yield", function()
    local log, generator = {}, nil
    generator = neap.generator(function(yield)
      local _ <close> = at_close(function() table.insert(log, "unwound") end)
      generator:close()
      table.insert(log, "still running")
      yield(1)
      table.insert(log, "never reached")
    end)

    assert.is_nil(generator())

    assert.same({ "still running", "unwound" }, log)
  end)

  timed("while another task waits in it ends it at its next yield", function()
    local generator = neap.generator(function(yield)
      neap.sleep(1)
      yield("never given")
    end)
    local task = neap.spawn(function() return generator() end)
    neap.sleep(0)

    generator:close()

    assert.is_nil((neap.await(task)))
    assert.is_nil(generator())
  end)

  timed("lets the cleanup wait in a task that is cancelled", function()
    local log = {}
    local task = neap.spawn(function()
      local generator <close> = neap.generator(function(yield)
        local _ <close> = at_close(function()
          neap.sleep(1)
          table.insert(log, "cleaned up")
        end)
        yield(1)
      end)
      generator()
      neap.sleep(100)
    end)
    neap.sleep(1)

    task:cancel()
    neap.wait({ task })

    assert.is_true(task:cancelled())
    assert.same({ "cleaned up" }, log)
  end)

  it("works where nothing can wait", function()
    local log = {}
    local generator = neap.generator(function(yield)
      local _ <close> = at_close(function() table.insert(log, "unwound") end)
      yield(1)
    end)
    generator()

    table.sort({ 2, 1 }, function(a, b)
      generator:close()
      return a < b
    end)

    assert.same({ "unwound" }, log)
  end)
end)

describe("a generator", function()
  it("passes nil on as an error", function()
    local generator = neap.generator(function() error(nil) end)

    local ok, err = pcall(generator)

    assert.is_false(ok)
    assert.is_nil(err)
  end)

  it("refuses a yield from another coroutine", function()
    local generator = neap.generator(function(yield)
      coroutine.wrap(function() yield(1) end)()
    end)

    expect.code("INVALID_STATE", generator)
  end)

  it("refuses a yield after its end", function()
    local kept
    local generator = neap.generator(function(yield) kept = yield end)
    generator()

    expect.code("INVALID_STATE", kept, 1)
  end)

  it("says what state it is in", function()
    local generator = neap.generator(function(yield) yield(tostring(yield)) end)
    assert.equal("Generator: new", tostring(generator))
    generator()
    assert.equal("Generator: suspended", tostring(generator))
    generator:close()
    assert.equal("Generator: ended", tostring(generator))
  end)
end)
