local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local tcp = require("spec.support.tcp")

local listen, closed_port, close_all = tcp.listen, tcp.closed_port, tcp.close_all
local it, net = case.it, neap.net
local settle = neap.testing.settle

local has_ipv6 = (function()
  local listener = net.listen("::1", 0)
  if listener then
    listener:close()
  end
  return listener ~= nil
end)()

describe("net.listen", function()
  it("takes a free port", function()
    local listener, port = listen()

    assert.equal("127.0.0.1", listener:address().host)
    assert.is_true(port > 0)
    listener:close()
  end)

  for _, host in ipairs({ "*", false }) do
    it(("is every interface for %s"):format(host or "nil"), function()
      local listener = assert(net.listen(host or nil, 0))
      local port = listener:address().port

      local client = assert(net.connect("127.0.0.1", port))
      local accepted = assert(listener:accept())
      assert.equal("127.0.0.1", accepted:peername().host)
      close_all(client, accepted)

      if has_ipv6 then
        client = assert(net.connect("::1", port))
        accepted = assert(listener:accept())
        assert.equal("::1", accepted:peername().host)
        close_all(client, accepted)
      end
      listener:close()
    end)
  end

  it("binds every address of a name on one port", function()
    local listener = assert(net.listen("localhost", 0))
    local port = listener:address().port

    for _, address in ipairs(assert(net.resolve("localhost"))) do
      if address.family == "ipv4" or has_ipv6 then
        local client = assert(net.connect(address.host, port))
        close_all(client, (assert(listener:accept())))
      end
    end
    listener:close()
  end)

  it("returns the error of a port that is taken", function()
    local listener, port = listen()

    local other, err = net.listen("127.0.0.1", port)

    assert.is_nil(other)
    assert.equal("EADDRINUSE", err.code)
    assert.equal("listen", err.op)
    assert.equal(port, err.port)
    listener:close()
  end)

  it("shares a port with reuse_port", function()
    local listener, port = listen({ reuse_port = true })

    local other = assert(net.listen("127.0.0.1", port, { reuse_port = true }))

    close_all(listener, other)
  end)

  it("returns the error of an address that is not ours", function()
    local listener, err = net.listen("192.0.2.1", 0)

    assert.is_nil(listener)
    assert.equal("EADDRNOTAVAIL", err.code)
  end)

  it("returns the error of a descriptor that is no socket", function()
    local listener, err = net.listen(nil, nil, { fd = 0 })

    assert.is_nil(listener)
    assert.equal("ENOTSOCK", err.code)
  end)

  it("refuses arguments of the wrong kind", function()
    local bind = net.listen
    expect.bad_argument("#1 to 'listen'", "got table", function() bind({}, 1) end)
    expect.bad_argument("#2 to 'listen'", "got no value", function() bind("*") end)
    expect.bad_argument("#2 to 'listen'", nil, function() bind("*", 70000) end)
    expect.bad_argument("#3 to 'listen'", nil, function() bind("*", 0, { max_connections = 1 }) end)
    expect.bad_argument("#3 to 'listen'", nil, function() bind("*", 0, { backlog = 0.5 }) end)
  end)
end)

