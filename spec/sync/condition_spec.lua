local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it, timed = case.it, case.timed
local sync = neap.sync
local settle = neap.testing.settle

--- Calls a method of a condition whose lock may be held by a waiter or free.
local function with_lock(condition, method, ...)
  local free = not condition:locked()
  if free then
    condition:acquire()
  end
  condition[method](condition, ...)
  if free then
    condition:release()
  end
end

--- Spawns tasks that wait once and log their numbers, each with the lock.
local function park(condition, log, count)
  local tasks = {}
  for i = 1, count do
    tasks[i] = neap.spawn(function()
      local _ <close> = condition:guard()
      condition:wait()
      assert(condition:locked())
      table.insert(log, i)
    end)
  end
  settle()
  return tasks
end

local function wait(condition)
  local _ <close> = condition:guard()
  condition:wait()
end

describe("condition:notify", function()
  waiters.one_at_a_time({
    new = sync.condition,
    wait = wait,
    wake = function(condition) with_lock(condition, "notify") end,
  })

  it("wakes as many as it is told", function()
    local condition, log = sync.condition(), {}
    local tasks = park(condition, log, 4)

    with_lock(condition, "notify", 3)
    settle()

    assert.same({ 1, 2, 3 }, log)
    tasks[4]:cancel()
    settle()
  end)

  it("wakes all when it is told more than there are", function()
    local condition, log = sync.condition(), {}
    park(condition, log, 2)

    with_lock(condition, "notify", 10)
    settle()

    assert.same({ 1, 2 }, log)
  end)

  it("wakes nobody for 0", function()
    local condition, log = sync.condition(), {}
    local tasks = park(condition, log, 1)

    with_lock(condition, "notify", 0)
    settle()

    assert.same({}, log)
    tasks[1]:cancel()
    settle()
  end)

  it("is not kept for who comes later", function()
    local condition, log = sync.condition(), {}
    with_lock(condition, "notify")

    local tasks = park(condition, log, 1)

    assert.same({}, log)
    tasks[1]:cancel()
    settle()
  end)

  it("raises INVALID_STATE without the lock", function()
    local condition = sync.condition()

    expect.code("INVALID_STATE", condition.notify, condition)
  end)

  it("refuses what is no number", function()
    local condition = sync.condition()
    condition:acquire()

    expect.bad_argument("#1 to 'notify'", "number expected, got string", function()
      condition:notify("all")
    end)
  end)
end)

describe("condition:notify_all", function()
  waiters.all_at_once({
    new = sync.condition,
    wait = wait,
    wake = function(condition) with_lock(condition, "notify_all") end,
  })

  it("raises INVALID_STATE without the lock", function()
    local condition = sync.condition()

    expect.code("INVALID_STATE", condition.notify_all, condition)
  end)
end)

