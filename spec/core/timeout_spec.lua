local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local time = neap.loop.time

--- Computes for the given time without a wait.
local function compute(seconds)
  local finish = time() + seconds
  while time() < finish do
    math.random()
  end
end

describe("neap.timeout", function()
  describe("before the deadline", function()
    timed("returns the results of the function", function()
      assert.same({ n = 3, [2] = 2 }, table.pack(neap.timeout(5, neap.sleep, 1, nil, 2, nil)))
    end)

    it("passes its further arguments on", function()
      assert.same({ n = 3, [2] = 2 }, neap.timeout(5, table.pack, nil, 2, nil))
    end)

    it("runs the function in the current task", function()
      assert.equal(neap.current_task(), neap.timeout(5, neap.current_task))
    end)

    it("raises the error of the function unchanged", function()
      local failure = {}

      assert.equal(failure, expect.error(neap.timeout, 5, error, failure))
    end)

    timed("leaves nothing in force afterwards", function()
      neap.timeout(5, neap.sleep, 1)

      assert.equal("undisturbed", neap.sleep(10, "undisturbed"))
    end)

    timed("leaves nothing in force after an error", function()
      pcall(neap.timeout, 5, error, "x")

      assert.equal("undisturbed", neap.sleep(10, "undisturbed"))
    end)
  end)

  describe("past the deadline", function()
    timed("raises TIMEOUT", function()
      local start = time()

      expect.code("TIMEOUT", neap.timeout, 2.5, neap.sleep, 10)

      assert.is_true(math.abs(time() - start - 2.5) < 0.01)
    end)

    timed("raises CANCELLED in the wait inside", function()
      local code
      expect.code("TIMEOUT", neap.timeout, 1, function()
        local err = expect.error(neap.sleep, 10)
        code = neap.error_code(err)
        error(err, 0)
      end)

      assert.equal("CANCELLED", code)
    end)

    timed("raises CANCELLED in every further wait inside", function()
      local codes = {}
      neap.timeout(1, function()
        for i = 1, 4 do
          codes[i] = neap.error_code(select(2, pcall(neap.sleep, 10)))
        end
      end)

      assert.same({ "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED" }, codes)
    end)

    timed("lets the results stand when the function returns all the same", function()
      local results = table.pack(neap.timeout(1, function()
        pcall(neap.sleep, 10)
        return "late", nil
      end))

      assert.same({ n = 2, "late" }, results)
    end)

    timed("raises another error of the function unchanged", function()
      local failure = {}

      local err = expect.error(neap.timeout, 1, function()
        pcall(neap.sleep, 10)
        error(failure)
      end)

      assert.equal(failure, err)
    end)

    timed("raises another CANCELLED unchanged", function()
      local own = neap.error("CANCELLED", "my own")

      local err = expect.error(neap.timeout, 1, function()
        pcall(neap.sleep, 10)
        error(own)
      end)

      assert.equal(own, err)
    end)

    timed("raises unchanged the CANCELLED of a future that was cancelled", function()
      local future = neap.future()
      neap.loop.call_later(0.5, function() future:cancel() end)

      expect.code("CANCELLED", neap.timeout, 1, neap.await, future)
    end)

    timed("lets waits succeed again once it has returned", function()
      pcall(neap.timeout, 1, neap.sleep, 10)

      assert.equal("undisturbed", neap.sleep(10, "undisturbed"))
    end)

    timed("runs <close> handlers, which may wait shielded", function()
      local start = time()
      expect.code("TIMEOUT", neap.timeout, 1, function()
        local _ <close> = setmetatable({}, { __close = function() neap.shield(neap.sleep, 2) end })
        neap.sleep(10)
      end)

      assert.is_true(math.abs(time() - start - 3) < 0.01)
    end)

    timed("reaches a wait in a coroutine of the script", function()
      expect.code("TIMEOUT", neap.timeout, 1, coroutine.wrap(function() neap.sleep(10) end))
    end)

    timed("does not reach a task spawned inside", function()
      local child
      pcall(neap.timeout, 1, function()
        child = neap.spawn(neap.sleep, 5, "unharmed")
        neap.sleep(10)
      end)

      assert.equal("unharmed", neap.await(child))
    end)

    timed("leaves the task itself as it is", function()
      local task = neap.spawn(function()
        pcall(neap.timeout, 1, neap.sleep, 10)
        return "ended"
      end)

      assert.equal("ended", neap.await(task))
      assert.is_false(task:cancelled())
    end)

    timed("cannot be swallowed by a loop that hangs the host", function()
      local stop = false
      neap.loop.call_later(5, function() stop = true end)

      neap.timeout(1, function()
        while not stop do
          if not pcall(neap.sleep, 0.1) and time() > 0 then
            neap.shield(neap.sleep, 0.1)
          end
        end
      end)

      assert.is_true(stop)
    end)

    it("gives other tasks a turn in a loop that swallows it", function()
      local stop = false
      neap.spawn(function()
        for _ = 1, 5 do
          neap.sleep(0)
        end
        stop = true
      end)

      neap.timeout(0, function()
        while not stop do
          pcall(neap.sleep, 1)
        end
      end)

      assert.is_true(stop)
    end)
  end)

  describe("of no time", function()
    for _, seconds in ipairs({ 0, -1, -math.huge }) do
      timed("times the first wait out, for " .. seconds, function()
        local start = time()

        expect.code("TIMEOUT", neap.timeout, seconds, neap.sleep, 10)

        assert.is_true(time() - start < 1)
      end)

      timed("lets a function that does not wait return, for " .. seconds, function()
        assert.equal("result", neap.timeout(seconds, function() return "result" end))
      end)
    end
  end)

  describe("of a huge time", function()
    for _, seconds in ipairs({ math.huge, 1e300, 1e18, math.maxinteger }) do
      timed(("never passes, for %g"):format(seconds), function()
        assert.equal("slept", neap.timeout(seconds, neap.sleep, 1e6, "slept"))
      end)
    end
  end)

  describe("after a long computation", function()
    local done = neap.future()
    done:set_result()
    local calls = {
      ["sleep(0)"] = function() neap.sleep(0) end,
      ["an await of what is done"] = function() neap.await(done) end,
      ["acquire of a free lock"] = function() neap.sync.lock():acquire() end,
      ["put into a queue with room"] = function() neap.sync.queue():put(1) end,
      ["gather of nothing"] = function() neap.gather({}) end,
    }
    for name, call in pairs(calls) do
      it("is noticed by " .. name, function()
        expect.code("TIMEOUT", neap.timeout, 0.002, function()
          compute(0.003)
          call()
        end)
      end)
    end
  end)

  it("is never early", function()
    for _ = 1, 5 do
      local start = time()
      pcall(neap.timeout, 0.003, neap.sleep, 1)
      assert.is_true(time() - start >= 0.003 - 1e-9)
    end
  end)

  describe("inside another", function()
    timed("leaves the outer one alone when the inner one fires", function()
      local start = time()
      local result = neap.timeout(10, function()
        expect.code("TIMEOUT", neap.timeout, 1, neap.sleep, 100)
        return neap.sleep(2, "outer went on")
      end)

      assert.equal("outer went on", result)
      assert.is_true(math.abs(time() - start - 3) < 0.01)
    end)

    timed("is not mistaken for the outer one that fires", function()
      local inner
      expect.code("TIMEOUT", neap.timeout, 1, function()
        local ok, err = pcall(neap.timeout, 10, neap.sleep, 100)
        inner = neap.error_code(err)
        error(ok or err, 0)
      end)

      assert.equal("CANCELLED", inner)
    end)

    timed("stays under the outer deadline after it has fired itself", function()
      local start = time()

      expect.code("TIMEOUT", neap.timeout, 3, function()
        pcall(neap.timeout, 1, neap.sleep, 100)
        neap.sleep(100)
      end)

      assert.is_true(math.abs(time() - start - 3) < 0.01)
    end)

    timed("makes no TIMEOUT of its own from an outer one whose error it swallowed", function()
      local outcome = neap.timeout(1, function()
        local result = neap.timeout(10, function()
          pcall(neap.sleep, 100)
          return "inner stands"
        end)
        return result
      end)

      assert.equal("inner stands", outcome)
    end)

    timed("gives TIMEOUT when both pass at once", function()
      expect.code("TIMEOUT", neap.timeout, 1, neap.timeout, 1, neap.sleep, 100)
    end)

    timed("fires first whichever of many is the shortest", function()
      local function nest(depth)
        if depth == 0 then
          return neap.sleep(1000)
        end
        return neap.timeout(depth == 25 and 1 or 10 + depth, nest, depth - 1)
      end
      local start = time()

      expect.code("TIMEOUT", nest, 50)

      assert.is_true(math.abs(time() - start - 1) < 0.01)
    end)
  end)

  describe("in a task that is cancelled", function()
    timed("lets CANCELLED pass as it is", function()
      local task = neap.spawn(neap.timeout, 10, neap.sleep, 100)
      neap.sleep(1)

      task:cancel()

      expect.code("CANCELLED", neap.await, task)
      assert.is_true(task:cancelled())
    end)

    timed("lets CANCELLED pass also when the deadline passes during the cleanup", function()
      local code
      local task = neap.spawn(function()
        local _, err = pcall(neap.timeout, 2, function()
          local _ <close> = setmetatable({}, {
            __close = function() neap.shield(neap.sleep, 5) end,
          })
          neap.sleep(100)
        end)
        code = neap.error_code(err)
        error(err, 0)
      end)
      neap.sleep(1)

      task:cancel()
      neap.sleep(10)

      assert.equal("CANCELLED", code)
      assert.is_true(task:cancelled())
    end)

    it("is entered and left without a wait", function()
      local task = neap.spawn(function()
        neap.current_task():cancel()
        return neap.timeout(0, function() return "result" end)
      end)

      assert.equal("result", neap.await(task))
    end)
  end)

  describe("used again and again", function()
    timed("keeps the deadlines of many tasks apart", function()
      for _ = 1, 3 do
        local tasks = {}
        for i = 1, 200 do
          tasks[i] = neap.spawn(neap.timeout, i, neap.sleep, i % 2 == 0 and i - 0.5 or i + 0.5, i)
        end

        neap.wait(tasks)

        for i, task in ipairs(tasks) do
          assert.equal(i % 2 == 0 and i or nil, not task:error() and task:result() or nil)
          assert.equal(i % 2 == 1 and "TIMEOUT" or nil, neap.error_code(task:error()))
        end
      end
    end)

    timed("is itself after a coroutine was closed in others", function()
      for _ = 1, 3 do
        local co = coroutine.create(function()
          neap.timeout(100, neap.timeout, 100, coroutine.yield)
        end)
        coroutine.resume(co)
        coroutine.close(co)
        local inner

        local err = expect.code("TIMEOUT", neap.timeout, 1, function()
          inner = table.pack(pcall(neap.timeout, 5, neap.sleep, 3))
          neap.sleep(0)
        end)

        assert.equal("CANCELLED", neap.error_code(inner[2]))
        assert.not_equal(inner[2], err)
        assert.equal("kept", neap.timeout(5, neap.timeout, 5, neap.sleep, 3, "kept"))
      end
    end)
  end)

  describe("given wrong arguments", function()
    it("refuses NaN", function()
      expect.bad_argument("#1 to 'timeout'", nil, function() neap.timeout(0 / 0, print) end)
    end)

    it("refuses what is no number", function()
      expect.bad_argument("#1 to 'timeout'", "number expected, got string", function()
        neap.timeout("soon", print)
      end)
      expect.bad_argument("#1 to 'timeout'", "number expected, got no value", function()
        neap.timeout()
      end)
    end)

    it("refuses what is no function", function()
      expect.bad_argument("#2 to 'timeout'", "function expected, got table", function()
        neap.timeout(1, {})
      end)
      expect.bad_argument("#2 to 'timeout'", "function expected, got no value", function()
        neap.timeout(1)
      end)
    end)
  end)
end)
