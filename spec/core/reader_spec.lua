local case = require("spec.support.case")
local child = require("spec.support.child")

local it = case.it

describe("readers and writers", function()
  it("call the function while the descriptor is ready", function()
    local out, err, code = child.run_as([[{ printf a; sleep 0.05; printf b; } | timeout 20 %s]], [[
      local loop = require "neap".loop
      io.stdin:setvbuf("no")
      loop.add_reader(0, function(...)
        print(io.read(1), ...)
        if select("#", ...) == 2 then
          loop.add_reader(0, function()
            print("replaced", io.read(1))
            loop.remove_reader(0)
          end)
        end
      end, "x", nil)
    ]])

    assert.equal("", err)
    assert.equal("a\tx\tnil\nreplaced\tb\n", out)
    assert.equal(0, code)
  end)

  it("do not call it again before it has returned", function()
    local out, err = child.run_as([[printf abc | timeout 20 %s]], [[
      local neap = require "neap"
      io.stdin:setvbuf("no")
      local inside = 0
      neap.loop.add_reader(0, function()
        inside = inside + 1
        local byte = io.read(1)
        neap.sleep(0.005)
        print(byte, inside)
        inside = inside - 1
        if byte == "c" then
          neap.loop.remove_reader(0)
        end
      end)
    ]])

    assert.equal("", err)
    assert.equal("a\t1\nb\t1\nc\t1\n", out)
  end)

  it("keep the program alive until removed", function()
    local out, err, code = child.run_as([[sleep 0.3 | timeout 0.2 %s]], [[
      require "neap".loop.add_reader(0, print)
    ]])

    assert.equal("", out .. err)
    assert.equal(124, code)
  end)

  it("tell that a descriptor can be written", function()
    local out, err, code = child.run_as([[timeout 20 %s | cat]], [[
      local loop = require "neap".loop
      loop.add_writer(1, function(text)
        loop.remove_writer(1)
        print(text, loop.remove_writer(1))
      end, "writable")
    ]])

    assert.equal("", err)
    assert.matches("^writable", out)
    assert.equal(0, code)
  end)
end)