describe("condition:wait", function()
  it("raises INVALID_STATE without the lock", function()
    local condition = sync.condition()

    expect.code("INVALID_STATE", condition.wait, condition)
  end)

  it("releases the lock while it waits", function()
    local condition = sync.condition()
    local task = neap.spawn(wait, condition)
    settle()

    assert.is_false(condition:locked())
    task:cancel()
    settle()
  end)

  it("takes the lock back before it returns", function()
    local condition, returned = sync.condition(), false
    local task = neap.spawn(function()
      wait(condition)
      returned = true
    end)
    settle()
    condition:acquire()
    condition:notify()
    settle()
    assert.is_false(returned)

    condition:release()
    neap.await(task)

    assert.is_true(returned)
    assert.is_false(condition:locked())
  end)

  it("lets one woken task at a time have the lock", function()
    local condition, inside, most = sync.condition(), 0, 0
    for _ = 1, 5 do
      neap.spawn(function()
        local _ <close> = condition:guard()
        condition:wait()
        inside = inside + 1
        most = math.max(most, inside)
        neap.sleep(0)
        inside = inside - 1
      end)
    end
    settle()

    with_lock(condition, "notify_all")
    settle()

    assert.equal(1, most)
    assert.is_false(condition:locked())
  end)

  it("raises CANCELLED in a task that is cancelled already, which keeps the lock", function()
    local condition, locked, called = sync.condition(), {}, false
    local task = neap.spawn(function()
      condition:acquire()
      neap.current_task():cancel()
      expect.code("CANCELLED", condition.wait, condition)
      table.insert(locked, condition:locked())
      expect.code("CANCELLED", condition.wait_for, condition, function()
        called = true
        return true
      end)
      table.insert(locked, condition:locked())
    end)

    neap.await(task)

    assert.same({ true, true }, locked)
    assert.is_false(called)
  end)

  it("takes the lock back when it is cancelled", function()
    local condition, locked = sync.condition(), nil
    local task = neap.spawn(function()
      condition:acquire()
      local ok, err = pcall(condition.wait, condition)
      locked = condition:locked()
      condition:release()
      error(ok or err, 0)
    end)
    settle()

    task:cancel()
    settle()

    assert.is_true(task:cancelled())
    assert.is_true(locked)
    assert.is_false(condition:locked())
  end)

  it("cannot be cancelled while it takes the lock back", function()
    local condition, log = sync.condition(), {}
    local task = neap.spawn(function()
      condition:acquire()
      pcall(condition.wait, condition)
      table.insert(log, "has the lock")
      condition:release()
    end)
    settle()
    condition:acquire()
    task:cancel()
    settle()
    task:cancel()
    settle()
    assert.same({}, log)

    condition:release()
    settle()

    assert.same({ "has the lock" }, log)
    assert.is_false(condition:locked())
  end)

  timed("takes the lock back past a deadline", function()
    local condition = sync.condition()
    condition:acquire()

    expect.code("TIMEOUT", neap.timeout, 1, condition.wait, condition)

    assert.is_true(condition:locked())
  end)

  timed("takes the lock back past a deadline, however long that takes", function()
    local condition, start = sync.condition(), neap.loop.time()
    neap.spawn(function()
      neap.sleep(0.5)
      condition:with(neap.sleep, 2.5)
    end)
    condition:acquire()

    expect.code("TIMEOUT", neap.timeout, 1, condition.wait, condition)

    assert.is_true(math.abs(neap.loop.time() - start - 3) < 0.01)
    assert.is_true(condition:locked())
  end)

  it("loses no notification when the notified one is cancelled while it takes the lock", function()
    local condition, log = sync.condition(), {}
    local tasks = park(condition, log, 2)
    condition:acquire()
    condition:notify()
    settle()

    tasks[1]:cancel()
    settle()
    condition:release()
    settle()

    assert.equal(1, #log)
    tasks[2]:cancel()
    settle()
    assert.is_false(condition:locked())
  end)
end)

describe("condition:wait_for", function()
  it("returns the value of the predicate without a wait when that is true", function()
    local condition, value, turned = sync.condition(), {}, false
    neap.spawn(function() turned = true end)
    condition:acquire()

    assert.equal(value, condition:wait_for(function() return value end))

    assert.is_false(turned)
    assert.is_true(condition:locked())
    neap.sleep(0)
  end)

  it("waits until the predicate is true", function()
    local condition, count, calls = sync.condition(), 0, 0
    local task = neap.spawn(function()
      local _ <close> = condition:guard()
      return condition:wait_for(function()
        calls = calls + 1
        return count >= 2 and count
      end)
    end)
    settle()

    for i = 1, 2 do
      count = i
      with_lock(condition, "notify")
      settle()
    end

    assert.equal(2, neap.await(task))
    assert.equal(3, calls)
  end)

  it("calls the predicate with the lock held", function()
    local condition, locked = sync.condition(), {}
    local task = neap.spawn(function()
      local _ <close> = condition:guard()
      condition:wait_for(function()
        table.insert(locked, condition:locked())
        return #locked == 2
      end)
    end)
    settle()

    with_lock(condition, "notify")
    neap.await(task)

    assert.same({ true, true }, locked)
  end)

  it("raises the error of the predicate with the lock held", function()
    local condition, failure = sync.condition(), {}
    condition:acquire()

    assert.equal(failure, expect.error(condition.wait_for, condition, function() error(failure) end))

    assert.is_true(condition:locked())
  end)

  it("raises INVALID_STATE without the lock", function()
    local condition = sync.condition()

    expect.code("INVALID_STATE", condition.wait_for, condition, function() return true end)
  end)

  it("refuses what is no function", function()
    local condition = sync.condition()
    condition:acquire()

    expect.bad_argument("#1 to 'wait_for'", "function expected, got nil", function()
      condition:wait_for(nil)
    end)
  end)
end)

describe("a condition", function()
  it("uses the lock it is given", function()
    local lock = sync.lock()
    local condition = sync.condition(lock)

    condition:acquire()
    assert.is_true(lock:locked())
    lock:release()
    assert.is_false(condition:locked())
  end)

  it("shares its lock with another condition", function()
    local lock, log = sync.lock(), {}
    local full, empty = sync.condition(lock), sync.condition(lock)
    local tasks = { neap.spawn(wait, full), neap.spawn(wait, empty) }
    settle()

    lock:acquire()
    empty:notify()
    lock:release()
    settle()

    table.insert(log, tasks[1]:done())
    table.insert(log, tasks[2]:done())
    assert.same({ false, true }, log)
    tasks[1]:cancel()
    settle()
  end)

  it("has the methods of the lock", function()
    local condition = sync.condition()
    assert.is_false(condition:locked())

    condition:acquire()
    assert.is_true(condition:locked())

    condition:release()
    expect.code("INVALID_STATE", condition.release, condition)
  end)

  it("refuses what is no lock", function()
    expect.bad_argument("#1 to 'condition'", "got number", function() sync.condition(42) end)
  end)
end)
