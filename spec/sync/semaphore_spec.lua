local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it = case.it
local sync = neap.sync
local settle = neap.testing.settle

for name, new in pairs({
  semaphore = sync.semaphore,
  bounded_semaphore = sync.bounded_semaphore,
}) do
  describe("sync." .. name, function()
    waiters.one_at_a_time({
      new = function()
        local semaphore = new(5)
        for _ = 1, 5 do
          semaphore:acquire()
        end
        return semaphore
      end,
      wait = function(semaphore) semaphore:acquire() end,
      wake = function(semaphore) semaphore:release() end,
      left = function(semaphore) return semaphore:value() end,
    })

    it("has as many permits as it was made with", function()
      assert.equal(3, new(3):value())
    end)

    it("gives a permit away without a wait", function()
      local semaphore, turned = new(2), false
      neap.spawn(function() turned = true end)

      semaphore:acquire()

      assert.equal(1, semaphore:value())
      assert.is_false(turned)
      neap.sleep(0)
    end)

    it("is locked when no permit is left", function()
      local semaphore = new(2)
      assert.is_false(semaphore:locked())
      semaphore:acquire()
      assert.is_false(semaphore:locked())

      semaphore:acquire()

      assert.is_true(semaphore:locked())
      assert.equal(0, semaphore:value())
    end)

    it("takes a permit back", function()
      local semaphore = new(1)
      semaphore:acquire()

      semaphore:release()

      assert.equal(1, semaphore:value())
      assert.is_false(semaphore:locked())
    end)

    it("hands a permit to the first waiter, past everybody else", function()
      local semaphore = new(1)
      semaphore:acquire()
      local task = neap.spawn(semaphore.acquire, semaphore)
      settle()

      semaphore:release()

      assert.equal(0, semaphore:value())
      assert.is_true(semaphore:locked())
      neap.await(task)
    end)

    it("lets as many through at a time as it has permits", function()
      local semaphore, inside, most = new(3), 0, 0
      local list = {}
      for i = 1, 10 do
        list[i] = function()
          local _ <close> = semaphore:guard()
          inside = inside + 1
          most = math.max(most, inside)
          neap.sleep(0)
          inside = inside - 1
        end
      end

      neap.gather(list)

      assert.equal(3, most)
      assert.equal(3, semaphore:value())
    end)

    it("refuses what is no number of permits", function()
      expect.bad_argument("#1 to '" .. name .. "'", "number expected, got no value", function()
        if name == "semaphore" then
          sync.semaphore()
        else
          sync.bounded_semaphore()
        end
      end)
      expect.error(new, "x")
      expect.error(new, -1)
      expect.error(new, 1.5)
      expect.error(new, 0 / 0)
    end)
  end)
end

describe("sync.semaphore", function()
  it("can begin without a permit", function()
    local semaphore = sync.semaphore(0)
    local task = neap.spawn(semaphore.acquire, semaphore)
    settle()
    assert.equal("waiting", task:status())

    semaphore:release()
    neap.await(task)

    assert.equal(0, semaphore:value())
  end)

  it("can be released more often than acquired", function()
    local semaphore = sync.semaphore(1)

    semaphore:release()
    semaphore:release()

    assert.equal(3, semaphore:value())
  end)
end)

describe("sync.bounded_semaphore", function()
  it("raises INVALID_STATE when released too often", function()
    local semaphore = sync.bounded_semaphore(1)

    expect.code("INVALID_STATE", semaphore.release, semaphore)

    assert.equal(1, semaphore:value())
    semaphore:acquire()
    semaphore:release()
    expect.code("INVALID_STATE", semaphore.release, semaphore)
  end)
end)
