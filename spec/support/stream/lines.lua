--- How every Stream gives lines, and what ends in another separator: cases of the
--- conformance suite.
local assert = require("luassert")
local busted = require("busted")
local expect = require("spec.support.expect")
local neap = require("neap")
local traffic = require("spec.support.stream.traffic")

local describe = busted.describe
local LIMIT, trickle = traffic.LIMIT, traffic.trickle

---@param it fun(title: string, body: fun(a: neap.Stream, b: neap.Stream))
local function line_cases(it)
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
end

return line_cases
