local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it
local sync = neap.sync
local settle = neap.testing.settle

--- Everything that is in the queue, in the order in which it leaves.
local function drain(queue)
  local items = {}
  while not queue:empty() do
    table.insert(items, queue:get())
  end
  return items
end

local function fill(queue, items)
  for _, item in ipairs(items) do
    queue:put(item)
  end
  return queue
end

describe("sync.queue", function()
  it("gives first what was put first", function()
    assert.same({ 3, 1, 2 }, drain(fill(sync.queue(), { 3, 1, 2 })))
  end)

  it("takes every value but nil", function()
    local values = { false, 0, "", {}, print }

    assert.same(values, drain(fill(sync.queue(), values)))
  end)

  it("iterates over false items", function()
    local queue, seen = fill(sync.queue(), { false, 1, false }), {}
    queue:close()

    for item in queue:items() do
      table.insert(seen, item)
    end

    assert.same({ false, 1, false }, seen)
  end)

  it("keeps the order while it is filled and emptied by turns", function()
    local queue, seen, put = sync.queue(), {}, 0
    for round = 1, 20 do
      for _ = 1, round do
        put = put + 1
        queue:put(put)
      end
      for _ = 1, round - 1 do
        table.insert(seen, queue:get())
      end
    end
    for _, item in ipairs(drain(queue)) do
      table.insert(seen, item)
    end

    for i = 1, put do
      assert.equal(i, seen[i])
    end
  end)

  for maxsize = 1, 11 do
    it("keeps the order as it goes round and round, with maxsize " .. maxsize, function()
      local queue, seen, put = sync.queue(maxsize), {}, 0
      for round = 1, 60 do
        while not queue:full() and put < round * 7 do
          put = put + 1
          queue:put(put)
        end
        for _ = 1, math.min(queue:qsize(), round * 5 % 13) do
          table.insert(seen, queue:get())
        end
      end
      for _, item in ipairs(drain(queue)) do
        table.insert(seen, item)
      end

      assert.is_true(put > maxsize)
      for i = 1, put do
        assert.equal(i, seen[i])
      end
    end)
  end

  it("forgets what was taken after it grew", function()
    local queue, kept = sync.queue(), setmetatable({}, { __mode = "v" })
    for i = 1, 30 do
      kept[i] = { i }
      queue:put(kept[i])
      if i % 3 == 0 then
        queue:get()
      end
    end

    drain(queue)
    collectgarbage()

    assert.is_nil(next(kept))
  end)

  it("lets the items of puts that wait in by the order of the puts", function()
    local queue = sync.queue(1)
    queue:put(0)
    for i = 1, 5 do
      neap.spawn(queue.put, queue, i)
    end
    settle()

    local seen = {}
    for i = 1, 6 do
      seen[i] = queue:get()
    end

    assert.same({ 0, 1, 2, 3, 4, 5 }, seen)
    settle()
  end)

  it("gives the items to gets that wait by the order of the gets", function()
    local queue, seen = sync.queue(), {}
    for i = 1, 3 do
      neap.spawn(function() seen[i] = queue:get() end)
    end
    settle()

    fill(queue, { "a", "b", "c" })
    settle()

    assert.same({ "a", "b", "c" }, seen)
  end)

  it("does not take the item of a put that was cancelled", function()
    local queue = sync.queue(1)
    queue:put(0)
    local first = neap.spawn(queue.put, queue, "cancelled")
    neap.spawn(queue.put, queue, "kept")
    settle()

    first:cancel()
    settle()

    assert.equal(0, queue:get())
    assert.equal("kept", queue:get())
    assert.is_true(queue:empty())
  end)
end)

describe("sync.lifo_queue", function()
  it("gives first what was put last", function()
    assert.same({ 2, 1, 3 }, drain(fill(sync.lifo_queue(), { 3, 1, 2 })))
  end)

  it("gives false items", function()
    assert.same({ false, 1 }, drain(fill(sync.lifo_queue(), { 1, false })))
  end)

  it("hands an item to the get that came first", function()
    local queue, seen = sync.lifo_queue(), {}
    for i = 1, 2 do
      neap.spawn(function() seen[i] = queue:get() end)
    end
    settle()

    fill(queue, { "a", "b" })
    settle()

    assert.same({ "a", "b" }, seen)
  end)
end)

