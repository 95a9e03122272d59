--- Tasks that wait for each other in a cycle, and what ends them.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local settle = neap.testing.settle

describe("cancelling a task that awaits a task", function()
  describe("in a cycle", function()
    local function cycle(length)
      local tasks = {}
      for i = 1, length do
        tasks[i] = neap.spawn(function() neap.await(tasks[i % length + 1]) end)
      end
      settle()
      return tasks
    end

    for length = 2, 4 do
      it(("ends all %d of them"):format(length), function()
        local tasks = cycle(length)

        tasks[1]:cancel()
        settle()

        for _, task in ipairs(tasks) do
          assert.is_true(task:cancelled())
        end
      end)
    end

    timed("ends all of them when a deadline passes in one", function()
      local first, second
      first = neap.spawn(function() return pcall(neap.timeout, 1, neap.await, second) end)
      second = neap.spawn(neap.await, first)

      local ok, err = neap.await(first)

      assert.is_false(ok)
      assert.equal("TIMEOUT", neap.error_code(err))
      settle()
      assert.is_true(second:done())
      pcall(second.error, second)
    end)

    --- A task in a block whose child runs `wait(block)`.
    local function with_child(wait)
      local block, child
      block = neap.spawn(function()
        neap.task_group(function(group)
          child = group:spawn(function() wait(block) end)
          neap.sleep(1)
        end)
      end)
      neap.sleep(0)
      return block, child
    end

    local waits = {
      await = neap.await,
      gather = function(task) neap.gather({ task, neap.future() }) end,
      race = function(task) neap.race({ task, function() neap.sleep(math.huge) end }) end,
      wait = function(task) neap.wait({ task }) end,
      wait_for = function(task) neap.wait_for(task, 1000) end,
      ["a task between"] = function(task) neap.await(neap.spawn(neap.await, task)) end,
      ["a group between"] = function(task)
        neap.task_group(function(group) group:spawn(neap.await, task) end)
      end,
    }
    for name, wait in pairs(waits) do
      for when, seconds in pairs({ ["in its body"] = 0, ["leaving it"] = 2 }) do
        local at = (" of a block that is %s, by %s"):format(when, name)

        timed("ends the child" .. at, function()
          local block, child = with_child(wait)
          neap.sleep(seconds)

          child:cancel()
          neap.sleep(1)

          assert.is_true(child:cancelled())
          assert.is_true(block:done())
        end)

        timed("ends the block and the child" .. at, function()
          local block, child = with_child(wait)
          neap.sleep(seconds)

          block:cancel()
          neap.sleep(1)

          assert.is_true(block:cancelled())
          assert.is_true(child:cancelled())
        end)
      end
    end

    for when, seconds in pairs({ ["in its body"] = 5, ["leaving it"] = 0 }) do
      timed("spares a block that is " .. when .. " and cancels the one that waits for it", function()
        local block
        block = neap.spawn(function()
          neap.task_group(function(group)
            group:spawn(neap.await, block)
            group:spawn(function()
              neap.sleep(1)
              error("failed", 0)
            end)
            neap.sleep(seconds)
          end)
        end)
        neap.sleep(2)

        assert.is_true(block:done())
        assert.equal("failed", block:error())
      end)
    end

    it("ends the waiter of a task that cancels its own waiter", function()
      local parent, after
      local child = neap.spawn(function()
        neap.sleep(0)
        parent:cancel()
        after = expect.error(neap.sleep, 1)
        error(after, 0)
      end)
      parent = neap.spawn(neap.await, child)
      settle()

      assert.equal("CANCELLED", neap.error_code(after))
      assert.is_true(child:cancelled())
      assert.is_true(parent:cancelled())
    end)
  end)
end)
