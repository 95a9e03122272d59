local case = require("spec.support.case")
local neap = require("neap")

local it, timed = case.it, case.timed

describe("neap.task_local", function()
  it("has the default value at first", function()
    local default = {}

    assert.is_nil(neap.task_local():get())
    assert.equal(default, neap.task_local(default):get())
    assert.is_false(neap.task_local(false):get())
  end)

  it("has the value that was set", function()
    local variable = neap.task_local("default")

    variable:set("mine")

    assert.equal("mine", variable:get())
  end)

  it("takes false", function()
    local variable = neap.task_local("default")

    variable:set(false)

    assert.is_false(variable:get())
  end)

  it("takes nil", function()
    local variable = neap.task_local("default")

    variable:set(nil)

    assert.is_nil(variable:get())
  end)

  it("has one value per task", function()
    local variable = neap.task_local("default")
    local function use(value)
      variable:set(value)
      neap.sleep(0)
      return variable:get()
    end

    local results = neap.gather({
      function() return use("first") end,
      function() return use("second") end,
    })

    assert.same({ n = 2, "first", "second" }, results)
    assert.equal("default", variable:get())
  end)

  it("is copied to a task when that is spawned", function()
    local variable = neap.task_local()
    variable:set("at spawn")
    local task = neap.spawn(function() return variable:get() end)

    variable:set("later")

    assert.equal("at spawn", neap.await(task))
    assert.equal("later", variable:get())
  end)

  it("does not come back from a spawned task", function()
    local variable = neap.task_local()
    variable:set("parent")

    neap.await(neap.spawn(function() variable:set("child") end))

    assert.equal("parent", variable:get())
  end)

  it("is copied through generations", function()
    local variable = neap.task_local()
    variable:set("from above")

    local task = neap.spawn(function()
      return neap.await(neap.spawn(function() return variable:get() end))
    end)

    assert.equal("from above", neap.await(task))
  end)

  timed("is copied to a callback from the task that registered it", function()
    local variable, future, seen = neap.task_local(), neap.future(), {}
    local function look() table.insert(seen, variable:get()) end
    local registering = neap.spawn(function()
      variable:set("registered")
      neap.loop.call_soon(look)
      neap.loop.call_later(1, look)
      neap.loop.call_at(neap.loop.time() + 2, look)
      future:add_done_callback(look)
      variable:set("later")
    end)
    neap.await(registering)
    variable:set("completing")
    future:set_result()

    neap.sleep(3)

    assert.same({ "registered", "registered", "registered", "registered" }, seen)
  end)

  it("is the same in a coroutine of the task", function()
    local variable = neap.task_local()
    variable:set("of the task")

    assert.equal("of the task", coroutine.wrap(function() return variable:get() end)())
    coroutine.wrap(function() variable:set("changed inside") end)()
    assert.equal("changed inside", variable:get())
  end)

  it("is that of the caller in a generator", function()
    local variable = neap.task_local()
    local generator = neap.generator(function(yield)
      while true do
        yield(variable:get())
      end
    end)
    variable:set("first")
    local other = neap.spawn(function()
      variable:set("second")
      return generator()
    end)

    assert.equal("second", neap.await(other))
    assert.equal("first", generator())
    generator:close()
  end)

  it("is independent of other variables", function()
    local first, second = neap.task_local(), neap.task_local()

    first:set(1)
    second:set(2)

    assert.equal(1, first:get())
    assert.equal(2, second:get())
  end)
end)
