--- How every Stream is read: cases of the conformance suite.
local assert = require("luassert")
local busted = require("busted")
local expect = require("spec.support.expect")
local neap = require("neap")
local parked = require("spec.support.parked")
local traffic = require("spec.support.stream.traffic")

local describe = busted.describe
local KIB, trickle, every_byte = traffic.KIB, traffic.trickle, traffic.every_byte

---@param it fun(title: string, body: fun(a: neap.Stream, b: neap.Stream))
local function reading(it)
  describe("read", function()
    it("gives what has come", function(a, b)
      a:write("hello")

      assert.equal("hello", b:read())
    end)

    it("gives at most as much as was asked for and keeps the rest", function(a, b)
      a:write("hello")

      assert.equal("he", b:read(2))
      assert.equal("llo", b:read(99))
    end)

    it("waits until something comes", function(a, b)
      local task = parked(b.read, b)

      a:write("x")

      assert.equal("x", task:await())
    end)

    it("says what it waits for", function(_, b)
      local task = parked(b.read, b)

      assert.matches(" read", task:waiting_on())
      task:cancel()
    end)

    it("gives nil without an error at the end, again and again", function(a, b)
      a:shutdown()

      assert.equal(1, select("#", b:read()))
      assert.same({ n = 1 }, table.pack(b:read()))
      assert.same({ n = 1 }, table.pack(b:read(5)))
    end)

    it("gives what came before the end first", function(a, b)
      a:write("last")
      a:shutdown()

      assert.equal("last", b:read())
      assert.is_nil(b:read())
    end)

    it("takes every byte value", function(a, b)
      a:write(every_byte)

      assert.equal(every_byte, b:readexactly(256))
    end)

    it("refuses counts that are none", function(_, b)
      expect.bad_argument("#1 to 'read'", nil, function() b:read(0) end)
      expect.bad_argument("#1 to 'read'", nil, function() b:read(-1) end)
      expect.bad_argument("#1 to 'read'", nil, function() b:read(1.5) end)
      expect.bad_argument("#1 to 'read'", nil, function() b:read(0 / 0) end)
      expect.bad_argument("#1 to 'read'", "got table", function() b:read({}) end)
    end)

    it("is BUSY while another task reads", function(a, b)
      local task = parked(b.read, b)

      expect.code("BUSY", b.read, b)
      expect.code("BUSY", b.readline, b)
      expect.code("BUSY", b.peek, b, 1)

      a:write("x")
      assert.equal("x", task:await())
    end)

    it("may be called again once the reader is done", function(a, b)
      local task = parked(b.read, b)
      a:write("x")
      task:await()
      a:write("y")

      assert.equal("y", b:read())
    end)

    it("lets other tasks run when there is always something to read", function(a, b)
      a:write(("x"):rep(200))
      b:peek(200)
      local ran = 0
      local task = neap.spawn(function() ran = ran + 1 end)

      for _ = 1, 100 do
        b:read(1)
      end

      assert.equal(1, ran)
      task:await()
    end)
  end)

  describe("readexactly", function()
    it("collects what comes in pieces", function(a, b)
      local task = trickle(a, "0123456789", 1)

      assert.equal("0123456", b:readexactly(7))
      assert.equal("789", b:readexactly(3))
      task:await()
    end)

    it("gives the empty string for 0, also at the end", function(a, b)
      assert.equal("", b:readexactly(0))
      a:shutdown()
      assert.is_nil(b:read())
      assert.equal("", b:readexactly(0))
    end)

    it("fails with EOF and what there was at the end", function(a, b)
      a:write("abc")
      a:shutdown()

      local data, err = b:readexactly(4)

      assert.is_nil(data)
      assert.equal("EOF", err.code)
      assert.equal("abc", err.partial)
      assert.is_nil(b:read())
    end)

    it("fails with an empty partial when nothing came", function(a, b)
      a:shutdown()

      local _, err = b:readexactly(1)

      assert.equal("EOF", err.code)
      assert.equal("", err.partial)
    end)

    it("takes more than the high-water mark", function(a, b)
      local text = every_byte:rep(4 * KIB)
      local task = neap.spawn(a.write, a, text)

      assert.is_true(text == b:readexactly(#text))
      assert.is_true(task:await())
    end)

    it("refuses counts that are none", function(_, b)
      expect.bad_argument("#1 to 'readexactly'", nil, function() b:readexactly(-1) end)
      expect.bad_argument("#1 to 'readexactly'", "got no value", function() b:readexactly() end)
    end)
  end)

  describe("readall", function()
    it("gives everything until the end", function(a, b)
      local text = every_byte:rep(2 * KIB)
      local task = neap.spawn(function()
        a:write(text)
        a:shutdown()
      end)

      assert.is_true(text == b:readall())
      task:await()
    end)

    it("gives the empty string at the end", function(a, b)
      a:shutdown()

      assert.equal("", b:readall())
      assert.equal("", b:readall())
    end)

    it("takes as much as the maximum", function(a, b)
      a:write("12345")
      a:shutdown()

      assert.equal("12345", b:readall(5))
    end)

    it("fails with LIMIT for more, and the bytes stay readable", function(a, b)
      a:write("123456")

      local data, err = b:readall(5)

      assert.is_nil(data)
      assert.equal("LIMIT", err.code)
      assert.equal("123456", b:read())
    end)

    it("refuses a maximum that is none", function(_, b)
      expect.bad_argument("#1 to 'readall'", nil, function() b:readall(-1) end)
      expect.bad_argument("#1 to 'readall'", "got table", function() b:readall({}) end)
    end)
  end)

  describe("peek", function()
    it("waits for one byte and gives what there is, left where it is", function(a, b)
      local task = parked(b.peek, b, 100)
      a:write("abc")

      assert.equal("abc", task:await())
      assert.equal("ab", b:peek(2))
      assert.equal("abc", b:read())
    end)

    it("gives nil at the end", function(a, b)
      a:shutdown()

      assert.same({ n = 1 }, table.pack(b:peek(1)))
    end)

    it("refuses counts that are none", function(_, b)
      expect.bad_argument("#1 to 'peek'", nil, function() b:peek(0) end)
      expect.bad_argument("#1 to 'peek'", "got no value", function() b:peek() end)
    end)
  end)

  describe("chunks", function()
    it("gives what comes until the end", function(a, b)
      local task = trickle(a, "0123456789", 3)

      local got = {}
      for chunk in b:chunks() do
        table.insert(got, chunk)
      end

      assert.equal("0123456789", table.concat(got))
      task:await()
    end)

    it("raises an error", function(_, b)
      b:timeout(0.001)

      expect.code("TIMEOUT", b:chunks())
    end)

    it("is closed with the stream", function(_, b)
      local next_chunk = b:chunks()
      b:close()

      expect.code("CLOSED", next_chunk)
    end)
  end)
end

return reading
