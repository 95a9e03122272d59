local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local testing = neap.testing
local time = neap.loop.time

describe("testing.virtual_clock", function()
  it("lets a test that sleeps an hour take no time", function()
    local real = os.clock()
    local start, slept = nil, nil

    testing.virtual_clock(function()
      start = time()
      neap.sleep(3600)
      slept = time() - start
    end)

    assert.is_true(math.abs(slept - 3600) < 0.01)
    assert.is_true(os.clock() - real < 1)
  end)

  it("jumps only when nothing is ready", function()
    testing.virtual_clock(function()
      local log = {}
      neap.loop.call_later(1, table.insert, log, "timer")
      neap.spawn(function()
        for _ = 1, 1000 do
          neap.sleep(0)
        end
        table.insert(log, "busy")
      end)

      neap.sleep(2)

      assert.same({ "busy", "timer" }, log)
    end)
  end)

  it("stands still while a task computes", function()
    testing.virtual_clock(function()
      local start, real = time(), os.clock()
      while os.clock() - real < 0.002 do
        math.random()
      end

      assert.equal(start, time())
    end)
  end)

  it("raises the error of the function", function()
    local failure = {}

    assert.equal(failure, expect.error(testing.virtual_clock, function()
      neap.sleep(10)
      error(failure)
    end))
  end)

  it("ends with the function", function()
    pcall(testing.virtual_clock, neap.sleep, 3600)
    pcall(testing.virtual_clock, error)
    local real = os.time()
    local start = time()

    neap.sleep(0.002)

    assert.is_true(time() - start >= 0.002 and time() - start < 5)
    assert.is_true(os.time() - real < 5)
  end)
end)

describe("testing.no_leaks", function()
  it("lets a function pass that leaves nothing", function()
    testing.no_leaks(function()
      neap.await(neap.spawn(neap.sleep, 0))
    end)
  end)

  it("fails when a task is left", function()
    local left
    expect.error(testing.no_leaks, function()
      left = neap.spawn(neap.await, neap.future())
    end)

    left:cancel()
    testing.settle()
  end)

  it("fails when a timer is left", function()
    local left
    expect.error(testing.no_leaks, function()
      left = neap.loop.call_later(3600, print)
    end)

    left:cancel()
  end)

  it("fails when a descriptor is left", function()
    local left
    expect.error(testing.no_leaks, function() left = io.tmpfile() end)

    left:close()
  end)

  it("raises the error of the function", function()
    local failure = {}

    assert.equal(failure, expect.error(testing.no_leaks, error, failure))
  end)
end)

describe("testing.settle", function()
  it("turns the loop until nothing is ready", function()
    local rounds = 0
    local task = neap.spawn(function()
      for _ = 1, 1000 do
        rounds = rounds + 1
        neap.sleep(0)
      end
    end)

    testing.settle()

    assert.equal(1000, rounds)
    assert.is_true(task:done())
  end)

  it("does not wait for timers", function()
    local task = neap.spawn(neap.sleep, 3600)

    testing.settle()

    assert.equal("waiting", task:status())
    task:cancel()
    testing.settle()
  end)

  it("does not move a virtual clock", function()
    testing.virtual_clock(function()
      local task = neap.spawn(neap.sleep, 10)
      local start = time()

      testing.settle()

      assert.equal(start, time())
      neap.await(task)
    end)
  end)
end)

describe("testing.shuffle", function()
  --- The order in which 20 tasks run in a process of their own.
  local function order(seed)
    local out, err = child.run([[
      local neap = require "neap"
      local seed = tonumber((...))
      local used = neap.testing.shuffle(seed)
      local log = {}
      for i = 1, 20 do
        neap.spawn(function() table.insert(log, i) end)
      end
      neap.testing.settle()
      print(used == seed or seed == nil)
      print(table.concat(log, " "))
    ]], tostring(seed))
    assert.equal("", err)
    return out:match("^true\n([^\n]*)\n$")
  end

  it("takes ready tasks in an order that the seed repeats", function()
    local first = order(42)

    assert.equal("string", type(first))
    assert.equal(first, order(42))
  end)

  it("takes them in another order for another seed", function()
    assert.not_equal(order(1), order(2))
  end)

  it("loses no task", function()
    local numbers = {}
    for number in order(7):gmatch("%d+") do
      table.insert(numbers, tonumber(number))
    end
    table.sort(numbers)

    assert.equal(20, #numbers)
    assert.equal(20, numbers[20])
  end)

  it("takes a seed of its own when none is given", function()
    assert.equal("string", type(order(nil)))
  end)
end)
