local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed, testing = case.it, case.timed, neap.testing
local time = neap.loop.time

describe("the virtual clock", function()
  timed("works with timeouts", function()
    local start = time()

    expect.code("TIMEOUT", neap.timeout, 3600, neap.sleep, 7200)

    assert.near(3600, time() - start, 1e-6)
  end)

  timed("works with queues", function()
    local queue, got = neap.sync.queue(1), {}
    local consumer = neap.spawn(function()
      for item in queue:items() do
        table.insert(got, item)
        neap.sleep(60)
      end
    end)
    local start = time()

    for i = 1, 4 do
      queue:put(i)
    end
    queue:close()
    consumer:await()

    assert.same({ 1, 2, 3, 4 }, got)
    assert.near(240, time() - start, 1e-6)
  end)

  timed("works with streams in memory", function()
    local a, b = testing.stream_pair()
    neap.spawn(function()
      neap.sleep(1800)
      a:write("late\n")
    end)
    b:timeout(3600)

    assert.equal("late", b:readline())
    local _, err = b:readline()

    assert.equal("TIMEOUT", err.code)
    a:close()
    b:close()
  end)

  timed("waits for work on files", function()
    local start = time()

    local text = neap.timeout(0.001, neap.fs.read_file, "LICENSE")

    assert.matches("MIT", text)
    assert.equal(start, time())
  end)

  local path = os.tmpname()
  os.remove(path)

  for name, fn in pairs({
    ["net.connect"] = function() return neap.net.connect("127.0.0.1", 1) end,
    ["net.connect_unix"] = function() return neap.net.connect_unix(path) end,
    ["net.listen"] = function() return neap.net.listen("127.0.0.1", 0) end,
    ["net.listen_unix"] = function() return neap.net.listen_unix(path) end,
    ["net.serve"] = function() return neap.net.serve("127.0.0.1", 0, print) end,
    ["net.pair"] = neap.net.pair,
    ["net.udp"] = neap.net.udp,
    ["net.resolve"] = function() return neap.net.resolve("localhost") end,
    ["net.reverse"] = function() return neap.net.reverse("127.0.0.1") end,
    ["process.run"] = function() return neap.process.run({ "true" }) end,
    ["process.spawn"] = function() return neap.process.spawn({ "true" }) end,
    ["wait_readable"] = function() return neap.wait_readable(0) end,
    ["loop.add_reader"] = function() return neap.loop.add_reader(0, print) end,
  }) do
    timed("refuses " .. name, function()
      local err = expect.code("INVALID_STATE", fn)

      assert.matches("takes real time, and the virtual clock is on", tostring(err))
    end)
  end

  it("refuses to wait for a socket from before", function()
    local a, b = neap.net.pair()
    testing.virtual_clock(function()
      expect.code("INVALID_STATE", a.read, a)
    end)
    b:write("x")

    assert.equal("x", a:read(1))
    a:close()
    b:close()
  end)

  it("refuses to wait for a connection or a child from before", function()
    local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
    local cat = assert(neap.process.spawn({ "cat" }, { stdin = "pipe" }))

    testing.virtual_clock(function()
      expect.code("INVALID_STATE", listener.accept, listener)
      expect.code("INVALID_STATE", cat.wait, cat)
    end)

    cat.stdin:close()
    assert.equal(0, cat:wait())
  end)

  it("leaves a clock on which what was due long ago is due now", function()
    local called = neap.future()
    testing.virtual_clock(function()
      neap.sleep(1e6)
    end)

    neap.loop.call_at(0, called.set_result, called)

    called:await()
  end)

  it("does not come to the end of time, where timers of math.huge are", function()
    local out = child.run([[
      local neap, core = require "neap", require "neap.core"
      neap.testing.virtual_clock(function()
        local start = neap.loop.time()
        local later <close> = neap.loop.call_later(math.huge, print, "called later")
        local at <close> = neap.loop.call_at(math.huge, print, "called at")
        local woken = neap.future()
        core.watchdog(0.01, woken.set_result, woken)
        woken:await()
        print(neap.loop.time() == start)
        neap.sleep(3600)
        print(math.abs(neap.loop.time() - start - 3600) < 1e-6)
      end)]])
    assert.equal("true\ntrue\n", out)
  end)

  it("comes as far as there are finite times, and stands still then", function()
    local out = child.run([[
      local neap = require "neap"
      neap.testing.virtual_clock(function()
        local last = neap.loop.time()
        for _, seconds in ipairs({ 8.9e9, 8.9e9, 1 }) do
          neap.sleep(seconds)
          print(neap.loop.time() - last > seconds - 0.1)
          last = neap.loop.time()
        end
        neap.loop.call_at(last + 1, print, "called")
        neap.sleep(2)
        local never = neap.spawn(neap.sleep, 8.9e9)
        neap.sleep(10)
        print(never:status())
        never:cancel()
        print(#neap.wait({ neap.future() }, { timeout = 1 }))
      end)]])
    assert.equal("true\ntrue\ntrue\ncalled\nwaiting\n0\n", out)
  end)

  it("leaves a clock on which the latest time there is does not come", function()
    local out = child.run([[
      local neap = require "neap"
      neap.testing.virtual_clock(function()
        local start = os.clock()
        repeat until os.clock() > start + 0.01
      end)
      local never <close> = neap.loop.call_later(math.huge, print, "called")
      neap.sleep(0.01)
      print "slept"]])
    assert.equal("slept\n", out)
  end)
end)
