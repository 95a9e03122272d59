local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local tcp = require("spec.support.tcp")

local listen, connected, closed_port, close_all = tcp.listen, tcp.connected, tcp.closed_port, tcp.close_all
local it, net = case.it, neap.net
local settle = neap.testing.settle

describe("net.connect", function()
  it("connects to an address", function()
    local client, server = connected()

    client:write("hello")

    assert.equal("hello", server:read())
    close_all(client, server)
  end)

  it("connects to a name", function()
    local listener, port = listen()
    local client = assert(net.connect("localhost", port))

    assert.equal(port, client:peername().port)
    close_all(client, listener)
  end)

  it("knows both addresses", function()
    local client, server = connected()

    assert.same(client:sockname(), server:peername())
    assert.same(client:peername(), server:sockname())
    assert.equal("127.0.0.1", client:peername().host)
    close_all(client, server)
  end)

  it("gives an error that says what was tried", function()
    local port = closed_port()

    local stream, err = net.connect("127.0.0.1", port)

    assert.is_nil(stream)
    assert.equal("ECONNREFUSED", err.code)
    assert.equal("connect", err.op)
    assert.equal("127.0.0.1", err.host)
    assert.equal(port, err.port)
    assert.matches("127.0.0.1:" .. port, tostring(err), 1, true)
  end)

  it("binds a local address", function()
    local client, server = connected({ bind = "127.0.0.2" })

    assert.equal("127.0.0.2", server:peername().host)
    close_all(client, server)
  end)

  it("binds a local address given as a table", function()
    local client, server = connected({ bind = { host = "127.0.0.3", port = 0 } })

    assert.equal("127.0.0.3", server:peername().host)
    close_all(client, server)
  end)

  it("returns the error of a local address that is not ours", function()
    local listener, port = listen()

    local stream, err = net.connect("127.0.0.1", port, { bind = "192.0.2.1" })

    assert.is_nil(stream)
    assert.equal("EADDRNOTAVAIL", err.code)
    listener:close()
  end)

  it("takes only addresses of the family asked for", function()
    local stream, err = net.connect("127.0.0.1", 1, { family = "ipv6" })

    assert.is_nil(stream)
    assert.equal("ENOTFOUND", err.code)
  end)

  it("takes a line limit", function()
    local client, server = connected({ limit = 4 })

    server:write("1234\n12345\n")

    assert.equal("1234", client:readline())
    assert.equal("LIMIT", select(2, client:readline()).code)
    close_all(client, server)
  end)

  it("says what it waits for", function()
    local listener, port = listen()
    local task = neap.spawn(net.connect, "127.0.0.1", port)
    neap.sleep(0)

    if task:status() == "waiting" then
      assert.equal("tcp connect 127.0.0.1:" .. port, task:waiting_on())
    end
    close_all((assert(task:await())), listener)
  end)

  it("leaves nothing behind when it is cancelled", function()
    local task = neap.spawn(net.connect, "127.0.0.1", (closed_port()))
    task:cancel()
    expect.code("CANCELLED", neap.await, task)

    local listener, port = listen()
    task = neap.spawn(net.connect, "127.0.0.1", port)
    neap.sleep(0)
    task:cancel()
    local ok, stream = pcall(neap.await, task)
    if ok then
      stream:close()
    end
    listener:close()
  end)

  it("refuses arguments of the wrong kind", function()
    local connect = net.connect
    expect.bad_argument("#1 to 'connect'", "string expected, got no value", function() connect() end)
    expect.bad_argument("#1 to 'connect'", "string expected, got nil", function() connect(nil, 1) end)
    expect.bad_argument("#2 to 'connect'", "got no value", function() connect("localhost") end)
    expect.bad_argument("#2 to 'connect'", nil, function() connect("localhost", 65536) end)
    expect.bad_argument("#2 to 'connect'", nil, function() connect("localhost", -1) end)
    expect.bad_argument("#2 to 'connect'", nil, function() connect("localhost", 0 / 0) end)
    expect.bad_argument("#2 to 'connect'", nil, function() connect("localhost", 1.5) end)
    expect.bad_argument("#3 to 'connect'", "got number", function() connect("localhost", 1, 1) end)
  end)

  it("refuses options of the wrong kind by name", function()
    for name, value in pairs({
      unknown = 1,
      timeout = 0 / 0,
      nodelay = 1,
      keepalive = "yes",
      bind = 5,
      family = "ipv5",
      limit = 0,
    }) do
      local err = expect.error(net.connect, "localhost", 1, { [name] = value })
      assert.matches("bad argument #3 to 'connect' %(.*'" .. name .. "'", err)
    end
  end)

  it("refuses a host with a zero byte in it", function()
    assert.equal("string", type(expect.error(net.connect, "local\0host", 1)))
  end)
end)

