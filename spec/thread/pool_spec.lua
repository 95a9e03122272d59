--- The threads of a host under pressure.
local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it, thread = case.it, neap.thread

local function spin(started)
  started:send(true)
  while true do end
end

describe("the pool", function()
  it("does what is in its queue when all that run are cancelled", function()
    local started = thread.channel()
    local count = neap.cpu_count() + 2
    local spinning, waiting = {}, {}
    for i = 1, count do
      spinning[i] = neap.spawn(thread.run, spin, started)
    end
    started:receive()
    for i = 1, count do
      waiting[i] = neap.spawn(thread.run, function() return i end)
    end
    neap.sleep(0)

    for i = 1, count do
      spinning[i]:cancel()
    end
    neap.wait(spinning)

    assert.equal(count, neap.timeout(20, neap.gather, waiting)[count])
  end)

  it("starts a thread for each of several jobs, though one is idle", function()
    if neap.cpu_count() < 2 then
      return pending("there is one processor")
    end
    thread.run(function() end)
    local gate, back = thread.channel(), thread.channel()

    -- the first ends only if the second runs beside it
    local results = neap.timeout(20, neap.gather, {
      function()
        return thread.run(function()
          back:send("first")
          return gate:receive()
        end)
      end,
      function()
        return thread.run(function()
          gate:send("second")
        end)
      end,
    })

    assert.equal("second", results[1])
    back:receive()
  end)

  it("has a stop reach only the job that is stopped", function()
    for _ = 1, 60 do
      local task = neap.spawn(thread.run, function() end)
      neap.sleep(0)
      task:cancel()
      assert.equal("mine", thread.run(function() return "mine" end))
      neap.wait({ task })
    end
  end)

  it("is cancelled at any time", function()
    for turns = 0, 30 do
      local task = neap.spawn(thread.run, function()
        local here = require("neap")
        here.sleep(0)
        return here.thread.run(function() return 1 end)
      end)
      neap.sleep(turns * 0.0002)
      task:cancel()
      neap.wait({ task })
      assert.is_true(task:done())
    end
  end)
end)

describe("threads", function()
  it("are 200 at a time", function()
    local gate, ready = thread.channel(), thread.channel()
    local list = {}
    for i = 1, 200 do
      list[i] = thread.spawn(function()
        ready:send(i)
        return gate:receive()
      end)
    end
    local sum = 0
    for _ = 1, 200 do
      sum = sum + ready:receive()
    end
    gate:close()
    neap.gather(list)

    assert.equal(200 * 201 // 2, sum)
  end)

  it("end when the program does, whatever they do", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local thread = neap.thread
      local ch, started = thread.channel(1), thread.channel()
      for _, body in ipairs({
        function() while true do end end,
        function() require("neap").sleep(math.huge) end,
        function() while true do ch:send("x") end end,
        function() local s = "" while true do s = s .. "x" if #s > 1e4 then s = "" end end end,
        function() require("neap").thread.spawn(function() while true do end end):await() end,
      }) do
        thread.spawn(function() started:send(1) body() end)
        neap.spawn(thread.run, body)
      end
      for _ = 1, 5 do started:receive() end
      print("all run")
      neap.exit(0)
    ]])

    assert.same({ "all run\n", "", 0 }, { out, err, code })
  end)

  it("are finalized in any order with what uses them", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      X = setmetatable({}, { __gc = function()
        local ok, err = pcall(X.ch.close, X.ch)
        print(ok, err, X.ch)
        print(pcall(X.thread.stop, X.thread))
        ok, err = pcall(X.ch.receive, X.ch)
        print(ok, err)
      end })
      X.ch = neap.thread.channel()
      X.thread = neap.thread.spawn(function() end)
      X.thread:await()
    ]])

    local gone = "INVALID_STATE: the channel was finalized"
    assert.same({ ("false\t%s\tChannel: finalized\ntrue\nfalse\t%s\n"):format(gone, gone), "", 0 }, { out, err, code })
  end)

  it("leave a channel that was collected while others wait to those", function()
    local ready = thread.channel()
    local function start()
      local ch = thread.channel()
      local t = thread.spawn(function()
        ready:send(true)
        return ch:receive()
      end)
      ready:receive()
      return t, setmetatable({ ch }, { __mode = "v" })
    end
    local t, weak = start()
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])

    t:stop()
    neap.wait({ neap.spawn(pcall, t.await, t) })
  end)

  it("find a channel closed by one whose state is gone", function()
    local ch = thread.channel()
    thread.run(function()
      ch:send("left")
      ch:close()
    end)

    assert.equal("left", ch:receive())
    assert.is_nil(ch:receive())
  end)
end)

describe("threads of a stock Lua", function()
  it("end with the state, whatever they do", function()
    local out, err, code = child.shell("timeout -k 1 20 %s", { "lua5.4", "-e", [[
      local neap = require("neap")
      neap.run(function()
        local started = neap.thread.channel()
        for _ = 1, 3 do
          neap.thread.spawn(function() started:send(1) while true do end end)
          neap.thread.spawn(function() started:send(1) require("neap").sleep(math.huge) end)
        end
        for _ = 1, 6 do started:receive() end
      end)
      print("left")
    ]] })

    assert.same({ "left\n", "", 0 }, { out, err, code })
  end)
end)
