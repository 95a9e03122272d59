--- Cancelling what combines tasks: gather, map, race, wait, groups.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local sleeper = require("spec.support.sleeper")

local timed = case.timed
local settle = neap.testing.settle
local time = neap.loop.time

describe("cancelling a task that waits for those it has cancelled", function()
  local function failing()
    neap.sleep(1)
    error("failed", 0)
  end
  local waits = {
    ["gather, after a failure"] = function(careful) neap.gather({ careful, failing }) end,
    ["map, after a failure"] = function(careful)
      neap.map({ careful, failing }, function(fn) fn() end)
    end,
    ["race, after the first"] = function(careful) neap.race({ careful, failing }) end,
    ["wait_for, past the deadline"] = function(careful) neap.wait_for(careful, 1) end,
    ["a group, after a failure"] = function(careful)
      neap.task_group(function(group)
        group:spawn(careful)
        group:spawn(failing)
      end)
    end,
  }
  for name, wait in pairs(waits) do
    timed("does not cut that short in " .. name, function()
      local cleaned = false
      local function careful()
        local _ <close> = setmetatable({}, {
          __close = function()
            neap.shield(neap.sleep, 5)
            cleaned = true
          end,
        })
        neap.sleep(100)
      end

      expect.reports_when_collected(function()
        local task = neap.spawn(wait, careful)
        neap.sleep(3)
        task:cancel()
        pcall(neap.await, task)
        assert.is_true(cleaned)
      end)
    end)
  end
end)

describe("cancelling a task that combines tasks", function()
  local combiners = {
    gather = neap.gather,
    race = neap.race,
    wait_for = function(tasks) return neap.wait_for(tasks[1], 1000) end,
    ["gather with return_errors"] = function(tasks)
      return neap.gather(tasks, { return_errors = true })
    end,
  }
  for name, combine in pairs(combiners) do
    timed("by " .. name .. " cancels those for which nobody else waits", function()
      local log = {}
      local mine, shared = sleeper(log, "mine"), sleeper(log, "shared")
      local other = neap.spawn(neap.await, shared)
      local task = neap.spawn(combine, { mine, shared })
      neap.sleep(0)

      task:cancel()
      settle()

      assert.is_true(task:cancelled())
      assert.is_true(mine:cancelled())
      assert.is_false(shared:done())
      assert.same({ "mine CANCELLED" }, log)
      assert.equal("shared", neap.await(other))
    end)

    timed("by " .. name .. " cancels them when a deadline passes there", function()
      local log, start = {}, time()
      local child = neap.spawn(function()
        pcall(neap.sleep, 100)
        neap.shield(neap.sleep, 2)
        table.insert(log, "cleaned up")
      end)

      expect.code("TIMEOUT", neap.timeout, 1, combine, { child })

      assert.same({ "cleaned up" }, log)
      assert.is_true(math.abs(time() - start - 3) < 0.01)
    end)

    timed("by " .. name .. " waits for the end of those", function()
      local cleaned = false
      local child = neap.spawn(function()
        pcall(neap.sleep, 100)
        neap.shield(neap.sleep, 2)
        cleaned = true
      end)
      local task = neap.spawn(combine, { child })
      neap.sleep(0)

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
      assert.is_true(cleaned)
    end)
  end

  timed("by wait cancels nothing and ends at once", function()
    local child = neap.spawn(neap.sleep, 10, "unharmed")
    local task = neap.spawn(neap.wait, { child })
    neap.sleep(0)

    task:cancel()
    settle()

    assert.is_true(task:cancelled())
    assert.equal("unharmed", neap.await(child))
  end)
end)
