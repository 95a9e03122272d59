local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

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

describe("neap.task_group", function()
  describe("with a function", function()
    it("returns what the function returns", function()
      local results = table.pack(neap.task_group(function() return nil, 2, nil end))

      assert.same({ n = 3, [2] = 2 }, results)
    end)

    timed("waits for every child", function()
      local log = {}

      local result = neap.task_group(function(group)
        for _, seconds in ipairs({ 3, 1, 2 }) do
          group:spawn(function()
            neap.sleep(seconds)
            table.insert(log, seconds)
          end)
        end
        table.insert(log, "body")
        return "result"
      end)

      assert.same({ "body", 1, 2, 3 }, log)
      assert.equal("result", result)
    end)

    timed("waits for children that children spawned", function()
      local log = {}

      neap.task_group(function(group)
        group:spawn(function()
          neap.sleep(1)
          group:spawn(function()
            neap.sleep(1)
            table.insert(log, "grandchild")
          end)
        end)
      end)

      assert.same({ "grandchild" }, log)
    end)

    it("runs the function in the current task", function()
      assert.equal(neap.current_task(), neap.task_group(neap.current_task))
    end)

    it("runs an empty body without a turn of the loop", function()
      local turned = false
      local other = neap.spawn(function() turned = true end)

      neap.task_group(function() end)

      assert.is_false(turned)
      neap.await(other)
    end)

    it("refuses what is no function", function()
      expect.bad_argument("#1 to 'task_group'", "got number", function() neap.task_group(42) end)
    end)
  end)

  describe("as a <close> variable", function()
    timed("waits for every child at the end of the block", function()
      local log = {}
      do
        local group <close> = neap.task_group()
        group:spawn(function()
          neap.sleep(1)
          table.insert(log, "child")
        end)
        table.insert(log, "body")
      end

      assert.same({ "body", "child" }, log)
    end)

    timed("waits for every child on return, whose values stay", function()
      local log = {}
      local function block()
        local group <close> = neap.task_group()
        group:spawn(function()
          neap.sleep(1)
          table.insert(log, "child")
        end)
        return 1, nil, 3
      end

      assert.same({ n = 3, 1, nil, 3 }, table.pack(block()))
      assert.same({ "child" }, log)
    end)

    timed("raises a child's error from the block", function()
      local failure = {}

      local err = expect.error(function()
        local group <close> = neap.task_group()
        group:spawn(error, failure)
      end)

      assert.equal(failure, err)
    end)

    timed("cancels the body when a child fails, and raises the child's error", function()
      local failure, reached = {}, false

      local err = expect.error(function()
        local group <close> = neap.task_group()
        group:spawn(error, failure)
        neap.sleep(1000)
        reached = true
      end)

      assert.equal(failure, err)
      assert.is_false(reached)
    end)

    timed("cancels the children when the body fails, and waits for them", function()
      local failure, log = {}, {}

      local err = expect.error(function()
        local group <close> = neap.task_group()
        group:spawn(careful, log, "child", 2)
        neap.sleep(1)
        error(failure)
      end)

      assert.equal(failure, err)
      assert.same({ "child" }, log)
    end)

    timed("lets CANCELLED leave the block after group:cancel", function()
      local err = expect.error(function()
        local group <close> = neap.task_group()
        group:cancel()
        neap.sleep(1000)
      end)

      assert.equal("CANCELLED", neap.error_code(err))
    end)

    timed("raises nothing after group:cancel when the body returns", function()
      local log = {}
      local function block()
        local group <close> = neap.task_group()
        group:spawn(careful, log, "child", 1)
        neap.sleep(1)
        group:cancel()
        return "result"
      end

      assert.equal("result", block())
      assert.same({ "child" }, log)
    end)

    timed("is not left by a cancellation that comes while it waits", function()
      local log = {}
      local task = neap.spawn(function()
        do
          local group <close> = neap.task_group()
          group:spawn(careful, log, "child", 2)
        end
        table.insert(log, "left")
        neap.sleep(0)
        table.insert(log, "never reached")
      end)
      neap.sleep(1)

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
      assert.same({ "child", "left" }, log)
    end)

    timed("needs no wait when nothing was spawned", function()
      local turned = false
      local other = neap.spawn(function() turned = true end)
      do
        local _ <close> = neap.task_group()
      end

      assert.is_false(turned)
      neap.await(other)
    end)
  end)
end)

describe("group:spawn", function()
  it("returns a Task that runs the function with the arguments", function()
    neap.task_group(function(group)
      local task = group:spawn(table.pack, nil, 2, nil)

      assert.is_true(neap.is_task(task))
      assert.same({ n = 3, [2] = 2 }, neap.await(task))
    end)
  end)

  it("does not start the function inside the call", function()
    local started, at_once = false, nil
    neap.task_group(function(group)
      group:spawn(function() started = true end)
      at_once = started
    end)

    assert.is_false(at_once)
    assert.is_true(started)
  end)

  it("starts children in order", function()
    local log = {}
    neap.task_group(function(group)
      for i = 1, 10 do
        group:spawn(function() table.insert(log, i) end)
      end
    end)

    assert.equal("1 2 3 4 5 6 7 8 9 10", table.concat(log, " "))
  end)

  it("refuses what is no function", function()
    neap.task_group(function(group)
      expect.bad_argument("#1 to 'spawn'", "function expected, got string", function()
        group:spawn("f")
      end)
      expect.bad_argument("#1 to 'spawn'", "function expected, got no value", function()
        group:spawn()
      end)
    end)
  end)

  it("raises INVALID_STATE after the end of the group", function()
    local group
    neap.task_group(function(g) group = g end)

    expect.code("INVALID_STATE", group.spawn, group, print)
  end)

  it("raises INVALID_STATE after the end of a block", function()
    local kept
    do
      local group <close> = neap.task_group()
      kept = group
    end

    expect.code("INVALID_STATE", kept.spawn, kept, print)
  end)

  it("into a cancelled group makes a task that ends without running", function()
    local ran, task = false, nil
    neap.task_group(function(group)
      group:cancel()
      task = group:spawn(function() ran = true end)
    end)

    assert.is_false(ran)
    assert.is_true(task:cancelled())
  end)

  timed("into a group whose child failed makes a task that ends without running", function()
    local ran, task = false, nil
    expect.error(neap.task_group, function(group)
      group:spawn(error, "failed")
      pcall(neap.sleep, 10)
      task = group:spawn(function() ran = true end)
    end)

    assert.is_false(ran)
    assert.is_true(task:cancelled())
  end)
end)
