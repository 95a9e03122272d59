local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local settle = neap.testing.settle

--- A task that has cancelled itself and then runs `fn`.
local function cancelled_task(fn)
  return neap.spawn(function()
    neap.current_task():cancel()
    return fn()
  end)
end

describe("cancellation", function()
  local done = neap.future()
  done:set_result("done")
  local sync = neap.sync

  --- Calls that need not wait, and what they must leave alone.
  local calls = {
    ["neap.sleep(0)"] = { function() neap.sleep(0) end },
    ["neap.sleep(-1)"] = { function() neap.sleep(-1) end },
    ["neap.await of what is done"] = { function() neap.await(done) end },
    ["the method await of what is done"] = { function() done:await() end },
    ["neap.shield of what is done"] = { function() neap.shield(done) end },
    ["neap.gather of nothing"] = { function() neap.gather({}) end },
    ["neap.gather of what is done"] = { function() neap.gather({ done }) end },
    ["neap.wait of nothing"] = { function() neap.wait({}) end },
    ["neap.wait of what is done"] = { function() neap.wait({ done }) end },
    ["neap.race of what is done"] = { function() neap.race({ done }) end },
    ["neap.wait_for of what is done"] = { function() neap.wait_for(done, 1) end },
    ["neap.map of nothing"] = { function() neap.map({}, print) end },
    ["wait of a set event"] = {
      function(event) event:wait() end,
      new = function()
        local event = sync.event()
        event:set()
        return event
      end,
      look = sync.event().is_set,
      expected = true,
    },
    ["acquire of a free lock"] = {
      function(lock) lock:acquire() end,
      new = sync.lock, look = sync.lock().locked, expected = false,
    },
    ["guard of a free lock"] = {
      function(lock) lock:guard() end,
      new = sync.lock, look = sync.lock().locked, expected = false,
    },
    ["acquire of a semaphore with permits"] = {
      function(semaphore) semaphore:acquire() end,
      new = function() return sync.semaphore(2) end,
      look = sync.semaphore(1).value,
      expected = 2,
    },
    ["put into a queue with room"] = {
      function(queue) queue:put(1) end,
      new = sync.queue, look = sync.queue().qsize, expected = 0,
    },
    ["get from a queue with items"] = {
      function(queue) queue:get() end,
      new = function()
        local queue = sync.queue()
        queue:put_nowait("item")
        return queue
      end,
      look = sync.queue().qsize,
      expected = 1,
    },
    ["join of a queue without work"] = {
      function(queue) queue:join() end,
      new = sync.queue, look = sync.queue().qsize, expected = 0,
    },
    ["wait at a barrier of one"] = {
      function(barrier) barrier:wait() end,
      new = function() return sync.barrier(1) end,
      look = function(barrier) return barrier:n_waiting() end,
      expected = 0,
    },
  }
  for name, call in pairs(calls) do
    it("is raised by " .. name .. ", which does nothing else", function()
      local object = call.new and call.new()
      local task = cancelled_task(function() call[1](object) end)

      expect.code("CANCELLED", neap.await, task)

      if call.look then
        assert.equal(call.expected, call.look(object))
      end
    end)
  end

  it("is raised by an iterator that has something to give", function()
    local iterators = {
      function()
        local queue = sync.queue()
        queue:put_nowait(1)
        return queue:items()
      end,
      function() return neap.as_completed({ done }) end,
      function() return neap.every(1e-9) end,
    }
    for i, new in ipairs(iterators) do
      local iterator = new()
      local task = cancelled_task(function() return iterator() end)

      expect.code("CANCELLED", neap.await, task)
      assert.is_not_nil(iterator(), "iterator " .. i)
    end
  end)

  it("is raised before __await is called", function()
    local called = false
    local object = setmetatable({}, { __await = function() called = true end })
    local waits = {
      neap.await,
      neap.shield,
      function() neap.gather({ object }) end,
      function() neap.wait_for(object, 1) end,
    }
    for _, wait in ipairs(waits) do
      expect.code("CANCELLED", neap.await, cancelled_task(function() wait(object) end))
    end
    settle()

    assert.is_false(called)
  end)

  it("is raised before anything is spawned", function()
    local spawned = false
    local function member() spawned = true end
    local combiners = {
      function() neap.gather({ member }) end,
      function() neap.wait({ member }) end,
      function() neap.race({ member }) end,
      function() neap.wait_for(member, 1) end,
      function() neap.map({ 1 }, member) end,
      function()
        for _ in neap.as_completed({ member }) do
          spawned = true
        end
      end,
    }
    for _, combine in ipairs(combiners) do
      expect.code("CANCELLED", neap.await, cancelled_task(combine))
    end

    settle()

    assert.is_false(spawned)
  end)

  timed("is raised before anything is cancelled", function()
    local member = neap.spawn(neap.sleep, 5, "unharmed")
    local combiners = {
      function() neap.gather({ member }) end,
      function() neap.wait({ member }) end,
      function() neap.race({ member }) end,
      function() neap.wait_for(member, 1) end,
      function() neap.await(member) end,
    }
    for _, combine in ipairs(combiners) do
      expect.code("CANCELLED", neap.await, cancelled_task(combine))
    end

    assert.equal("unharmed", neap.await(member))
  end)

  timed("lasts until the task ends", function()
    local codes = {}
    local task = neap.spawn(function()
      for i = 1, 5 do
        codes[i] = neap.error_code(select(2, pcall(neap.sleep, 5 - i)))
      end
    end)
    neap.sleep(0)

    task:cancel()
    neap.await(task)

    assert.equal("CANCELLED CANCELLED CANCELLED CANCELLED CANCELLED", table.concat(codes, " "))
  end)

  it("costs a loop that swallows it a turn each time", function()
    local stop, rounds, turns = false, 0, 0
    local task = cancelled_task(function()
      while not stop do
        pcall(neap.sleep, 1)
        rounds = rounds + 1
      end
    end)
    neap.sleep(0)

    for _ = 1, 50 do
      neap.sleep(0)
      turns = turns + 1
    end
    stop = true
    neap.await(task)

    assert.is_true(math.abs(rounds - turns) <= 3, rounds .. " rounds in 50 turns")
  end)

  it("cannot be swallowed so often that the host hangs, in whatever call", function()
    local stop = false
    local lock, queue = sync.lock(), sync.queue()
    local spinners = {}
    for i, call in ipairs({
      function() neap.await(done) end,
      function() lock:acquire() end,
      function() queue:put(1) end,
      function() neap.gather({}) end,
      function() coroutine.wrap(neap.sleep)(0) end,
    }) do
      spinners[i] = cancelled_task(function()
        while not stop do
          pcall(call)
        end
        return "stopped"
      end)
    end

    for _ = 1, 10 do
      neap.sleep(0)
    end
    stop = true

    for _, spinner in ipairs(spinners) do
      assert.equal("stopped", neap.await(spinner))
    end
  end)

  it("is not raised by calls that cannot wait", function()
    local lock, event = sync.lock(), sync.event()
    local semaphore, queue = sync.semaphore(1), sync.queue()
    lock:acquire()
    local future, group_result = neap.future(), nil
    local task = cancelled_task(function()
      lock:release()
      event:set()
      semaphore:release()
      queue:put_nowait(1)
      queue:get_nowait()
      queue:close()
      future:set_result()
      group_result = neap.task_group(function() return "group" end)
      local child = neap.spawn(function() end)
      child:cancel()
      return neap.timeout(1, function() return "timeout" end)
    end)

    assert.equal("timeout", neap.await(task))
    assert.equal("group", group_result)
    assert.is_false(lock:locked())
    assert.equal(2, semaphore:value())
    assert.is_true(future:done())
  end)

  it("lets a cancelled task spawn tasks that are not cancelled", function()
    local child
    local task = cancelled_task(function()
      child = neap.spawn(function()
        neap.sleep(0)
        return "unharmed"
      end)
    end)
    neap.await(task)

    assert.equal("unharmed", neap.await(child))
  end)

  it("does not reach a task that the cancelled one spawned", function()
    local child
    local parent = neap.spawn(function()
      child = neap.spawn(function()
        neap.sleep(0)
        neap.sleep(0)
        return "unharmed"
      end)
      neap.await(neap.future())
    end)
    neap.sleep(0)

    parent:cancel()

    assert.equal("unharmed", neap.await(child))
    assert.is_true(parent:cancelled())
  end)

  timed("reaches a wait inside a coroutine of the script", function()
    local code
    local task = neap.spawn(function()
      coroutine.wrap(function()
        code = neap.error_code(expect.error(neap.sleep, 10))
      end)()
      return code
    end)
    neap.sleep(0)

    task:cancel()

    assert.equal("CANCELLED", neap.await(task))
  end)

  timed("reaches a wait inside __await", function()
    local object = setmetatable({}, { __await = function() return neap.sleep(10) end })
    local task = neap.spawn(neap.await, object)
    neap.sleep(0)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
  end)

  it("lets a guard be closed without raising", function()
    local lock, semaphore = sync.lock(), sync.semaphore(1)
    local task = neap.spawn(function()
      local _ <close> = lock:guard()
      local _ <close> = semaphore:guard()
      neap.await(neap.future())
    end)
    neap.sleep(0)

    task:cancel()
    settle()

    assert.is_true(task:cancelled())
    assert.is_false(lock:locked())
    assert.equal(1, semaphore:value())
  end)
end)
