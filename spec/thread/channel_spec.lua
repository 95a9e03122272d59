local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it
local channel, run, spawn = neap.thread.channel, neap.thread.run, neap.thread.spawn

describe("a channel", function()
  it("gives in order what was sent", function()
    local ch = channel()
    for i = 1, 100 do
      ch:send(i)
    end

    for i = 1, 100 do
      assert.equal(i, ch:receive())
    end
  end)

  it("goes between threads", function()
    local to, back = channel(), channel()
    local worker = spawn(function()
      for text in to:items() do
        back:send(text:upper())
      end
      back:close()
    end)

    to:send("one")
    to:send("two")
    to:close()
    local got = {}
    for text in back:items() do
      got[#got + 1] = text
    end

    assert.same({ "ONE", "TWO" }, got)
    worker:await()
  end)

  it("goes through a channel itself", function()
    local outer, inner = channel(), channel()
    outer:send({ reply = inner })

    run(function()
      outer:receive().reply:send("found you")
    end)

    assert.equal("found you", inner:receive())
  end)

  it("copies what is sent", function()
    local ch = channel()
    local value = { 1 }
    ch:send(value)
    value[1] = 2

    assert.same({ 1 }, ch:receive())
  end)

  it("parks a receiver until something is sent", function()
    local ch = channel()
    local task = neap.spawn(ch.receive, ch)
    neap.sleep(0)
    assert.equal("channel receive", task:waiting_on())

    ch:send(false)

    assert.equal(false, neap.await(task))
  end)

  it("parks a sender while it is full", function()
    local ch = channel(1)
    ch:send("first")
    local task = neap.spawn(ch.send, ch, "second")
    neap.sleep(0)
    assert.equal("channel send", task:waiting_on())

    assert.equal("first", ch:receive())
    neap.await(task)

    assert.equal("second", ch:receive())
  end)

  it("serves receivers in the order in which they came", function()
    local ch, got = channel(), {}
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = neap.spawn(function()
        got[i] = ch:receive()
      end)
    end
    neap.sleep(0)
    for i = 1, 3 do
      ch:send(i)
    end
    neap.gather(tasks)

    assert.same({ 1, 2, 3 }, got)
  end)

  it("loses nothing to a receiver that is cancelled", function()
    local ch = channel()
    local task = neap.spawn(ch.receive, ch)
    neap.sleep(0)

    task:cancel()
    neap.wait({ task })
    ch:send("kept")

    assert.equal("kept", ch:receive())
  end)

  it("gives to a receiver what it was handed before it was cancelled", function()
    local ch = channel()
    local task = neap.spawn(ch.receive, ch)
    neap.sleep(0)

    ch:send("handed")
    task:cancel()
    neap.wait({ task })

    assert.equal("handed", task:result())
  end)

  it("forgets what a sender that is cancelled wanted to send", function()
    local ch = channel(1)
    ch:send(1)
    local task = neap.spawn(ch.send, ch, 2)
    neap.sleep(0)

    task:cancel()
    neap.wait({ task })
    ch:close()

    assert.same({ 1 }, { ch:receive(), ch:receive() })
  end)

  it("gives what is left after close, then nil", function()
    local ch = channel()
    ch:send(1)
    ch:close()
    ch:close()

    assert.equal(1, ch:receive())
    assert.is_nil(ch:receive())
    assert.is_nil(ch:receive())
  end)

  it("raises CLOSED in senders after close", function()
    local ch = channel(1)
    ch:send(1)
    local task = neap.spawn(ch.send, ch, 2)
    neap.sleep(0)

    ch:close()

    expect.code("CLOSED", neap.await, task)
    expect.code("CLOSED", ch.send, ch, 3)
  end)

  it("wakes receivers by close", function()
    local ch = channel()
    local task = neap.spawn(ch.receive, ch)
    neap.sleep(0)

    ch:close()

    assert.same({ n = 1 }, table.pack(neap.await(task)))
  end)

  it("has nil refused", function()
    local ch = channel()

    expect.bad_argument("#1 to 'send'", nil, function()
      local result = ch:send(nil)
      return result
    end)
  end)

  it("has what cannot be copied refused", function()
    local ch = channel()

    local err = expect.error(ch.send, ch, { neap.future() })

    assert.matches("bad argument #1 to 'send' %(cannot copy a Future in %[1%]%)", err)
  end)

  it("takes a capacity", function()
    expect.bad_argument("#1 to 'channel'", nil, function()
      local result = channel(-1)
      return result
    end)
    assert.equal("Channel: 0 items", tostring(channel()))
  end)

  it("is a queue for many threads", function()
    local jobs, results = channel(4), channel()
    local workers = {}
    for i = 1, 3 do
      workers[i] = spawn(function()
        for n in jobs:items() do
          results:send(n * n)
        end
      end)
    end
    local sum = 0
    neap.gather({
      function()
        for n = 1, 300 do
          jobs:send(n)
        end
        jobs:close()
      end,
      function()
        for _ = 1, 300 do
          sum = sum + results:receive()
        end
      end,
    })
    neap.gather(workers)

    assert.equal(300 * 301 * 601 // 6, sum)
  end)

  it("takes no more than the limit of memory allows", function()
    local child = require("spec.support.child")
    local out = child.shell("timeout -k 1 20 %s", { child.interpreter(), "--memory-limit", "32M", "-e", [[
      local ch = require("neap").thread.channel()
      local count, text = 0, ("x"):rep(1024 * 1024)
      print(pcall(function()
        while count < 100 do
          ch:send(text)
          count = count + 1
        end
      end))
      print(count > 20 and count < 32)
      ch:receive()
      ch:receive()
      print(pcall(ch.send, ch, text))
    ]] })

    assert.matches("^false\t.-not enough memory\ntrue\ntrue\n$", out)
  end)

  it("is a deadlock where nobody can send", function()
    local _, err, code = require("spec.support.child").run([[
      require("neap").thread.channel():receive()
    ]])

    assert.matches("DEADLOCK.-channel receive", err)
    assert.equal(1, code)
  end)
end)
