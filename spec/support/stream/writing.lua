--- How every Stream is written: cases of the conformance suite.
local assert = require("luassert")
local busted = require("busted")
local expect = require("spec.support.expect")
local neap = require("neap")
local parked = require("spec.support.parked")
local traffic = require("spec.support.stream.traffic")

local describe, settle = busted.describe, neap.testing.settle
local KIB, fill, every_byte = traffic.KIB, traffic.fill, traffic.every_byte

---@param it fun(title: string, body: fun(a: neap.Stream, b: neap.Stream))
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

return writing