describe("a Listener", function()
  it("accepts in the order of the connections", function()
    local listener, port = listen()
    local ports = {}
    local clients = {}
    for i = 1, 5 do
      clients[i] = assert(net.connect("127.0.0.1", port))
      ports[i] = clients[i]:sockname().port
    end

    local got = {}
    for i = 1, 5 do
      local stream <close> = assert(listener:accept())
      got[i] = stream:peername().port
    end

    assert.same(ports, got)
    close_all(listener, table.unpack(clients))
  end)

  it("says what accept waits for", function()
    local listener, port = listen()
    local task = neap.spawn(listener.accept, listener)
    settle()

    assert.equal("accept 127.0.0.1:" .. port, task:waiting_on())
    task:cancel()
    listener:close()
  end)

  it("is BUSY while another task accepts", function()
    local listener, port = listen()
    local task = neap.spawn(listener.accept, listener)
    settle()

    expect.code("BUSY", listener.accept, listener)

    local client = assert(net.connect("127.0.0.1", port))
    close_all(client, (assert(task:await())), listener)
  end)

  it("loses no connection when accept is cancelled", function()
    local listener, port = listen()
    local task = neap.spawn(listener.accept, listener)
    settle()
    task:cancel()
    local client = assert(net.connect("127.0.0.1", port))

    local accepted = assert(listener:accept())

    assert.same(client:sockname(), accepted:peername())
    close_all(client, accepted, listener)
  end)

  it("raises CLOSED in accept when it is closed", function()
    local listener = listen()
    local task = neap.spawn(listener.accept, listener)
    settle()

    listener:close()

    expect.code("CLOSED", neap.await, task)
    expect.code("CLOSED", listener.accept, listener)
    expect.code("CLOSED", listener.address, listener)
    listener:close()
  end)

  it("does nothing in a task that is cancelled", function()
    local listener, port = listen()
    local client = assert(net.connect("127.0.0.1", port))
    local task = neap.spawn(function()
      neap.current_task():cancel()
      listener:accept()
    end)

    expect.code("CANCELLED", neap.await, task)

    close_all((assert(listener:accept())), client, listener)
  end)

  it("ends incoming when it is closed", function()
    local listener, port = listen()
    local served = 0
    local task = neap.spawn(function()
      for stream in listener:incoming() do
        served = served + 1
        stream:close()
      end
      return "ended"
    end)
    local client = assert(net.connect("127.0.0.1", port))
    client:readall()

    listener:close()

    assert.equal("ended", task:await())
    assert.equal(1, served)
    close_all(client)
  end)

  it("is closed by the incoming that is closed", function()
    local listener = listen()
    do
      local incoming <close> = listener:incoming()
      assert.is_truthy(incoming)
    end

    expect.code("CLOSED", listener.address, listener)
  end)

  it("refuses connections once it is closed", function()
    local port = closed_port()

    assert.equal("ECONNREFUSED", select(2, net.connect("127.0.0.1", port)).code)
  end)

  it("is closed when it is collected", function()
    local _, port = listen()
    _ = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()

    assert.equal("ECONNREFUSED", select(2, net.connect("127.0.0.1", port)).code)
  end)

  it("gives its line limit to streams", function()
    local listener, port = listen({ limit = 2 })
    local client = assert(net.connect("127.0.0.1", port))
    local accepted = assert(listener:accept())
    client:write("123\n")

    assert.equal("LIMIT", select(2, accepted:readline()).code)
    close_all(client, accepted, listener)
  end)

  it("says what it is", function()
    local listener, port = listen()

    assert.equal("Listener (127.0.0.1:" .. port .. ")", tostring(listener))
    listener:close()
    assert.equal("Listener (closed)", tostring(listener))
  end)

  it("accepts again as soon as there are descriptors", function()
    local out, err, code = child.run_as("ulimit -n 40; timeout -k 1 20 %s", [[
      local neap = require("neap")
      local listener = assert(neap.net.listen("127.0.0.1", 0))
      local port = listener:address().port
      local clients = {}
      while true do
        local client, err = neap.net.connect("127.0.0.1", port)
        if not client then
          print(err.code)
          break
        end
        table.insert(clients, client)
      end
      local accepted = 0
      local server = neap.spawn(function()
        for stream in listener:incoming() do
          accepted = accepted + 1
          neap.spawn(function()
            stream:write(stream:readall())
            stream:close()
          end)
        end
      end)
      local start = os.clock()
      neap.sleep(0.2)
      assert(accepted == 0 and os.clock() - start < 0.1, "busy loop")
      for i = 1, #clients * 3 // 4 do
        clients[i]:close()
      end
      local last = clients[#clients]
      last:write("hello")
      last:shutdown()
      print(neap.timeout(5, last.readall, last))
      neap.exit()
    ]])

    assert.equal("EMFILE\nhello\n", out, err)
    assert.equal(0, code, err)
  end)
end)
