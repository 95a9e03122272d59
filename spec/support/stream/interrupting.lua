--- Deadlines of every Stream and reads that are cancelled: cases of the conformance
--- suite.
local assert = require("luassert")
local busted = require("busted")
local expect = require("spec.support.expect")
local neap = require("neap")
local parked = require("spec.support.parked")

local describe = busted.describe

---@param it fun(title: string, body: fun(a: neap.Stream, b: neap.Stream))
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

return interrupting
