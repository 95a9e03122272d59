local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it, timed = case.it, case.timed
local sync = neap.sync
local settle = neap.testing.settle

local function full_queue(new)
  local queue = new(1)
  queue:put_nowait(0)
  return queue
end

--- What holds for every kind of queue.
for name, new in pairs({
  queue = sync.queue,
  priority_queue = sync.priority_queue,
  lifo_queue = sync.lifo_queue,
}) do
  describe("sync." .. name, function()
    describe("get", function()
      waiters.one_at_a_time({
        new = new,
        wait = function(queue) queue:get() end,
        wake = function(queue) queue:put_nowait(1) end,
        left = function(queue) return queue:qsize() end,
      })
    end)

    describe("put", function()
      waiters.one_at_a_time({
        new = function() return full_queue(new) end,
        wait = function(queue) queue:put(1) end,
        wake = function(queue) queue:get_nowait() end,
        left = function(queue) return queue:maxsize() - queue:qsize() end,
      })
    end)

    describe("join", function()
      waiters.all_at_once({
        new = function() return full_queue(new) end,
        wait = function(queue) queue:join() end,
        wake = function(queue)
          queue:get_nowait()
          queue:task_done()
        end,
      })
    end)

    it("is empty at first", function()
      local queue = new()

      assert.is_true(queue:empty())
      assert.is_false(queue:full())
      assert.equal(0, queue:qsize())
    end)

    it("says how many items it holds", function()
      local queue = new()
      queue:put(1)
      queue:put(2)
      assert.equal(2, queue:qsize())
      assert.is_false(queue:empty())

      queue:get()

      assert.equal(1, queue:qsize())
    end)

    it("is unbounded without maxsize and with 0", function()
      for _, queue in ipairs({ new(), new(0) }) do
        for i = 1, 1000 do
          queue:put_nowait(i)
        end
        assert.is_false(queue:full())
        assert.equal(0, queue:maxsize())
        assert.equal(1000, queue:qsize())
      end
    end)

    it("is full when it holds maxsize items", function()
      local queue = new(2)
      assert.equal(2, queue:maxsize())
      queue:put(1)
      assert.is_false(queue:full())

      queue:put(2)

      assert.is_true(queue:full())
    end)

    it("puts and gets without a wait where it can", function()
      local queue, turned = new(1), false
      neap.spawn(function() turned = true end)

      queue:put(7)

      assert.equal(7, queue:get())
      assert.is_false(turned)
      neap.sleep(0)
    end)

    it("parks get until an item is put", function()
      local queue = new()
      local task = neap.spawn(queue.get, queue)
      settle()
      assert.equal("waiting", task:status())

      queue:put(7)

      assert.equal(7, neap.await(task))
    end)

    it("parks put until an item is taken", function()
      local queue = full_queue(new)
      local task = neap.spawn(queue.put, queue, 7)
      settle()
      assert.equal("waiting", task:status())
      assert.equal(1, queue:qsize())

      assert.equal(0, queue:get())
      neap.await(task)

      assert.equal(7, queue:get())
    end)

    it("raises QUEUE_FULL from put_nowait when full", function()
      local queue = full_queue(new)

      expect.code("QUEUE_FULL", queue.put_nowait, queue, 1)

      assert.equal(1, queue:qsize())
    end)

    it("raises QUEUE_EMPTY from get_nowait when empty", function()
      local queue = new()

      expect.code("QUEUE_EMPTY", queue.get_nowait, queue)
    end)

    it("hands an item to the first waiter, past everybody else", function()
      local queue = new()
      local task = neap.spawn(queue.get, queue)
      settle()

      queue:put_nowait(7)

      expect.code("QUEUE_EMPTY", queue.get_nowait, queue)
      assert.equal(7, neap.await(task))
    end)

    it("hands room to the first waiter, past everybody else", function()
      local queue = full_queue(new)
      local task = neap.spawn(queue.put, queue, 7)
      settle()

      queue:get_nowait()

      expect.code("QUEUE_FULL", queue.put_nowait, queue, 8)
      neap.await(task)
      assert.equal(7, queue:get())
    end)

    it("forgets an item that was taken", function()
      local queue, kept = new(), setmetatable({}, { __mode = "v" })
      for take = 1, 2 do
        kept[take] = { take }
        queue:put(kept[take])
      end

      queue:get()
      queue:get_nowait()
      collectgarbage()

      assert.is_nil(next(kept))
    end)

    it("refuses nil", function()
      local queue = new()

      expect.bad_argument("#1 to 'put'", nil, function() queue:put(nil) end)
      expect.bad_argument("#1 to 'put'", nil, function() queue:put() end)
      expect.bad_argument("#1 to 'put_nowait'", nil, function() queue:put_nowait(nil) end)
      assert.equal(0, queue:qsize())
    end)

    it("refuses a call without itself", function()
      local queue = new()

      for method, call in pairs({
        put = function() queue.put(1) end,
        get = function() queue.get() end,
        put_nowait = function() queue.put_nowait() end,
        get_nowait = function() queue.get_nowait({}) end,
      }) do
        assert.matches("calling '" .. method .. "' on bad self %(Queue expected, got ", expect.error(call))
      end
    end)

    it("refuses a maxsize that is no number", function()
      expect.bad_argument("#1 to '" .. name .. "'", "number expected, got string", function()
        sync[name]("many")
      end)
    end)

    describe("task_done", function()
      it("lets join return once it was called for each item", function()
        local queue, joined = new(), false
        queue:put(1)
        queue:put(2)
        local task = neap.spawn(function()
          queue:join()
          joined = true
        end)
        queue:get()
        queue:get()
        queue:task_done()
        settle()
        assert.is_false(joined)

        queue:task_done()
        neap.await(task)

        assert.is_true(joined)
      end)

      it("counts an item that was handed to a waiter", function()
        local queue = new()
        local getting = neap.spawn(queue.get, queue)
        settle()
        queue:put(1)
        neap.await(getting)
        local joining = neap.spawn(queue.join, queue)
        settle()
        assert.is_false(joining:done())

        queue:task_done()

        neap.await(joining)
      end)

      it("raises INVALID_STATE when called too often", function()
        local queue = new()
        expect.code("INVALID_STATE", queue.task_done, queue)
        queue:put(1)
        queue:get()
        queue:task_done()

        expect.code("INVALID_STATE", queue.task_done, queue)
      end)
    end)

    it("joins without a wait when there is no work", function()
      local queue, turned = new(), false
      neap.spawn(function() turned = true end)

      queue:join()

      assert.is_false(turned)
      neap.sleep(0)
    end)

    describe("that is closed", function()
      it("raises CLOSED from put and put_nowait", function()
        local queue = new()

        queue:close()

        expect.code("CLOSED", queue.put, queue, 1)
        expect.code("CLOSED", queue.put_nowait, queue, 1)
      end)

      it("raises CLOSED in the puts that wait", function()
        local queue = full_queue(new)
        local first = neap.spawn(queue.put, queue, 1)
        local second = neap.spawn(queue.put, queue, 2)
        settle()

        queue:close()

        expect.code("CLOSED", neap.await, first)
        expect.code("CLOSED", neap.await, second)
        assert.equal(1, queue:qsize())
      end)

      it("gives what is left, then nil", function()
        local queue = new()
        queue:put(7)
        queue:put(7)

        queue:close()

        assert.equal(7, queue:get())
        assert.equal(7, queue:get_nowait())
        assert.is_nil(queue:get())
        assert.is_nil(queue:get_nowait())
        assert.is_nil(queue:get())
      end)

      it("gives nil to the gets that wait", function()
        local queue = new()
        local tasks = { neap.spawn(queue.get, queue), neap.spawn(queue.get, queue) }
        settle()

        queue:close()

        assert.same({ n = 2 }, neap.gather(tasks))
      end)

      it("is closed as a <close> variable", function()
        local kept
        do
          local queue <close> = new()
          kept = queue
        end

        expect.code("CLOSED", kept.put, kept, 1)
      end)

      it("can be closed again", function()
        local queue = new()

        queue:close()
        queue:close()

        assert.is_nil(queue:get())
      end)

      it("keeps what was handed to a waiter in the same turn", function()
        local queue = new()
        local task = neap.spawn(queue.get, queue)
        settle()

        queue:put_nowait(7)
        queue:close()

        assert.equal(7, neap.await(task))
      end)

      it("lets join wait for what is left", function()
        local queue = new()
        queue:put(1)
        queue:close()
        local task = neap.spawn(queue.join, queue)
        settle()
        assert.is_false(task:done())

        queue:get()
        queue:task_done()

        neap.await(task)
      end)
    end)

    describe("items", function()
      it("iterates until closed and empty", function()
        local queue, seen = new(), 0
        local task = neap.spawn(function()
          for item in queue:items() do
            seen = seen + item
          end
        end)
        for i = 1, 4 do
          queue:put(i)
          neap.sleep(0)
        end
        assert.is_false(task:done())
        queue:put(5)

        queue:close()
        neap.await(task)

        assert.equal(15, seen)
      end)

      it("iterates over nothing when closed and empty", function()
        local queue = new()
        queue:close()

        for _ in queue:items() do
          error("not reached")
        end
      end)

      it("can be shared by several tasks", function()
        local queue, seen = new(), {}
        local list = {}
        for worker = 1, 3 do
          list[worker] = function()
            for item in queue:items() do
              table.insert(seen, item)
              neap.sleep(0)
            end
          end
        end
        for i = 1, 9 do
          queue:put(i)
        end
        queue:close()

        neap.gather(list)

        table.sort(seen)
        assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, seen)
      end)
    end)

    it("gives the other tasks a turn after 64 calls that need not wait", function()
      local queue, turned = new(), false
      for i = 1, 200 do
        queue:put_nowait(i)
      end
      neap.sleep(0)
      neap.spawn(function() turned = true end)

      for _ = 1, 60 do
        queue:get()
      end
      assert.is_false(turned)
      for _ = 1, 10 do
        queue:get()
      end

      assert.is_true(turned)
    end)

    timed("lets producers and consumers through that cancel and time out", function()
      local queue, got, put = new(2), 0, 0
      local list = {}
      for i = 1, 10 do
        list[#list + 1] = function()
          for round = 1, 10 do
            if pcall(neap.timeout, (i + round) % 3, queue.put, queue, 1) then
              put = put + 1
            end
          end
        end
        list[#list + 1] = function()
          for round = 1, 10 do
            if pcall(neap.timeout, (i * round) % 4, queue.get, queue) then
              got = got + 1
            end
          end
        end
      end

      neap.gather(list)

      assert.equal(put, got + queue:qsize())
    end)
  end)
end
