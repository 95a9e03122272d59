local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it
local sync = neap.sync
local settle = neap.testing.settle

--- A queue with no room, and two puts that wait: one that cannot be ordered.
local function full_queue()
  local queue = sync.priority_queue(2)
  queue:put(1)
  queue:put(2)
  local bad = neap.spawn(queue.put, queue, "x")
  local good = neap.spawn(queue.put, queue, 3)
  settle()
  return queue, bad, good
end

describe("a priority queue whose order fails", function()
  it("raises that in the put that waited, and the get has its item", function()
    local queue, bad, good = full_queue()

    assert.equal(1, queue:get())

    assert.matches("attempt to compare", expect.error(neap.await, bad))
    assert.equal(2, queue:get())
    neap.await(good)
    assert.equal(3, queue:get())
  end)

  it("gives the room of a put that failed to the next one that waits", function()
    local queue, bad, good = full_queue()

    assert.equal(1, queue:get())

    assert.equal(2, queue:qsize())
    neap.await(good)
    assert.matches("attempt to compare", expect.error(neap.await, bad))
  end)

  it("keeps its items when a get fails", function()
    local broken = false
    local queue = sync.priority_queue(0, function(a, b)
      if broken then
        error("broken", 0)
      end
      return a < b
    end)
    for i = 5, 1, -1 do
      queue:put(i)
    end

    broken = true
    assert.equal("broken", expect.error(queue.get, queue))
    assert.equal(5, queue:qsize())

    broken = false
    for i = 1, 5 do
      assert.equal(i, queue:get())
    end
  end)

  it("keeps its items when a put fails at any comparison", function()
    local left = math.huge
    local queue = sync.priority_queue(0, function(a, b)
      left = left - 1
      if left == 0 then
        error("broken", 0)
      end
      return a < b
    end)
    local count = 0
    for i = 1, 200 do
      left = i % 5
      if pcall(queue.put, queue, i * 7919 % 211) then
        count = count + 1
      end
      assert.equal(count, queue:qsize())
    end

    left = math.huge
    local last = -1
    for _ = 1, count do
      local item = queue:get()
      assert.is_true(item >= last)
      last = item
    end
  end)
end)

describe("a priority queue whose order waits", function()
  it("raises that it cannot, and keeps its items", function()
    local queue = sync.priority_queue(0, function(a, b)
      neap.sleep(0)
      return a < b
    end)
    queue:put(1)

    assert.matches("cannot wait here", tostring(expect.code("INVALID_STATE", queue.put, queue, 2)))

    assert.equal(1, queue:qsize())
    assert.equal(1, queue:get())
  end)
end)

describe("a priority queue whose order uses the queue", function()
  it("refuses the put", function()
    local queue, inside = nil, false
    queue = sync.priority_queue(0, function(a, b)
      if not inside then
        inside = true
        queue:put_nowait(0)
      end
      return a < b
    end)
    queue:put(1)

    expect.code("INVALID_STATE", queue.put, queue, 2)

    assert.equal(2, queue:qsize())
    assert.equal(0, queue:get())
    assert.equal(1, queue:get())
  end)
end)
