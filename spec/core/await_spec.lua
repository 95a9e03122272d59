local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

--- A userdata with the given `__await`, undone on close.
local function awaitable_userdata(await)
  local file = io.tmpfile()
  local metatable = debug.getmetatable(file)
  debug.setmetatable(file, { __await = await })
  return file, setmetatable({}, {
    __close = function()
      debug.setmetatable(file, metatable)
      file:close()
    end,
  })
end

describe("neap.await", function()
  it("returns all results of a task, nils included", function()
    local task = neap.spawn(function() return nil, 2, nil end)

    local results = table.pack(neap.await(task))

    assert.same({ n = 3, [2] = 2 }, results)
  end)

  it("returns nothing for a task without results", function()
    local task = neap.spawn(function() end)

    assert.equal(0, select("#", neap.await(task)))
  end)

  it("returns false results", function()
    assert.is_false(neap.await(neap.spawn(function() return false end)))
  end)

  it("returns a hundred thousand results", function()
    local task = neap.spawn(function() return table.unpack({}, 1, 100000) end)

    assert.equal(100000, select("#", neap.await(task)))
    assert.equal(100000, select("#", task:result()))
  end)

  for name, value in pairs({
    string = "plain", table = {}, number = 42, boolean = false, ["function"] = print,
  }) do
    it("raises the very " .. name .. " that the task raised", function()
      local task = neap.spawn(function() error(value, 0) end)

      assert.equal(value, expect.error(neap.await, task))
    end)
  end

  it("raises nil where the task raised nil", function()
    local task = neap.spawn(function() error(nil) end)

    local outcome = table.pack(pcall(neap.await, task))

    assert.same({ n = 2, false }, outcome)
  end)

  it("adds no position to an error that passes through tasks", function()
    local inner = neap.spawn(function() error("as it was", 0) end)
    local outer = neap.spawn(neap.await, inner)

    assert.equal("as it was", expect.error(neap.await, outer))
  end)

  it("returns the same results each time", function()
    local task = neap.spawn(function() return 1, nil end)

    assert.same({ n = 2, 1 }, table.pack(neap.await(task)))
    assert.same({ n = 2, 1 }, table.pack(neap.await(task)))
  end)

  it("gives the results to every task that waits, in the order in which they came", function()
    local log = {}
    local task = neap.spawn(function()
      neap.sleep(0)
      return "result"
    end)
    for i = 1, 3 do
      neap.spawn(function() table.insert(log, i .. neap.await(task)) end)
    end

    neap.testing.settle()

    assert.same({ "1result", "2result", "3result" }, log)
  end)

  it("returns what is already done without a turn of the loop", function()
    local others = 0
    local task = neap.spawn(function() return "result" end)
    neap.sleep(0)
    neap.spawn(function() others = others + 1 end)

    for _ = 1, 1000 do
      assert.equal("result", neap.await(task))
    end

    assert.equal(0, others)
    neap.sleep(0)
    assert.equal(1, others)
  end)

  it("raises the error of what has already failed without a turn of the loop", function()
    local others = 0
    local task = neap.spawn(error, "failed")
    neap.sleep(0)
    neap.spawn(function() others = others + 1 end)

    assert.equal("failed", expect.error(neap.await, task))

    assert.equal(0, others)
    neap.sleep(0)
  end)

  it("refuses the task that calls it", function()
    local task = neap.spawn(function() neap.await(neap.current_task()) end)

    expect.code("INVALID_STATE", neap.await, task)
  end)

  it("refuses what cannot be awaited", function()
    for _, value in ipairs({ 42, "s", true, {}, coroutine.create(print) }) do
      expect.bad_argument("#1 to 'await'", "got " .. type(value), function()
        neap.await(value)
      end)
    end
  end)

  it("tells an absent argument from nil", function()
    expect.bad_argument("#1 to 'await'", "got no value", function() neap.await() end)
    expect.bad_argument("#1 to 'await'", "got nil", function() neap.await(nil) end)
  end)

  describe("given an object with __await", function()
    it("calls it with the object", function()
      local seen
      local object = setmetatable({}, { __await = function(...) seen = table.pack(...) end })

      neap.await(object)

      assert.equal(1, seen.n)
      assert.equal(object, seen[1])
    end)

    it("returns its results, nils included", function()
      local object = setmetatable({}, { __await = function() return nil, 2, nil end })

      assert.same({ n = 3, [2] = 2 }, table.pack(neap.await(object)))
    end)

    it("lets it wait", function()
      local future = neap.future()
      local object = setmetatable({}, { __await = function() return neap.await(future) end })
      neap.spawn(function() future:set_result("later") end)

      assert.equal("later", neap.await(object))
    end)

    it("raises its error unchanged", function()
      local failure = {}
      local object = setmetatable({}, { __await = function() error(failure) end })

      assert.equal(failure, expect.error(neap.await, object))
    end)

    it("takes a userdata as well", function()
      local object, restore = awaitable_userdata(function() return "awaited" end)
      local _ <close> = restore

      assert.equal("awaited", neap.await(object))
    end)
  end)
end)

describe("neap.is_future, is_task, is_awaitable", function()
  local object = setmetatable({}, { __await = function() end })

  timed("know a task", function()
    local task = neap.spawn(function() end)

    assert.is_true(neap.is_future(task))
    assert.is_true(neap.is_task(task))
    assert.is_true(neap.is_awaitable(task))
    neap.await(task)
  end)

  it("know a future", function()
    local future = neap.future()

    assert.is_true(neap.is_future(future))
    assert.is_false(neap.is_task(future))
    assert.is_true(neap.is_awaitable(future))
  end)

  it("know an object with __await", function()
    assert.is_false(neap.is_future(object))
    assert.is_false(neap.is_task(object))
    assert.is_true(neap.is_awaitable(object))
  end)

  it("know a userdata with __await", function()
    local userdata, restore = awaitable_userdata(function() end)
    local _ <close> = restore

    assert.is_false(neap.is_future(userdata))
    assert.is_true(neap.is_awaitable(userdata))
  end)

  it("know anything else", function()
    for _, value in ipairs({ 42, "s", true, false, {}, setmetatable({}, {}), io.stdout, neap }) do
      assert.is_false(neap.is_future(value))
      assert.is_false(neap.is_task(value))
      assert.is_false(neap.is_awaitable(value))
    end
    assert.is_false(neap.is_future(nil))
    assert.is_false(neap.is_task(nil))
    assert.is_false(neap.is_awaitable(nil))
  end)
end)