describe("sync.priority_queue", function()
  it("gives the least first", function()
    assert.same({ 1, 2, 2, 3, 5, 9 }, drain(fill(sync.priority_queue(), { 5, 2, 9, 1, 3, 2 })))
  end)

  it("takes strings", function()
    assert.same({ "a", "b", "c" }, drain(fill(sync.priority_queue(), { "c", "a", "b" })))
  end)

  it("takes { priority, value } pairs and gives them back", function()
    local low, high = { 2, "low" }, { 1, "high" }
    local queue = fill(sync.priority_queue(), { low, high })

    assert.equal(high, queue:get())
    assert.equal(low, queue:get())
  end)

  it("gives pairs of equal priority in the order they came", function()
    local queue = sync.priority_queue()
    for i = 1, 100 do
      queue:put({ i % 3, i })
    end

    local last = { -1, 0 }
    for _, pair in ipairs(drain(queue)) do
      assert.is_true(last[1] < pair[1] or last[1] == pair[1] and last[2] < pair[2])
      last = pair
    end
  end)

  it("gives equal numbers in the order they came, integer or float", function()
    local queue = fill(sync.priority_queue(), { 1.0, 1, 1.0, 1 })

    local types = {}
    for i, item in ipairs(drain(queue)) do
      types[i] = math.type(item)
    end
    assert.same({ "float", "integer", "float", "integer" }, types)
  end)

  it("keeps that order while it is filled and emptied by turns", function()
    local queue, seen = sync.priority_queue(), {}
    for i = 1, 50 do
      queue:put({ 1, i })
      queue:put({ 1, i + 0.5 })
      table.insert(seen, queue:get()[2])
    end
    for _, pair in ipairs(drain(queue)) do
      table.insert(seen, pair[2])
    end

    for i = 2, #seen do
      assert.is_true(seen[i - 1] < seen[i])
    end
  end)

  it("takes objects that < orders", function()
    local Job = {}
    Job.__lt = function(a, b) return a.cost < b.cost end
    local function job(cost)
      return setmetatable({ cost = cost }, Job)
    end
    local queue = fill(sync.priority_queue(), { job(3), job(1), job(2) })

    assert.equal(1, queue:get().cost)
    assert.equal(2, queue:get().cost)
    assert.equal(3, queue:get().cost)
  end)

  it("orders by less where it is given", function()
    local queue = sync.priority_queue(0, function(a, b) return a.size > b.size end)
    fill(queue, { { size = 1 }, { size = 3 }, { size = 2 } })

    assert.equal(3, queue:get().size)
    assert.equal(2, queue:get().size)
    assert.equal(1, queue:get().size)
  end)

  it("keeps the order they came in for equals by less", function()
    local queue = sync.priority_queue(0, function() return false end)

    assert.same({ 5, 1, 4, 2 }, drain(fill(queue, { 5, 1, 4, 2 })))
  end)

  it("is bounded together with less", function()
    local queue = sync.priority_queue(1, function(a, b) return a > b end)
    queue:put(1)

    expect.code("QUEUE_FULL", queue.put_nowait, queue, 2)
  end)

  it("orders the items of puts that waited", function()
    local queue = sync.priority_queue(2)
    fill(queue, { 5, 6 })
    neap.spawn(queue.put, queue, 9)
    neap.spawn(queue.put, queue, 1)
    settle()

    assert.equal(5, queue:get())
    settle()
    assert.equal(6, queue:get())
    settle()
    assert.equal(1, queue:get())
    assert.equal(9, queue:get())
  end)

  it("raises the error of an order that fails, and keeps what it holds", function()
    local queue = fill(sync.priority_queue(), { 3, 1 })

    expect.error(queue.put, queue, "x")

    assert.equal(2, queue:qsize())
    assert.same({ 1, 3 }, drain(queue))
  end)

  it("takes 10000 items in any order", function()
    local queue, x = sync.priority_queue(), 1
    for _ = 1, 10000 do
      x = x * 16807 % 2147483647
      queue:put_nowait(x)
    end

    local last = 0
    for _ = 1, 10000 do
      local item = queue:get_nowait()
      assert(last <= item)
      last = item
    end
    assert.is_true(queue:empty())
  end)

  it("refuses an order that is no function", function()
    expect.bad_argument("#2 to 'priority_queue'", "function expected, got number", function()
      sync.priority_queue(0, 42)
    end)
  end)
end)
