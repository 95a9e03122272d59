local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

--- Waits for a while and returns its arguments.
local function later(...)
  return neap.sleep(1, ...)
end

describe("a wait", function()
  describe("in a protected call", function()
    timed("returns through pcall", function()
      assert.same({ n = 3, true, nil, 2 }, table.pack(pcall(later, nil, 2)))
    end)

    timed("raises through pcall afterwards", function()
      local outcome = table.pack(pcall(function() error(later("after"), 0) end))

      assert.same({ n = 2, false, "after" }, outcome)
    end)

    timed("returns through xpcall", function()
      assert.same({ n = 2, true, "x" }, table.pack(xpcall(later, print, "x")))
    end)

    timed("leaves the message handler of xpcall in force", function()
      local function handler(message) return "handled " .. message end

      local outcome = table.pack(xpcall(function() error(later("after"), 0) end, handler))

      assert.same({ n = 2, false, "handled after" }, outcome)
    end)

    timed("works at any depth of them", function()
      local function nest(depth)
        if depth == 0 then
          return later("deep")
        end
        return select(2, pcall(nest, depth - 1))
      end

      assert.equal("deep", nest(50))
    end)
  end)

  describe("in a metamethod", function()
    local object = setmetatable({}, {
      __index = function(_, key) return later("index " .. key) end,
      __newindex = function(self, key, value) rawset(self, key, later(value)) end,
      __call = function(_, ...) return later(...) end,
      __add = function() return later("add") end,
      __concat = function() return later("concat") end,
      __unm = function() return later("unm") end,
      __len = function() return later("len") end,
      __eq = function() return later(true) end,
      __lt = function() return later(true) end,
      __le = function() return later(false) end,
      __pairs = function() return later(next, { key = "value" }) end,
    })
    local other = setmetatable({}, getmetatable(object))
    local uses = {
      __index = { "index field", function() return object.field end },
      __newindex = { "set", function()
        local target = setmetatable({}, getmetatable(object))
        target.field = "set"
        return rawget(target, "field")
      end },
      __call = { "called", function() return (object("called")) end },
      __add = { "add", function() return object + 1 end },
      __concat = { "concat", function() return "a" .. object end },
      __unm = { "unm", function() return -object end },
      __len = { "len", function() return #object end },
      __eq = { true, function() return object == other end },
      __lt = { true, function() return object < other end },
      __le = { false, function() return object <= other end },
      __pairs = { "value", function()
        local last
        for _, value in pairs(object) do
          last = value
        end
        return last
      end },
    }
    for name, use in pairs(uses) do
      timed("works in " .. name, function()
        local before = neap.loop.time()

        assert.equal(use[1], use[2]())

        assert.is_true(math.abs(neap.loop.time() - before - 1) < 0.01)
      end)
    end
  end)

  describe("in the iterator of a for loop", function()
    timed("works", function()
      local seen = {}
      local function iterator(last, i)
        i = later(i + 1)
        return i <= last and i or nil
      end

      for i in iterator, 3, 0 do
        table.insert(seen, i)
      end

      assert.same({ 1, 2, 3 }, seen)
    end)
  end)

  describe("in a <close> handler", function()
    local function closing(log)
      return setmetatable({}, {
        __close = function(_, err) table.insert(log, later(err or "closed")) end,
      })
    end

    timed("works at the end of a block", function()
      local log = {}

      do
        local _ <close> = closing(log)
      end

      assert.same({ "closed" }, log)
    end)

    timed("works on break", function()
      local log = {}

      for i = 1, 3 do
        local _ <close> = closing(log)
        if i == 1 then
          break
        end
      end

      assert.same({ "closed" }, log)
    end)

    timed("works on return, whose values stay", function()
      local log = {}
      local function returning()
        local _ <close> = closing(log)
        return 1, nil, 3
      end

      assert.same({ n = 3, 1, nil, 3 }, table.pack(returning()))
      assert.same({ "closed" }, log)
    end)

    timed("works when an error leaves the block", function()
      local log = {}

      local err = expect.error(function()
        local _ <close> = closing(log)
        local _ <close> = closing(log)
        error("left", 0)
      end)

      assert.equal("left", err)
      assert.same({ "left", "left" }, log)
    end)

    timed("works when an error leaves the task", function()
      local log = {}
      local task = neap.spawn(function()
        local _ <close> = closing(log)
        error("left", 0)
      end)

      assert.equal("left", expect.error(neap.await, task))
      assert.same({ "left" }, log)
    end)
  end)

  describe("in a coroutine that the script made", function()
    timed("is invisible to the pairing of wrap and yield", function()
      local generator = coroutine.wrap(function(first)
        neap.sleep(1)
        local second = coroutine.yield("got " .. first)
        neap.sleep(1)
        neap.sleep(1)
        local third = coroutine.yield("got " .. second)
        neap.sleep(1)
        return "end " .. third
      end)

      assert.equal("got 1", generator(1))
      assert.equal("got 2", generator(2))
      assert.equal("end 3", generator(3))
    end)

    timed("is invisible to the pairing of resume and yield", function()
      local co = coroutine.create(function(...)
        neap.sleep(1)
        local again = table.pack(coroutine.yield(later(...)))
        neap.sleep(1)
        return later(table.unpack(again, 1, again.n))
      end)

      assert.same({ n = 3, true, nil, 2 }, table.pack(coroutine.resume(co, nil, 2)))
      assert.equal("suspended", coroutine.status(co))
      assert.same({ n = 4, true, 3, nil, nil }, table.pack(coroutine.resume(co, 3, nil, nil)))
      assert.equal("dead", coroutine.status(co))
    end)

    timed("parks the whole task", function()
      local log = {}
      neap.spawn(function() table.insert(log, "other") end)

      coroutine.wrap(function() neap.sleep(1) end)()
      table.insert(log, "after")

      assert.same({ "other", "after" }, log)
    end)

    timed("makes a plain generator an asynchronous one", function()
      local function numbers()
        for i = 1, 3 do
          neap.sleep(1)
          coroutine.yield(i)
        end
      end
      local seen = {}

      for i in coroutine.wrap(numbers) do
        table.insert(seen, i)
        neap.sleep(1)
      end

      assert.same({ 1, 2, 3 }, seen)
    end)

    timed("works at any depth of them", function()
      local function nest(depth)
        if depth == 0 then
          neap.sleep(1)
          coroutine.yield("from below")
          return later("bottom")
        end
        local inner = coroutine.wrap(nest)
        local value = inner(depth - 1)
        neap.sleep(1)
        coroutine.yield(value)
        return inner()
      end
      local outer = coroutine.wrap(nest)

      assert.equal("from below", outer(20))
      assert.equal("bottom", outer())
    end)

    timed("raises errors out of resume", function()
      local failure = {}
      local co = coroutine.create(function()
        neap.sleep(1)
        error(failure)
      end)

      assert.same({ false, failure }, { coroutine.resume(co) })
      assert.equal("dead", coroutine.status(co))
    end)

    timed("raises errors out of wrap", function()
      local failure = {}
      local generator = coroutine.wrap(function()
        neap.sleep(1)
        error(failure)
      end)

      assert.equal(failure, expect.error(generator))
    end)

    timed("works in a coroutine that one task began and another goes on with", function()
      local co = coroutine.wrap(function()
        neap.sleep(1)
        coroutine.yield("first")
        neap.sleep(1)
        return "second"
      end)

      assert.equal("first", neap.await(neap.spawn(co)))
      assert.equal("second", neap.await(neap.spawn(co)))
    end)

    timed("lets coroutine.close wait in its <close> handlers", function()
      local log = {}
      local co = coroutine.create(function()
        local _ <close> = setmetatable({}, { __close = function() table.insert(log, "closed") end })
        neap.sleep(1)
        coroutine.yield()
      end)
      coroutine.resume(co)

      assert.is_true(coroutine.close(co))

      assert.same({ "closed" }, log)
    end)
  end)

  describe("of another task in a coroutine", function()
    local co, sleeper

    before_each(function()
      co = coroutine.create(function()
        neap.sleep(1)
        return "slept in full"
      end)
      sleeper = function()
        local task = neap.spawn(coroutine.resume, co)
        neap.sleep(0)
        return task
      end
    end)

    timed("leaves the coroutine normal", function()
      local task = sleeper()

      assert.equal("normal", coroutine.status(co))
      neap.await(task)
      assert.equal("dead", coroutine.status(co))
    end)

    timed("lets nobody resume the coroutine", function()
      local task = sleeper()

      assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(co) })
      assert.same({ true, "slept in full" }, { neap.await(task) })
    end)

    timed("lets nobody close the coroutine", function()
      local task = sleeper()

      assert.matches("cannot close a normal coroutine", expect.error(coroutine.close, co))
      assert.same({ true, "slept in full" }, { neap.await(task) })
    end)
  end)

  describe("where Lua cannot yield", function()
    local function refused(...)
      local ok, err = pcall(neap.sleep, ...)
      assert.is_false(ok)
      return tostring(err)
    end

    it("is refused in the comparator of table.sort", function()
      local message

      table.sort({ 3, 1, 2 }, function(a, b)
        message = message or refused(0)
        return a < b
      end)

      assert.matches("wait", message)
    end)

    it("is refused in the callback of string.gsub", function()
      local message

      local _ = ("x"):gsub(".", function() message = refused(0) end)

      assert.matches("wait", message)
    end)

    it("is refused in a coroutine inside such a callback", function()
      local message

      local _ = ("x"):gsub(".", function()
        coroutine.wrap(function() message = refused(0) end)()
      end)

      assert.matches("wait", message)
    end)

    it("is refused in __tostring", function()
      local message
      local object = setmetatable({}, {
        __tostring = function()
          message = refused(0)
          return ""
        end,
      })

      tostring(object)

      assert.matches("wait", message)
    end)

    it("is refused in __gc", function()
      local message
      local function drop()
        setmetatable({}, { __gc = function() message = refused(0) end })
      end

      drop()
      collectgarbage()

      assert.matches("wait", message)
    end)

    it("is refused as an error of the script when nobody catches it", function()
      local err = expect.error(table.sort, { 2, 1 }, function() neap.sleep(0) end)

      assert.matches("wait", tostring(err))
    end)

    it("begins nothing", function()
      local queue = neap.sync.queue()
      queue:put("item")

      expect.error(string.gsub, "x", ".", function() queue:get() end)

      assert.equal(1, queue:qsize())
    end)

    it("harms no wait that follows", function()
      pcall(string.gsub, "x", ".", function() neap.sleep(0) end)

      assert.equal("x", neap.sleep(0, "x"))
    end)
  end)
end)
