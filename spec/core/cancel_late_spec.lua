--- Cancellations that come when the wait has ended, and before its task goes on.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local timed, time = case.timed, neap.loop.time

--- Sleeps for long; once cancelled, cleans up for 10 seconds.
local function careful()
  local _ <close> = setmetatable({}, {
    __close = function() neap.shield(neap.sleep, 10) end,
  })
  neap.sleep(1000)
end

--- A task that calls `fn(...)`, parked.
local function begin(fn, ...)
  local task = neap.spawn(fn, ...)
  neap.sleep(1)
  assert.equal("waiting", task:status())
  return task
end

local function ends_cancelled_after(seconds, task)
  local start = time()
  expect.code("CANCELLED", neap.await, task)
  assert.near(seconds, time() - start, 0.01)
end

describe("a cancellation after the wait has ended", function()
  local reports

  before_each(function()
    reports = {}
    neap.loop.set_exception_handler(function(context) table.insert(reports, context.error) end)
  end)

  after_each(function() neap.loop.set_exception_handler(nil) end)

  timed("lets gather wait for the members it cancels", function()
    local future, member = neap.future(), neap.spawn(careful)
    local task = begin(neap.gather, { future, member })

    future:set_error("failed")
    task:cancel()

    ends_cancelled_after(10, task)
    assert.is_true(member:cancelled())
    neap.sleep(6)
    assert.same({ "failed" }, reports)
  end)

  timed("lets race wait for the members it cancels", function()
    local future, member = neap.future(), neap.spawn(careful)
    local task = begin(neap.race, { future, member })

    future:set_result("won")
    task:cancel()

    ends_cancelled_after(10, task)
    assert.is_true(member:cancelled())
  end)

  timed("lets wait_for wait for what it cancels", function()
    local member, task = neap.spawn(careful), nil
    neap.spawn(function()
      neap.sleep(1)
      assert.equal("ready", task:status()) -- its deadline has passed
      task:cancel()
    end)
    neap.sleep(0)
    task = neap.spawn(neap.wait_for, member, 1)
    neap.sleep(0)

    ends_cancelled_after(11, task)
    assert.is_true(member:cancelled())
  end)

  timed("comes at the next wait where nothing is left to wait for", function()
    local queue = neap.sync.queue()
    local task = begin(function()
      local item = neap.race({ function() return queue:get() end })
      local ok, err = pcall(neap.sleep, 1)
      return item, ok, neap.error_code(err)
    end)

    queue:put_nowait("item")
    neap.sleep(0)
    task:cancel()

    assert.same({ "item", false, "CANCELLED" }, { neap.await(task) })
  end)

  timed("may be repeated while the members are waited for", function()
    local future, member = neap.future(), neap.spawn(careful)
    local task = begin(neap.race, { future, member })

    future:set_result("won")
    task:cancel()
    neap.loop.call_later(1, task.cancel, task)
    neap.loop.call_later(2, task.cancel, task)

    ends_cancelled_after(10, task)
  end)
end)

describe("a member that waits for the task that gathers it", function()
  timed("is undone when another one fails", function()
    local task
    local member = neap.spawn(function() return neap.await(task) end)
    task = neap.spawn(neap.gather, { member, function()
      neap.sleep(1)
      error("failed", 0)
    end })

    neap.sleep(2) -- nobody else waits for it
    assert.equal("failed", task:error())
    assert.is_true(member:cancelled())
  end)

  timed("is undone when another one wins the race", function()
    local task
    local member = neap.spawn(function() return neap.await(task) end)
    task = neap.spawn(neap.race, { member, function() return neap.sleep(1, "won") end })

    neap.sleep(2)
    assert.equal("won", task:result())
    assert.is_true(member:cancelled())
  end)
end)
