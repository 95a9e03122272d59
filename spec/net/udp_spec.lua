local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, net = case.it, neap.net
local settle = neap.testing.settle

local function bind(opts)
  opts = opts or {}
  opts.host = opts.host or "127.0.0.1"
  return assert(net.udp(opts))
end

--- Two sockets and the port of the second.
local function pair(opts)
  local a, b = bind(), bind(opts)
  return a, b, b:address().port
end

--- A port where nobody listens.
local function closed_port()
  local socket <close> = bind()
  return socket:address().port
end

--- Turns the loop until `condition()` holds.
local function wait_until(condition)
  neap.timeout(5, function()
    while not condition() do
      neap.sleep(0.001)
    end
  end)
end

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

  it("gives the same address table for the same peer", function()
    local a, b, port = pair()
    a:send("1", "127.0.0.1", port)
    a:send("2", "127.0.0.1", port)

    local _, first = b:recv()
    local _, second = b:recv()

    assert.equal(first, second)
    a:close()
    b:close()
  end)

  it("tells many peers apart", function()
    local b <close> = bind()
    local peers = {}
    for i = 1, 300 do
      peers[i] = bind()
    end

    for i = 1, 900 do
      i = (i - 1) % 300 + 1
      peers[i]:send(tostring(i), "127.0.0.1", b:address().port)
      local data, from = b:recv()
      assert.same(peers[tonumber(data)]:address(), from)
      b:send("to " .. data, from.host, from.port)
      assert.equal("to " .. i, (peers[i]:recv()))
    end

    for _, peer in ipairs(peers) do
      peer:close()
    end
  end)

  it("is on every interface without a host", function()
    local all <close> = assert(net.udp())
    local port = all:address().port

    for _, host in ipairs({ "127.0.0.1", "::1" }) do
      local one = net.udp({ host = host })
      if one then
        one:send("to " .. host, host, port)
        local data, from = all:recv()
        assert.equal("to " .. host, data)
        assert.same({ host = host, port = one:address().port }, from)
        assert.is_true(all:send("back", from.host, from.port))
        assert.equal("back", (one:recv()))
        one:close()
      end
    end
  end)

  it("sends to a name", function()
    local a, b, port = pair()

    assert.is_true(a:send("x", "localhost", port))

    assert.equal("x", (b:recv()))
    a:close()
    b:close()
  end)

  it("gives the error of a name that does not resolve", function()
    local a <close> = bind()

    local ok, err = a:send("x", "name.invalid", 1)

    assert.is_nil(ok)
    assert.is_truthy(err.code == "ENOTFOUND" or err.code:find("^EAI"), tostring(err))
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

  it("has one peer once connected", function()
    local a, b, port = pair()
    local stranger = bind()
    assert.is_true(a:connect("127.0.0.1", port))

    stranger:send("from a stranger", "127.0.0.1", a:address().port)
    assert.is_true(a:send("ping"))
    local data, from = b:recv()
    b:send("pong", from.host, from.port)

    assert.equal("ping", data)
    assert.equal("pong", (a:recv()))
    a:close()
    b:close()
    stranger:close()
  end)

  it("may be connected to a name, and to another peer", function()
    local a, b, port = pair()
    local other <close> = bind()
    assert.is_true(a:connect("127.0.0.1", other:address().port))
    assert.is_true(a:connect("localhost", port))

    a:send("x")

    assert.equal("x", (b:recv()))
    a:close()
    b:close()
  end)

  it("gives an error for a send without an address that is not connected", function()
    local a <close> = bind()

    local ok, err = a:send("x")

    assert.is_nil(ok)
    assert.equal("EDESTADDRREQ", err.code)
  end)

  it("gives what ICMP says as an error, and goes on", function()
    local a <close> = bind()
    a:connect("127.0.0.1", closed_port())

    assert.is_true(a:send("x"))
    local data, err = a:recv()

    assert.is_nil(data)
    assert.equal("ECONNREFUSED", err.code)
    assert.equal("recv", err.op)
    local b <close> = bind()
    a:connect("127.0.0.1", b:address().port)
    assert.is_true(a:send("y"))
    assert.equal("y", (b:recv()))
  end)

  it("gives what ICMP says to a task that waits in recv", function()
    local a <close> = bind()
    a:connect("127.0.0.1", closed_port())
    local task = neap.spawn(a.recv, a)
    settle()

    a:send("x")

    local data, err = task:await()
    assert.is_nil(data)
    assert.equal("ECONNREFUSED", err.code)
  end)

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

  it("broadcasts when it may", function()
    local a <close> = assert(net.udp({ host = "0.0.0.0" }))

    local ok, err = a:send("x", "255.255.255.255", 9)
    assert.is_nil(ok)
    assert.equal("EACCES", err.code)
    assert.is_true(a:broadcast(true))
    ok, err = a:send("x", "255.255.255.255", 9)

    assert.is_truthy(ok or err.code == "ENETUNREACH", tostring(err))
    assert.is_true(a:broadcast(false))
    ok, err = a:send("x", "255.255.255.255", 9)
    assert.is_nil(ok)
    assert.is_truthy(err.code == "EACCES" or err.code == "ENETUNREACH", tostring(err))
  end)

  it("joins and leaves a group", function()
    local group = "239.255.77.1"
    for _, socket in ipairs({ assert(net.udp({ host = "0.0.0.0" })), assert(net.udp()) }) do
      assert.is_true(socket:join(group, "127.0.0.1"))
      local ok, err = socket:join(group, "127.0.0.1")
      assert.is_nil(ok)
      assert.equal("EADDRINUSE", err.code)
      assert.is_true(socket:leave(group, "127.0.0.1"))
      ok, err = socket:leave(group, "127.0.0.1")
      assert.is_nil(ok)
      assert.equal("EADDRNOTAVAIL", err.code)
      ok, err = socket:join("127.0.0.1")
      assert.is_nil(ok)
      assert.equal("EINVAL", err.code)
      socket:close()
    end
  end)

  it("gives an error where there is no way to a group", function()
    local socket <close> = assert(net.udp({ host = "0.0.0.0" }))

    local ok, err = socket:join("239.255.77.3", "192.0.2.1") -- an address of nobody here
    assert.is_nil(ok)
    assert.equal("ENODEV", err.code)
    assert.equal("join", err.op)
    ok, err = socket:join("239.255.77.3", "no address")
    assert.is_nil(ok)
    assert.equal("EINVAL", err.code)
    ok, err = socket:join("name.example")
    assert.is_nil(ok)
    assert.equal("EINVAL", err.code)
  end)

  it("receives what is sent to its group", function()
    local group = "239.255.77.2"
    local a <close> = assert(net.udp({ host = "0.0.0.0" }))
    local b <close> = assert(net.udp({ host = "0.0.0.0" }))
    if not b:join(group) or not a:ttl(1) or not a:send("to all", group, b:address().port) then
      pending("there is no route to a group here")
      return
    end

    assert.equal("to all", (b:recv()))
  end)

  it("has a ttl", function()
    local all <close> = assert(net.udp())
    local v4 <close> = bind()

    assert.is_true(all:ttl(1))
    assert.is_true(v4:ttl(255))
    expect.bad_argument("#1 to 'ttl'", nil, function() v4:ttl(0) end)
    expect.bad_argument("#1 to 'ttl'", nil, function() v4:ttl(256) end)
  end)

  it("shares a port when asked to", function()
    local a <close> = bind({ reuse_port = true })
    local port = a:address().port

    local b, err = net.udp({ host = "127.0.0.1", port = port })
    assert.is_nil(b)
    assert.equal("EADDRINUSE", err.code)
    assert.equal("bind", err.op)
    assert.equal(port, err.port)

    local c <close> = assert(net.udp({ host = "127.0.0.1", port = port, reuse_port = true }))
    assert.equal(port, c:address().port)
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
