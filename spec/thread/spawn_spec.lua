local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it
local thread = neap.thread

describe("thread.spawn", function()
  it("gives what the function returned to await", function()
    local t = thread.spawn(function(a)
      return a, nil, a + 1
    end, 1)

    assert.same({ 1, nil, 2, n = 3 }, table.pack(t:await()))
  end)

  it("is awaitable", function()
    local t <close> = thread.spawn(function() end)
    assert.is_true(neap.is_awaitable(t))
    assert.same({ 1, 2, n = 2 }, neap.gather({
      thread.spawn(function() return 1 end),
      thread.spawn(function() return 2 end),
    }))
  end)

  it("raises the error of the function in await", function()
    local t = thread.spawn(function()
      error("boom")
    end)

    assert.matches("boom\nstack traceback", expect.error(t.await, t))
  end)

  it("has a loop of its own, where servers run", function()
    local said = thread.channel()
    local t = thread.spawn(function()
      local here = require("neap")
      local server = assert(here.net.serve("127.0.0.1", 0, function(stream)
        stream:write(stream:readline():upper())
      end))
      said:send(server:address().port)
      server:serve_forever()
    end)

    local stream <close> = assert(neap.net.connect("127.0.0.1", said:receive()))
    stream:write("hello\n")

    assert.equal("HELLO", stream:readall())
    t:stop()
    expect.code("CANCELLED", t.await, t)
  end)

  it("waits for all that is alive in it", function()
    local said = thread.channel()
    local t = thread.spawn(function()
      local here = require("neap")
      here.spawn(function()
        here.sleep(0.001)
        said:send("from a task")
      end)
      return "returned"
    end)

    assert.equal("returned", t:await())
    assert.equal("from a task", said:receive())
  end)

  it("interrupts on stop what computes", function()
    local said = thread.channel()
    local t = thread.spawn(function()
      said:send("computing")
      while true do end
    end)
    said:receive()

    t:stop()

    expect.code("CANCELLED", t.await, t)
  end)

  it("unwinds on stop what waits", function()
    local said = thread.channel()
    local t = thread.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() said:send("cleanup") end })
      said:send("waiting")
      require("neap").sleep(math.huge)
    end)
    said:receive()

    t:stop()

    expect.code("CANCELLED", t.await, t)
  end)

  it("ends with its block as a <close> variable", function()
    local kept
    do
      local t <close> = thread.spawn(function()
        require("neap").sleep(math.huge)
      end)
      kept = t
    end

    assert.matches("^Thread thread%-%d+: ended$", tostring(kept))
    expect.code("CANCELLED", kept.await, kept)
  end)

  it("stops when its only awaiter is cancelled", function()
    local t = thread.spawn(function()
      require("neap").sleep(math.huge)
    end)

    expect.code("TIMEOUT", neap.wait_for, t, 0.01)
  end)

  it("may start threads itself", function()
    assert.equal(6, thread.spawn(function()
      local here = require("neap")
      return here.thread.run(function(n) return n * 2 end, 3)
    end):await())
  end)

  it("keeps the program alive, and is unwound at its end", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      neap.thread.spawn(function() require("neap").sleep(0.01) print("alive") end)
    ]])
    assert.same({ "alive\n", "", 0 }, { out, err, code })

    out, err, code = child.run([[
      local neap = require("neap")
      neap.thread.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() print("unwound") io.stdout:flush() end })
        require("neap").sleep(math.huge)
      end)
      neap.sleep(0.05)
      neap.exit(3)
    ]])
    assert.same({ "unwound\n", "", 3 }, { out, err, code })
  end)

  it("reports an error that nobody takes", function()
    local _, err, code = child.run([[
      require("neap").thread.spawn(function() error("lost") end)
    ]])

    assert.matches("neap: thread%-1 failed, and nobody took its error: .-lost", err)
    assert.equal(1, code)
  end)

  it("ends by its own neap.exit alone", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local t = neap.thread.spawn(function() require("neap").exit(5) end)
      print(pcall(t.await, t))
    ]])

    assert.matches("^false\tCANCELLED", out)
    assert.same({ "", 0 }, { err, code })
  end)
end)

describe("a thread of a stock Lua", function()
  it("works as well", function()
    local out, err = child.shell("%s", { "lua5.4", "-e", [[
      local neap = require("neap")
      neap.run(function()
        print(neap.thread.run(function(a) return a * 2 end, 21))
      end)
    ]] })

    assert.same({ "42\n", "" }, { out, err })
  end)
end)
