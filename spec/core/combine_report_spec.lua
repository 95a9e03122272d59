local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local timed = case.timed

--- Waits, and raises `err` when it is cancelled.
local function fail_in_cleanup(err)
  pcall(neap.sleep, 100)
  error(err, 0)
end

local function errors_reported(fn)
  return expect.reports_when_collected(fn).errors
end

describe("an error of a member that nobody takes", function()
  timed("is reported after wait", function()
    assert.same({ "failed" }, errors_reported(function()
      neap.wait({ neap.spawn(error, "failed", 0) })
    end))
  end)

  timed("is not reported after wait when somebody takes it", function()
    assert.same({}, errors_reported(function()
      local done = neap.wait({ neap.spawn(error, "failed", 0) })
      done[1]:error()
    end))
  end)

  timed("is reported after as_completed", function()
    assert.same({ "failed" }, errors_reported(function()
      for _ in neap.as_completed({ neap.spawn(error, "failed", 0) }) do
        neap.sleep(0)
      end
    end))
  end)

  timed("is reported when a member that lost a race fails in its cleanup", function()
    assert.same({ "failed" }, errors_reported(function()
      neap.race({ function() neap.sleep(1) end, function() fail_in_cleanup("failed") end })
    end))
  end)

  timed("is reported when the task that gathers was cancelled", function()
    assert.same({ "failed" }, errors_reported(function()
      local task = neap.spawn(neap.gather, { function() fail_in_cleanup("failed") end })
      neap.sleep(1)
      task:cancel()
      neap.wait({ task })
      assert.is_true(task:cancelled())
    end))
  end)

  timed("is not reported when gather raises another one", function()
    assert.same({}, errors_reported(function()
      expect.error(neap.gather, {
        function() error("first", 0) end,
        function() fail_in_cleanup("second") end,
      })
    end))
  end)
end)
