--- What every Stream does, whatever carries its bytes.
---
--- A kind of stream is a table:
---   name       for `describe`
---   make()     two connected Streams
---   reset      an abort is an ECONNRESET to a peer that waits to read
local assert = require("luassert")
local busted = require("busted")
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local conformance = {}

local KIB = 1024
local LIMIT = 64 * KIB

local describe, settle = busted.describe, neap.testing.settle

--- Both ends of a pair, gone when a case ends.
local Ends = {
  __close = function(ends)
    for _, stream in ipairs(ends) do
      stream:abort()
    end
    for _, stream in ipairs(ends) do
      stream:wait_closed()
    end
  end,
}

--- `it` with a connected pair.
local function with(kind)
  return function(title, body)
    case.it(title, function()
      local ends <close> = setmetatable({ kind.make() }, Ends)
      body(ends[1], ends[2])
    end)
  end
end

--- A task that is parked in `fn(...)`.
local function parked(fn, ...)
  local task = neap.spawn(fn, ...)
  settle()
  assert.equal("waiting", task:status())
  return task
end

--- Sends the text in pieces of `size` bytes, each after the last was taken in.
local function trickle(stream, text, size)
  return neap.spawn(function()
    for i = 1, #text, size do
      assert(stream:write(text:sub(i, i + size - 1)))
      neap.sleep(0)
    end
    assert(stream:shutdown())
  end)
end

local every_byte = {}
for i = 0, 255 do
  every_byte[i + 1] = string.char(i)
end
every_byte = table.concat(every_byte)

--- Fills the way to the peer until a write has to wait; returns that task, and
--- a table with how much it and the writes before it sent.
local function fill(stream)
  local block = ("0123456789abcdef"):rep(4 * KIB)
  local sent = { bytes = 0 }
  local task = neap.spawn(function()
    while true do
      sent.bytes = sent.bytes + #block
      local ok, err = stream:write(block)
      if not ok then
        return nil, err
      end
    end
  end)
  repeat
    local before = sent.bytes
    settle()
  until sent.bytes == before
  return task, sent
end

