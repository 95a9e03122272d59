local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it, timed = case.it, case.timed
local sync = neap.sync
local settle = neap.testing.settle

--- Spawns `count` tasks that wait at the barrier.
local function arrive(barrier, count)
  local tasks = {}
  for i = 1, count do
    tasks[i] = neap.spawn(barrier.wait, barrier)
  end
  settle()
  return tasks
end

describe("a barrier", function()
  -- A reset is what wakes all who wait and lets others wait again.
  waiters.all_at_once({
    new = function() return sync.barrier(100) end,
    wait = function(barrier)
      local _, err = pcall(barrier.wait, barrier)
      if neap.error_code(err) ~= "BROKEN_BARRIER" then
        error(err, 0)
      end
    end,
    wake = function(barrier) barrier:reset() end,
  })

  it("parks who comes until all are there", function()
    local barrier = sync.barrier(3)
    local tasks = arrive(barrier, 2)
    assert.is_false(tasks[1]:done())
    assert.is_false(tasks[2]:done())

    barrier:wait()
    settle()

    assert.is_true(tasks[1]:done())
    assert.is_true(tasks[2]:done())
  end)

  it("gives each its index in the order of arrival", function()
    local barrier = sync.barrier(4)
    local tasks = arrive(barrier, 4)

    assert.same({ n = 4, 1, 2, 3, 4 }, neap.gather(tasks))
  end)

  it("can be used again and again", function()
    local barrier = sync.barrier(2)
    for _ = 1, 3 do
      assert.same({ n = 2, 1, 2 }, neap.gather(arrive(barrier, 2)))
      assert.equal(0, barrier:n_waiting())
    end
  end)

  it("keeps rounds apart when all come again at once", function()
    local barrier, log = sync.barrier(3), {}
    local list = {}
    for i = 1, 3 do
      list[i] = function()
        for round = 1, 3 do
          barrier:wait()
          table.insert(log, round)
        end
      end
    end

    neap.gather(list)

    assert.equal("1 1 1 2 2 2 3 3 3", table.concat(log, " "))
  end)

  it("of one party parks nobody", function()
    local barrier = sync.barrier(1)

    assert.equal(1, barrier:wait())
    assert.equal(1, barrier:wait())
  end)

  it("says how many parties it has and how many wait", function()
    local barrier = sync.barrier(3)
    assert.equal(3, barrier:parties())
    assert.equal(0, barrier:n_waiting())

    local tasks = arrive(barrier, 2)
    assert.equal(2, barrier:n_waiting())

    barrier:wait()
    assert.equal(0, barrier:n_waiting())
    neap.gather(tasks)
  end)

  it("forgets a waiter that was cancelled", function()
    local barrier = sync.barrier(3)
    local tasks = arrive(barrier, 2)
    tasks[1]:cancel()
    settle()

    assert.equal(1, barrier:n_waiting())
    assert.is_false(barrier:broken())
    local later = arrive(barrier, 2)

    assert.equal(1, neap.await(tasks[2]))
    assert.equal(2, neap.await(later[1]))
    assert.equal(3, neap.await(later[2]))
  end)

  timed("forgets a waiter whose time is over", function()
    local barrier = sync.barrier(2)

    expect.code("TIMEOUT", neap.timeout, 1, barrier.wait, barrier)

    assert.equal(0, barrier:n_waiting())
    assert.same({ n = 2, 1, 2 }, neap.gather(arrive(barrier, 2)))
  end)

  describe("that is reset", function()
    it("raises BROKEN_BARRIER in those who wait", function()
      local barrier = sync.barrier(3)
      local tasks = arrive(barrier, 2)

      barrier:reset()

      expect.code("BROKEN_BARRIER", neap.await, tasks[1])
      expect.code("BROKEN_BARRIER", neap.await, tasks[2])
    end)

    it("is usable again", function()
      local barrier = sync.barrier(2)
      local task = arrive(barrier, 1)[1]

      barrier:reset()

      assert.is_false(barrier:broken())
      assert.equal(0, barrier:n_waiting())
      assert.same({ n = 2, 1, 2 }, neap.gather(arrive(barrier, 2)))
      expect.code("BROKEN_BARRIER", neap.await, task)
    end)

    it("does not disturb those who have passed", function()
      local barrier = sync.barrier(2)
      local task = arrive(barrier, 1)[1]
      barrier:wait()

      barrier:reset()

      assert.equal(1, neap.await(task))
    end)
  end)

  describe("that is aborted", function()
    it("raises BROKEN_BARRIER in those who wait", function()
      local barrier = sync.barrier(3)
      local tasks = arrive(barrier, 2)

      barrier:abort()

      expect.code("BROKEN_BARRIER", neap.await, tasks[1])
      expect.code("BROKEN_BARRIER", neap.await, tasks[2])
    end)

    it("raises BROKEN_BARRIER in those who come", function()
      local barrier = sync.barrier(2)
      assert.is_false(barrier:broken())

      barrier:abort()

      assert.is_true(barrier:broken())
      expect.code("BROKEN_BARRIER", barrier.wait, barrier)
      expect.code("BROKEN_BARRIER", barrier.wait, barrier)
    end)

    it("is usable again after a reset", function()
      local barrier = sync.barrier(2)
      barrier:abort()

      barrier:reset()

      assert.is_false(barrier:broken())
      assert.same({ n = 2, 1, 2 }, neap.gather(arrive(barrier, 2)))
    end)
  end)

  it("refuses what is no number of parties", function()
    expect.bad_argument("#1 to 'barrier'", "number expected, got no value", function()
      sync.barrier()
    end)
    expect.bad_argument("#1 to 'barrier'", nil, function() sync.barrier(0) end)
    expect.bad_argument("#1 to 'barrier'", nil, function() sync.barrier(-1) end)
    expect.bad_argument("#1 to 'barrier'", nil, function() sync.barrier(1.5) end)
  end)
end)
