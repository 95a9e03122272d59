local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it, timed = case.it, case.timed
local sync = neap.sync
local settle = neap.testing.settle

local function held()
  local lock = sync.lock()
  lock:acquire()
  return lock
end

describe("neap.sync", function()
  it("is the module neap.sync", function()
    assert.equal(sync, require("neap.sync"))
  end)
end)

describe("a lock", function()
  waiters.one_at_a_time({
    new = held,
    wait = function(lock) lock:acquire() end,
    wake = function(lock) lock:release() end,
    left = function(lock) return lock:locked() and 0 or 1 end,
  })

  describe("that is free", function()
    it("is not locked", function()
      assert.is_false(sync.lock():locked())
    end)

    it("is acquired without a wait", function()
      local lock, turned = sync.lock(), false
      neap.spawn(function() turned = true end)

      lock:acquire()

      assert.is_true(lock:locked())
      assert.is_false(turned)
      neap.sleep(0)
    end)

    it("cannot be released", function()
      local lock = sync.lock()

      expect.code("INVALID_STATE", lock.release, lock)
    end)
  end)

  describe("that is held", function()
    it("is locked", function()
      assert.is_true(held():locked())
    end)

    it("parks who acquires it until it is released", function()
      local lock, acquired = held(), false
      neap.spawn(function()
        lock:acquire()
        acquired = true
      end)
      settle()
      assert.is_false(acquired)

      lock:release()
      settle()

      assert.is_true(acquired)
    end)

    timed("parks the task that holds it as well", function()
      local lock = held()

      expect.code("TIMEOUT", neap.timeout, 1, lock.acquire, lock)
    end)

    it("can be released by another task", function()
      local lock = held()

      neap.await(neap.spawn(lock.release, lock))

      assert.is_false(lock:locked())
    end)

    it("can be released once", function()
      local lock = held()
      lock:release()

      expect.code("INVALID_STATE", lock.release, lock)
    end)

    it("stays locked when it is released to a waiter", function()
      local lock = held()
      neap.spawn(lock.acquire, lock)
      settle()

      lock:release()

      assert.is_true(lock:locked())
      settle()
      assert.is_true(lock:locked())
    end)

    it("is free after the last waiter was cancelled", function()
      local lock = held()
      local task = neap.spawn(lock.acquire, lock)
      settle()
      task:cancel()
      settle()

      lock:release()

      assert.is_false(lock:locked())
    end)
  end)

  it("lets one task at a time through", function()
    local lock, inside, most = sync.lock(), 0, 0
    local list = {}
    for i = 1, 10 do
      list[i] = function()
        lock:acquire()
        inside = inside + 1
        most = math.max(most, inside)
        neap.sleep(0)
        inside = inside - 1
        lock:release()
      end
    end

    neap.gather(list)

    assert.equal(1, most)
    assert.is_false(lock:locked())
  end)
end)

--- What holds for the guards of locks, semaphores and conditions.
for name, new in pairs({
  lock = sync.lock,
  condition = sync.condition,
  semaphore = function() return sync.semaphore(1) end,
  ["bounded semaphore"] = function() return sync.bounded_semaphore(1) end,
}) do
  describe("the guard of a " .. name, function()
    it("releases at the end of the block", function()
      local object = new()
      do
        local _ <close> = object:guard()
        assert.is_true(object:locked())
      end

      assert.is_false(object:locked())
    end)

    it("releases when an error leaves the block", function()
      local object = new()

      expect.error(function()
        local _ <close> = object:guard()
        error("left")
      end)

      assert.is_false(object:locked())
    end)

    it("waits until it can acquire", function()
      local object = new()
      object:acquire()
      local entered = false
      local task = neap.spawn(function()
        local _ <close> = object:guard()
        entered = true
      end)
      settle()
      assert.is_false(entered)

      object:release()
      neap.await(task)

      assert.is_true(entered)
      assert.is_false(object:locked())
    end)

    it("releases by close, once", function()
      local object = new()
      local guard = object:guard()

      guard:close()
      assert.is_false(object:locked())

      object:acquire()
      guard:close()
      assert.is_true(object:locked())
    end)
  end)

  describe("with of a " .. name, function()
    it("runs the function while it is held and returns its results", function()
      local object, locked = new(), nil

      local results = table.pack(object:with(function(...)
        locked = object:locked()
        return ...
      end, nil, 2, nil))

      assert.is_true(locked)
      assert.same({ n = 3, [2] = 2 }, results)
      assert.is_false(object:locked())
    end)

    it("releases when the function raises", function()
      local object, failure = new(), {}

      assert.equal(failure, expect.error(object.with, object, error, failure))

      assert.is_false(object:locked())
    end)

    it("lets the function wait", function()
      local object = new()

      assert.equal("x", object:with(neap.sleep, 0, "x"))
      assert.is_false(object:locked())
    end)

    it("releases when the task is cancelled in the function", function()
      local object = new()
      local task = neap.spawn(function() object:with(neap.await, neap.future()) end)
      settle()
      assert.is_true(object:locked())

      task:cancel()
      settle()

      assert.is_true(task:cancelled())
      assert.is_false(object:locked())
    end)

    it("does not run the function in a task that is cancelled", function()
      local object, ran = new(), false
      local task = neap.spawn(function()
        neap.current_task():cancel()
        object:with(function() ran = true end)
      end)

      expect.code("CANCELLED", neap.await, task)
      assert.is_false(ran)
      assert.is_false(object:locked())
    end)

    it("refuses what is no function", function()
      local object = new()

      expect.bad_argument("#1 to 'with'", "function expected, got number", function()
        object:with(42)
      end)
      assert.is_false(object:locked())
    end)
  end)
end