-- ---- reading ---------------------------------------------------------------

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

  describe("readline", function()
    local lines = { "one\n", "two\r\n", "\n", "\r\n", "a\rb\n", "\r\r\n", "last" }
    local bare = { "one", "two", "", "", "a\rb", "\r", "last" }

    for _, size in ipairs({ 1, 2, 3, 1000 }) do
      it("takes line ends off, in pieces of " .. size, function(a, b)
        local task = trickle(a, table.concat(lines), size)

        local got = {}
        for i = 1, #lines do
          got[i] = b:readline()
        end

        assert.same(bare, got)
        assert.same({ n = 1 }, table.pack(b:readline()))
        task:await()
      end)

      it("keeps them when asked to, in pieces of " .. size, function(a, b)
        local task = trickle(a, table.concat(lines), size)

        local got = {}
        for i = 1, #lines do
          got[i] = b:readline(true)
        end

        assert.same(lines, got)
        assert.is_nil(b:readline(true))
        task:await()
      end)
    end

    it("gives a last line without an end as it is", function(a, b)
      a:write("no end\r")
      a:shutdown()

      assert.equal("no end\r", b:readline())
      assert.is_nil(b:readline())
    end)

    it("takes a line as long as the limit", function(a, b)
      local task = neap.spawn(a.write, a, ("x"):rep(LIMIT) .. "\r\n" .. ("y"):rep(LIMIT) .. "\n")

      assert.equal(LIMIT, #b:readline())
      assert.equal(LIMIT, #b:readline())
      task:await()
    end)

    it("fails with LIMIT for a longer one, which stays readable", function(a, b)
      local task = neap.spawn(a.write, a, ("x"):rep(LIMIT + 1) .. "\nnext\n")

      for _ = 1, 2 do
        local line, err = b:readline()
        assert.is_nil(line)
        assert.equal("LIMIT", err.code)
      end

      assert.equal(("x"):rep(LIMIT + 1), b:readexactly(LIMIT + 1))
      assert.equal("", b:readline())
      assert.equal("next", b:readline())
      task:await()
    end)

    it("fails with LIMIT without waiting for the end of a long line", function(a, b)
      local task = neap.spawn(a.write, a, ("x"):rep(LIMIT + 2))

      local _, err = b:readline()

      assert.equal("LIMIT", err.code)
      task:await()
    end)
  end)

  describe("readuntil", function()
    for _, size in ipairs({ 1, 2, 5, 1000 }) do
      it("gives bytes up to and with the separator, in pieces of " .. size, function(a, b)
        local task = trickle(a, "head\r\n\r\nbody--sep--aaab", size)

        assert.equal("head\r\n\r\n", b:readuntil("\r\n\r\n"))
        assert.equal("body--sep--", b:readuntil("--sep--"))
        assert.equal("aaab", b:readuntil("aab"))
        task:await()
      end)
    end

    it("takes any bytes as the separator", function(a, b)
      a:write("one\0\0two\0\0")

      assert.equal("one\0\0", b:readuntil("\0\0"))
      assert.equal("two\0\0", b:readuntil("\0\0"))
    end)

    it("fails with EOF and what there was at the end", function(a, b)
      a:write("no separator")
      a:shutdown()

      local data, err = b:readuntil("\n")

      assert.is_nil(data)
      assert.equal("EOF", err.code)
      assert.equal("no separator", err.partial)
      assert.is_nil(b:read())
    end)

    it("fails with LIMIT, and the bytes stay readable", function(a, b)
      local task = neap.spawn(a.write, a, ("x"):rep(LIMIT + 10))

      local _, err = b:readuntil("END")

      assert.equal("LIMIT", err.code)
      assert.equal(LIMIT + 10, #b:readexactly(LIMIT + 10))
      task:await()
    end)

    it("refuses an empty separator", function(_, b)
      expect.bad_argument("#1 to 'readuntil'", nil, function() b:readuntil("") end)
      expect.bad_argument("#1 to 'readuntil'", "got nil", function() b:readuntil(nil) end)
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

  describe("lines", function()
    it("gives each line until the end", function(a, b)
      local task = trickle(a, "one\ntwo\r\n\nlast", 2)

      local got = {}
      for line in b:lines() do
        table.insert(got, line)
      end

      assert.same({ "one", "two", "", "last" }, got)
      task:await()
    end)

    it("raises an error", function(a, b)
      local task = neap.spawn(a.write, a, ("x"):rep(LIMIT + 1))

      expect.code("LIMIT", b:lines())
      task:await()
    end)

    it("may be called without the loop", function(a, b)
      a:write("one\ntwo\n")
      local next_line = b:lines()

      assert.equal("one", next_line())
      assert.equal("two", next_line())
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

-- ---- writing ---------------------------------------------------------------

local function writing(it)
  describe("write", function()
    it("returns true", function(a)
      assert.same({ true, n = 1 }, table.pack(a:write("x")))
    end)

    it("takes strings, lists of strings and several of them", function(a, b)
      assert.is_true(a:write("a", { "b", "c" }, "d", {}, { "" }, "e"))

      assert.equal("abcde", b:readexactly(5))
    end)

    it("takes a list of more pieces than one system call", function(a, b)
      local list, text = {}, {}
      for i = 1, 1000 do
        list[i] = tostring(i) .. ","
        text[i] = list[i]
      end

      assert.is_true(a:write(list))

      text = table.concat(text)
      assert.equal(text, b:readexactly(#text))
    end)

    it("takes numbers as Lua's own write does", function(a, b)
      assert.is_true(a:write(1, { 2.5, "x", -3 }))

      assert.equal("12.5x-3", b:readexactly(7))
    end)

    it("sends nothing for the empty string, an empty list and nothing", function(a, b)
      assert.is_true(a:write(""))
      assert.is_true(a:write({}))
      assert.is_true(a:write())
      a:write("x")

      assert.equal("x", b:read())
    end)

    it("refuses other values before anything is sent", function(a, b)
      expect.bad_argument("#1 to 'write'", "got nil", function() a:write(nil) end)
      expect.bad_argument("#2 to 'write'", "got boolean", function() a:write("x", true) end)
      expect.bad_argument("#1 to 'write'", nil, function() a:write({ "x", {} }) end)
      a:write("y")

      assert.equal("y", b:read())
    end)

    it("sends far more than the system buffers", function(a, b)
      local text = every_byte:rep(40 * KIB)
      local task = neap.spawn(a.write, a, text)

      assert.is_true(text == b:readexactly(#text))
      assert.is_true(task:await())
    end)

    it("waits while the peer does not read, with bounded memory", function(a)
      local task, sent = fill(a)

      assert.equal("waiting", task:status())
      assert.matches(" write", task:waiting_on())
      assert.is_true(sent.bytes < 32 * KIB * KIB, sent.bytes)
      task:cancel()
    end)

    it("goes on when the peer reads", function(a, b)
      local task, sent = fill(a)
      local before = sent.bytes

      local got = 0
      while got < before + 1 do
        got = got + #b:read()
      end

      task:cancel()
      pcall(neap.await, task)
    end)

    it("keeps the bytes of each call together and in order", function(a, b)
      local tasks, expected = {}, {}
      for i = 1, 8 do
        local piece = tostring(i):rep(100 * KIB)
        expected[i] = piece
        tasks[i] = neap.spawn(a.write, a, { piece:sub(1, 10), piece:sub(11) })
      end

      expected = table.concat(expected)
      assert.is_true(expected == b:readexactly(#expected))
      for _, task in ipairs(tasks) do
        assert.is_true(task:await())
      end
    end)

    it("has only stopped waiting when it is cancelled", function(a, b)
      local text = every_byte:rep(40 * KIB)
      local task = parked(a.write, a, text)

      task:cancel()
      settle()

      assert.is_true(text == b:readexactly(#text))
      assert.is_true(a:write("more"))
      assert.equal("more", b:read())
    end)

    it("has only stopped waiting when it times out", function(a, b)
      local text = every_byte:rep(40 * KIB)
      a:timeout(0.001)

      local ok, err = a:write(text)

      assert.is_nil(ok)
      assert.equal("TIMEOUT", err.code)
      assert.is_true(text == b:readexactly(#text))
    end)

    it("fails with EPIPE after shutdown", function(a)
      a:shutdown()

      local ok, err = a:write("x")

      assert.is_nil(ok)
      assert.equal("EPIPE", err.code)
    end)

    it("ends in an error when the peer is gone", function(a, b)
      b:close()
      b:wait_closed()

      local ok, err
      for _ = 1, 1000 do
        ok, err = a:write("x")
        if not ok then
          break
        end
        settle()
      end

      assert.is_nil(ok)
      assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
      assert.equal(err.code, select(2, a:write("x")).code)
    end)

    it("that waits ends in an error when the peer goes away", function(a, b)
      local task = fill(a)

      b:abort()

      local ok, err = task:await()
      assert.is_nil(ok)
      assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
    end)

    it("lets other tasks run when it never has to wait", function(a, b)
      local ran = 0
      local task = neap.spawn(function() ran = ran + 1 end)

      for _ = 1, 100 do
        a:write("x")
      end

      assert.equal(1, ran)
      assert.equal(100, #b:readexactly(100))
      task:await()
    end)
  end)

  describe("flush", function()
    it("returns at once when all was sent", function(a)
      a:write("x")

      assert.is_true(a:flush())
    end)

    it("waits until all was sent", function(a, b)
      local writer = parked(a.write, a, every_byte:rep(40 * KIB))
      local flush = parked(a.flush, a)

      assert.equal(256 * 40 * KIB, #b:readexactly(256 * 40 * KIB))

      assert.is_true(writer:await())
      assert.is_true(flush:await())
    end)

    it("fails when the peer goes away", function(a, b)
      fill(a):cancel()
      local flush = parked(a.flush, a)

      b:abort()

      local ok, err = flush:await()
      assert.is_nil(ok)
      assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
    end)
  end)

  describe("shutdown", function()
    it("is the end for the peer, and the other way goes on", function(a, b)
      assert.is_true(a:shutdown())

      assert.is_nil(b:read())
      b:write("still here")
      assert.equal("still here", a:read())
    end)

    it("may be called again", function(a)
      assert.is_true(a:shutdown())
      assert.is_true(a:shutdown())
    end)

    it("comes after what was written", function(a, b)
      local text = every_byte:rep(40 * KIB)
      parked(a.write, a, text):cancel()
      a:shutdown()

      assert.is_true(text == b:readall())
    end)
  end)
end

-- ---- deadlines and cancellation --------------------------------------------

local function interrupting(it)
  describe("timeout", function()
    it("gives nil and TIMEOUT from a read that waits longer", function(a, b)
      b:timeout(0.001)

      local data, err = b:read()

      assert.is_nil(data)
      assert.equal("TIMEOUT", err.code)
      assert.equal("read", err.op)
      a:write("late")
      assert.equal("late", b:read())
    end)

    it("loses nothing of what has come", function(a, b)
      a:write("half a li")
      b:peek(1)
      b:timeout(0.001)

      assert.equal("TIMEOUT", select(2, b:readline()).code)
      assert.equal("TIMEOUT", select(2, b:readexactly(20)).code)
      assert.equal("TIMEOUT", select(2, b:readuntil("ne")).code)
      assert.equal("TIMEOUT", select(2, b:readall()).code)

      a:write("ne\n")
      assert.equal("half a line", b:readline())
    end)

    it("does not end a read that need not wait", function(a, b)
      a:write("x")
      b:peek(1)
      b:timeout(0)

      assert.equal("x", b:read())
    end)

    it("is taken back by nil", function(a, b)
      b:timeout(0.001)
      b:timeout(nil)
      local task = parked(b.read, b)

      neap.sleep(0.01)
      a:write("x")

      assert.equal("x", task:await())
    end)

    it("refuses what is no time", function(a)
      expect.bad_argument("#1 to 'timeout'", "got NaN", function() a:timeout(0 / 0) end)
      expect.bad_argument("#1 to 'timeout'", "got table", function() a:timeout({}) end)
    end)
  end)

  describe("a read that is cancelled", function()
    local reads = {
      read = function(s) return s:read() end,
      readexactly = function(s) return s:readexactly(10) end,
      readline = function(s) return s:readline() end,
      readuntil = function(s) return s:readuntil("END") end,
      readall = function(s) return s:readall() end,
      peek = function(s) return s:peek(1) end,
      lines = function(s) return s:lines()() end,
      chunks = function(s) return s:chunks()() end,
    }
    for name, read in pairs(reads) do
      it("loses no byte: " .. name, function(a, b)
        if name ~= "read" and name ~= "peek" and name ~= "chunks" then
          a:write("abc")
          b:peek(1)
        end
        local task = parked(read, b)

        task:cancel()
        expect.code("CANCELLED", neap.await, task)

        a:write("def")
        a:shutdown()
        assert.matches("def$", b:readall())
      end)
    end

    it("gets what came before the cancellation", function(a, b)
      local other = parked(b.read, b)
      a:write("x")
      -- the reader is ready when the bytes are there, and runs after us
      while other:status() == "waiting" do
        neap.sleep(0)
      end

      other:cancel()

      local ok, data = pcall(neap.await, other)
      if ok then
        assert.equal("x", data)
      else
        assert.equal("x", b:read())
      end
    end)

    it("does nothing in a task that was cancelled before", function(a, b)
      a:write("x")
      b:peek(1)
      local task = neap.spawn(function()
        neap.current_task():cancel()
        local results = {}
        for _, fn in ipairs({ b.read, b.readline, a.flush, a.wait_closed }) do
          table.insert(results, neap.error_code(select(2, pcall(fn, fn == a.flush and a or b))))
        end
        table.insert(results, neap.error_code(select(2, pcall(a.write, a, "y"))))
        return table.concat(results, " ")
      end)

      assert.equal(("CANCELLED "):rep(5), task:await() .. " ")
      assert.equal("x", b:read())
    end)
  end)
end

-- ---- closing ---------------------------------------------------------------

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

--- The cases of a kind of stream.
function conformance.run(kind)
  local it = with(kind)
  describe(kind.name, function()
    reading(it)
    writing(it)
    interrupting(it)
    closing(it, kind)
  end)
end

return conformance
