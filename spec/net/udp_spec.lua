local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")
local udp = require("spec.support.udp")
local wait_until = require("spec.support.wait_until")

local bind, pair, closed_port = udp.bind, udp.pair, udp.closed_port
local it, net = case.it, neap.net
local settle = neap.testing.settle

describe("a UDP socket", function()
  it("sends datagrams to an address", function()
    local a, b, port = pair()

    assert.is_true(a:send("hello", "127.0.0.1", port))
    local data, from = b:recv()

    assert.equal("hello", data)
    assert.same(a:address(), from)
    a:close()
    b:close()
  end)

  it("keeps the borders of datagrams, and empty ones", function()
    local a, b, port = pair()

    for _, text in ipairs({ "one", "", "three\0\255" }) do
      a:send(text, "127.0.0.1", port)
    end

    assert.equal("one", (b:recv()))
    assert.equal("", (b:recv()))
    assert.equal("three\0\255", (b:recv()))
    a:close()
    b:close()
  end)

  it("takes datagrams up to 64 KiB", function()
    local a, b, port = pair()
    local text = ("0123456789"):rep(6551):sub(1, 65507)

    assert.is_true(a:send(text, "127.0.0.1", port))
    assert.is_true(text == b:recv())
    local ok, err = a:send(text .. "x", "127.0.0.1", port)

    assert.is_nil(ok)
    assert.equal("EMSGSIZE", err.code)
    assert.equal("send", err.op)
    a:close()
    b:close()
  end)

  it("is waited for, and says so", function()
    local a, b, port = pair()
    local task = neap.spawn(b.recv, b)
    settle()
    assert.equal("waiting", task:status())
    assert.equal("udp recv 127.0.0.1:" .. port, task:waiting_on())

    a:send("x", "127.0.0.1", port)

    assert.equal("x", (task:await()))
    a:close()
    b:close()
  end)

  for name, case_of in pairs({
    ["waits where the system cannot send now"] = {
      [[print(task:await(), (b:recv()))]], "true\tx\n",
    },
    ["is sent all the same when its task is cancelled"] = {
      [[task:cancel()
        neap.wait({ task })
        print(task:cancelled(), (b:recv()))]], "true\tx\n",
    },
    ["may be cancelled as the socket is closed"] = {
      [[task:cancel()
        a:close()
        neap.wait({ task })
        print(task:cancelled())]], "true\n",
    },
    ["is over when the socket is closed"] = {
      [[a:close()
        neap.wait({ task })
        print(task:done())]], "true\n",
    },
  }) do
    it("that sends " .. name, function()
      local out, err, code = child.run_embedded("slow_system", [[
        local neap = require("neap")
        local a = assert(neap.net.udp({ host = "127.0.0.1" }))
        local b = assert(neap.net.udp({ host = "127.0.0.1" }))
        local task
        repeat -- on a slow machine it may be sent already
          if task then b:recv() end
          refuse_sends(1)
          task = neap.spawn(a.send, a, "x", "127.0.0.1", b:address().port)
          neap.sleep(0)
        until task:status() == "waiting"
        assert(task:waiting_on() == "udp send", task:waiting_on())
      ]] .. case_of[1])

      assert.equal("", err)
      assert.equal(case_of[2], out)
      assert.equal(0, code)
    end)
  end

  it("is BUSY while another task is in recv", function()
    local a, b, port = pair()
    local task = neap.spawn(b.recv, b)
    settle()

    expect.code("BUSY", b.recv, b)

    a:send("x", "127.0.0.1", port)
    assert.equal("x", (task:await()))
    a:close()
    b:close()
  end)

  it("loses nothing when a recv is cancelled", function()
    local a, b, port = pair()
    local task = neap.spawn(b.recv, b)
    settle()
    task:cancel()
    expect.code("CANCELLED", neap.await, task)
    a:send("x", "127.0.0.1", port)

    assert.equal("x", (b:recv()))

    a:close()
    b:close()
  end)

  it("keeps or delivers a datagram whose waiter is cancelled as it comes", function()
    local a, b, port = pair()
    for _ = 1, 20 do
      local task = neap.spawn(b.recv, b)
      settle()
      a:send("x", "127.0.0.1", port)
      task:cancel()
      local ok, data = pcall(neap.await, task)
      assert.equal("x", (ok and data or b:recv()))
    end
    a:close()
    b:close()
  end)

  it("drops what finds its queue full, and counts it", function()
    local a, b, port = pair({ queue = 10000 })
    local first = neap.spawn(b.recv, b)
    settle()
    for i = 1, 100 do
      a:send(("%03d"):format(i) .. ("x"):rep(497), "127.0.0.1", port)
      settle()
    end
    first:await()
    wait_until(function() return b:dropped() > 0 end)

    local got = 1
    local dropped = b:dropped()
    while got + dropped < 100 do
      b:recv()
      got = got + 1
    end

    assert.is_true(got < 30)
    a:send("after", "127.0.0.1", port)
    assert.equal("after", (b:recv()))
    assert.equal(dropped, b:dropped())
    a:close()
    b:close()
  end)

  it("gives datagrams to a loop until it is closed", function()
    local a, b, port = pair()
    local got = {}
    local task = neap.spawn(function()
      for data, from in b:datagrams() do
        table.insert(got, data .. from.host)
      end
      return "ended"
    end)
    for i = 1, 3 do
      a:send(tostring(i), "127.0.0.1", port)
    end
    wait_until(function() return #got == 3 end)

    b:close()

    assert.equal("ended", task:await())
    assert.same({ "1127.0.0.1", "2127.0.0.1", "3127.0.0.1" }, got)
    a:close()
  end)

  it("raises an error out of a loop of datagrams", function()
    local a <close> = bind()
    a:connect("127.0.0.1", closed_port())
    a:send("x")

    local next_datagram = a:datagrams()

    expect.code("ECONNREFUSED", next_datagram)
  end)

  it("lets other tasks run when there is always something to receive or send", function()
    local a, b, port = pair()
    local ran = 0
    local task = neap.spawn(function()
      while true do
        ran = ran + 1
        neap.sleep(0)
      end
    end)
    for _ = 1, 200 do
      a:send("x", "127.0.0.1", port)
    end
    assert.is_true(ran > 0)
    local before = ran
    for _ = 1, 150 do
      b:recv()
    end

    assert.is_true(ran > before)
    task:cancel()
    a:close()
    b:close()
  end)

  it("raises CLOSED once it is closed", function()
    local a = bind()
    a:close()
    a:close()

    expect.code("CLOSED", a.send, a, "x", "127.0.0.1", 1)
    expect.code("CLOSED", a.recv, a)
    expect.code("CLOSED", a.connect, a, "127.0.0.1", 1)
    expect.code("CLOSED", a.address, a)
    expect.code("CLOSED", a.ttl, a, 1)
    expect.code("CLOSED", a.datagrams, a)
    assert.equal("UdpSocket (closed)", tostring(a))
  end)

  it("raises CLOSED in a task that waits", function()
    local a = bind()
    local task = neap.spawn(a.recv, a)
    settle()

    a:close()

    expect.code("CLOSED", neap.await, task)
  end)

  it("keeps a program waiting after two datagrams that came at once", function()
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "waits.lua", [[
      local neap = require("neap")
      local a = neap.net.udp({ host = "127.0.0.1" })
      local b = neap.net.udp({ host = "127.0.0.1" })
      local port = b:address().port
      local reader = neap.spawn(function()
        for _ = 1, 2 do b:recv() end
        print(port)
        io.stdout:flush()
        print((b:recv()))
      end)
      neap.testing.settle()
      for _ = 1, 2 do a:send("datagram", "127.0.0.1", port) end
      neap.await(reader)
    ]]))
    local words = { child.interpreter(), dir / "waits.lua" }
    local process <close> = assert(neap.process.spawn(words, { stdout = "pipe" }))
    local socket <close> = bind()

    local port = assert(process.stdout:readline())
    socket:send("the last", "127.0.0.1", tonumber(port))

    assert.equal("the last", (process.stdout:readline()))
    process:wait()
  end)

  it("is closed when it is collected", function()
    do
      bind()
    end
    collectgarbage()
    collectgarbage()
  end)

  it("refuses bad arguments", function()
    local a <close> = bind()

    expect.bad_argument("#1 to 'udp'", "got string", function() net.udp("x") end)
    expect.bad_argument("#1 to 'udp'", nil, function() net.udp({ nothing = 1 }) end)
    expect.bad_argument("#1 to 'udp'", nil, function() net.udp({ port = 70000 }) end)
    expect.bad_argument("#1 to 'udp'", nil, function() net.udp({ host = 5 }) end)
    expect.bad_argument("#1 to 'send'", "got no value", function() a:send() end)
    expect.bad_argument("#1 to 'send'", "got table", function() a:send({}, "127.0.0.1", 1) end)
    expect.bad_argument("#3 to 'send'", nil, function() a:send("x", "127.0.0.1") end)
    expect.bad_argument("#3 to 'send'", nil, function() a:send("x", "127.0.0.1", 70000) end)
    expect.bad_argument("#1 to 'connect'", nil, function() a:connect(nil, 1) end)
    expect.bad_argument("#1 to 'join'", nil, function() a:join() end)
  end)
end)
