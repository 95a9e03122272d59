--- How every Stream ends: cases of the conformance suite.
local assert = require("luassert")
local busted = require("busted")
local expect = require("spec.support.expect")
local neap = require("neap")
local parked = require("spec.support.parked")
local traffic = require("spec.support.stream.traffic")

local describe = busted.describe
local KIB, fill, every_byte = traffic.KIB, traffic.fill, traffic.every_byte

---@param it fun(title: string, body: fun(a: neap.Stream, b: neap.Stream))
---@param kind table  see stream_conformance
local function closing(it, kind)
  describe("close", function()
    it("may be called again", function(a)
      a:close()
      a:close()
      a:abort()

      assert.is_true(a:closed())
    end)

    it("is the end for the peer", function(a, b)
      a:write("bye")
      a:close()

      assert.equal("bye", b:readall())
    end)

    it("still sends what was written", function(a, b)
      local text = every_byte:rep(40 * KIB)
      parked(a.write, a, text):cancel()
      a:close()

      assert.is_true(text == b:readall())
      a:wait_closed()
    end)

    it("sends what was written also when the peer's bytes were not read", function(a, b)
      b:write(("x"):rep(10000))
      neap.sleep(0)
      a:write("answer")
      a:close()

      assert.equal("answer", b:readall())
    end)

    it("raises CLOSED in every other call", function(a)
      a:close()
      for _, name in ipairs({
        "read", "readline", "readall", "write", "flush", "shutdown", "peername", "sockname",
        "fileno", "lines", "chunks", "nodelay",
      }) do
        expect.code("CLOSED", a[name], a)
      end
      expect.code("CLOSED", a.readexactly, a, 1)
      expect.code("CLOSED", a.readuntil, a, "x")
      expect.code("CLOSED", a.peek, a, 1)
      expect.code("CLOSED", a.keepalive, a, 1)
    end)

    it("raises CLOSED in a task that reads", function(a)
      local task = parked(a.read, a)

      a:close()

      expect.code("CLOSED", neap.await, task)
    end)

    it("raises CLOSED in tasks that write or flush", function(a)
      local writer = fill(a)
      local flush = parked(a.flush, a)

      a:close()

      expect.code("CLOSED", neap.await, writer)
      expect.code("CLOSED", neap.await, flush)
    end)

    it("works in a task that is cancelled", function(a, b)
      local task = neap.spawn(function()
        local stream <close> = a
        neap.current_task():cancel()
        stream:write("never")
      end)

      expect.code("CANCELLED", neap.await, task)

      assert.is_true(a:closed())
      assert.is_nil(b:read())
    end)

    it("happens at the end of a <close> variable", function(a, b)
      do
        local stream <close> = a
        stream:write("x")
      end

      assert.equal("x", b:readall())
    end)

    it("happens when the stream is collected", function()
      local a, b = kind.make()
      a:write("x")
      a = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()

      assert.equal("x", b:readall())
      b:close()
      b:wait_closed()
    end)
  end)

  describe("abort", function()
    it("drops what was not sent", function(a, b)
      local task, sent = fill(a)

      a:abort()

      expect.code("CLOSED", neap.await, task)
      local got = 0
      repeat
        local data = b:read()
        got = got + #(data or "")
      until not data
      assert.is_true(got < sent.bytes)
    end)

    it("is an end or an error for the peer", function(a, b)
      local task = parked(b.read, b)

      a:abort()

      local data, err = task:await()
      assert.is_nil(data)
      if kind.reset then
        assert.equal("ECONNRESET", err.code)
      end
    end)

    it("raises CLOSED in a task that reads", function(a)
      local task = parked(a.read, a)

      a:abort()

      expect.code("CLOSED", neap.await, task)
    end)

    it("cuts a close short that still sends", function(a, b)
      parked(a.write, a, every_byte:rep(40 * KIB)):cancel()
      a:close()
      a:abort()
      a:wait_closed()

      local data
      repeat
        data = b:read()
      until not data
    end)
  end)

  describe("wait_closed", function()
    it("waits until the stream is gone", function(a)
      local task = parked(a.wait_closed, a)
      assert.is_false(a:closed())

      a:close()

      task:await()
      assert.is_true(a:closed())
    end)

    it("returns at once when it is", function(a)
      a:abort()
      a:wait_closed()
      a:wait_closed()
    end)

    it("takes any number of tasks", function(a)
      local tasks = { parked(a.wait_closed, a), parked(a.wait_closed, a) }

      a:close()

      neap.gather(tasks)
    end)
  end)

  describe("tostring", function()
    it("says what it is and its state", function(a)
      assert.matches("^Stream %(", tostring(a))

      a:close()
      a:wait_closed()

      assert.equal("Stream (closed)", tostring(a))
    end)
  end)
end

return closing
