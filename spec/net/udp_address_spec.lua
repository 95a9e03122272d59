--- Where datagrams go and where they come from: names, peers, broadcast, groups.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local udp = require("spec.support.udp")

local bind, pair, closed_port = udp.bind, udp.pair, udp.closed_port
local it, net = case.it, neap.net
local settle = neap.testing.settle

describe("a UDP socket", function()
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
end)