describe("a TCP Stream", function()
  it("takes options", function()
    local client, server = connected({ nodelay = false, keepalive = 30 })

    assert.is_true(client:nodelay(true))
    assert.is_true(client:nodelay(false))
    assert.is_true(client:keepalive(10))
    assert.is_true(client:keepalive(0.5))
    assert.is_true(client:keepalive(false))
    expect.bad_argument("#1 to 'keepalive'", nil, function() client:keepalive(0) end)
    expect.bad_argument("#1 to 'keepalive'", "got nil", function() client:keepalive(nil) end)
    close_all(client, server)
  end)

  it("has a descriptor", function()
    local client, server = connected()

    assert.equal("integer", math.type(client:fileno()))
    assert.not_equal(client:fileno(), server:fileno())
    close_all(client, server)
  end)

  it("says where it reads from", function()
    local client, server = connected()
    local task = neap.spawn(client.read, client)
    settle()

    assert.equal("tcp read 127.0.0.1:" .. client:peername().port, task:waiting_on())
    assert.matches("^Stream %(tcp 127%.0%.0%.1:%d+ to 127%.0%.0%.1:%d+%)$", tostring(client))
    task:cancel()
    close_all(client, server)
  end)

  it("gives a reset as an error that stays", function()
    local client, server = connected()

    server:abort()

    assert.equal("ECONNRESET", select(2, client:read()).code)
    assert.equal("ECONNRESET", select(2, client:readline()).code)
    assert.equal("ECONNRESET", select(2, client:readexactly(1)).code)
    close_all(client)
  end)

  it("gives a reset as an error behind what came with it", function()
    for _, waits in ipairs({ true, false }) do
      local client, server = connected()
      local task = waits and neap.spawn(client.readall, client)
      settle()
      server:write("part of it")
      server:abort()
      settle()

      task = task or neap.spawn(client.readall, client)
      local data, err = task:await()

      assert.is_nil(data)
      assert.equal("ECONNRESET", err.code)
      assert.equal("part of it", client:read())
      assert.equal("ECONNRESET", select(2, client:read()).code)
      close_all(client)
    end
  end)

  it("gives the end as such where a reset follows it", function()
    local client, server = connected()
    server:write("all of it")
    server:close()
    settle()
    assert(client:write("too late"))
    settle()

    assert.equal("all of it", client:readall())
    assert.is_nil(select(2, client:read()))
    assert.is_not_nil(select(2, client:write("far too late")))
    close_all(client)
  end)

  it("is usable from coroutines of the script", function()
    local client, server = connected()
    local words = coroutine.wrap(function()
      for line in client:lines() do
        for word in line:gmatch("%a+") do
          coroutine.yield(word)
        end
      end
    end)
    server:write("one two\nthr")
    local task = neap.spawn(function()
      neap.sleep(0)
      server:write("ee\n")
      server:close()
    end)

    local got = {}
    for word in words do
      table.insert(got, word)
    end

    assert.same({ "one", "two", "three" }, got)
    task:await()
    close_all(client, server)
  end)

  it("cannot wait outside a task, and says so", function()
    local client, server = connected()
    local err

    table.sort({ 2, 1 }, function()
      local _
      _, err = pcall(client.read, client)
      return false
    end)

    assert.equal("INVALID_STATE", neap.error_code(err))
    close_all(client, server)
  end)

  it("is collected with what it owned", function()
    for _ = 1, 20 do
      local client, server = connected()
      client:write("x")
      server:read()
    end
    collectgarbage()
    collectgarbage()
    settle()
  end)
end)

describe("a program", function()
  it("ends though a stream is open on which nobody waits", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local listener = assert(neap.net.listen("127.0.0.1", 0))
      local client = assert(neap.net.connect("127.0.0.1", listener:address().port))
      local server = assert(listener:accept())
      client:write("x")
      print(server:read())
    ]])

    assert.equal("x\n", out, err)
    assert.equal(0, code)
  end)

  it("sends what it wrote before it closed, and then ends", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local a, b = neap.net.pair()
      local text = ("x"):rep(1000000)
      local writer = neap.spawn(a.write, a, text)
      local reader = neap.spawn(function() print(#b:readall()) end)
      neap.sleep(0)
      a:close()
      pcall(neap.await, writer)
    ]])

    assert.equal("1000000\n", out, err)
    assert.equal(0, code)
  end)

  it("is in a DEADLOCK when it reads from a stream in memory that nobody writes to", function()
    local _, err, code = child.run([[
      local neap = require("neap")
      local a, b = neap.testing.stream_pair()
      b:read()
      print(a)
    ]])

    assert.matches("DEADLOCK", err)
    assert.matches("memory read", err)
    assert.equal(1, code)
  end)
end)
