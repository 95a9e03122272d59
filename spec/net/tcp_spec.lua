local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, net = case.it, neap.net
local settle = neap.testing.settle

--- A listener on a free port of the loopback, and that port.
local function listen(opts)
  local listener = assert(net.listen("127.0.0.1", 0, opts))
  return listener, listener:address().port
end

--- A connected pair; the listener is gone.
local function connected(opts)
  local listener <close>, port = listen()
  local task = neap.spawn(net.connect, "127.0.0.1", port, opts)
  local accepted = assert(listener:accept())
  return assert(task:await()), accepted
end

--- A port of the loopback on which nobody listens.
local function closed_port()
  local listener <close>, port = listen()
  return port, listener
end

local function close_all(...)
  for _, object in ipairs({ ... }) do
    object:close()
    if object.wait_closed then
      object:wait_closed()
    end
  end
end

local has_ipv6 = (function()
  local listener = net.listen("::1", 0)
  if listener then
    listener:close()
  end
  return listener ~= nil
end)()

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

describe("net.pair", function()
  it("gives two connected streams", function()
    local a, b = net.pair()

    a:write("ping")
    assert.equal("ping", b:read())
    b:write("pong")
    assert.equal("pong", a:read())
    assert.equal("", a:peername().path)
    close_all(a, b)
  end)
end)

describe("net.stream", function()
  it("refuses what is no descriptor", function()
    local open = net.stream
    expect.bad_argument("#1 to 'stream'", "got no value", function() open() end)
    expect.bad_argument("#1 to 'stream'", nil, function() open(-1) end)
  end)

  it("returns the error of a descriptor that is not open", function()
    local stream, err = net.stream(12345)

    assert.is_nil(stream)
    assert.equal("EBADF", err.code)
  end)

  it("reads and writes a descriptor of its own", function()
    local out, err, code = child.run_as("echo hello | timeout 20 %s | cat", [[
      local neap = require("neap")
      local input = assert(neap.net.stream(0))
      local output = assert(neap.net.stream(1))
      output:write(input:readline():upper(), "\n")
    ]])

    assert.equal("HELLO\n", out, err)
    assert.equal(0, code)
  end)
end)

describe("net.pipe", function()
  --- a1 - a2 is piped to b1 - b2.
  local function piped()
    local a1, a2 = net.pair()
    local b1, b2 = net.pair()
    return a1, b2, neap.spawn(net.pipe, a2, b1), function() close_all(a1, a2, b1, b2) end
  end

  it("copies both ways", function()
    local a, b, task, done = piped()

    a:write("to b")
    b:write("to a")

    assert.equal("to b", b:read())
    assert.equal("to a", a:read())
    a:shutdown()
    b:shutdown()
    assert.is_true(task:await())
    done()
  end)

  it("keeps one way open when the other has ended", function()
    local a, b, task, done = piped()

    a:shutdown()

    assert.is_nil(b:read())
    b:write("still here")
    assert.equal("still here", a:read())
    b:shutdown()
    assert.is_true(task:await())
    done()
  end)

  it("copies more than the buffers hold", function()
    local a, b, task, done = piped()
    local text = ("0123456789abcdef"):rep(256 * 1024)
    local writer = neap.spawn(function()
      a:write(text)
      a:shutdown()
    end)

    assert.is_true(text == b:readall())

    b:shutdown()
    neap.gather({ task, writer })
    done()
  end)

  it("gives the error of a side that fails", function()
    local a1, a2 = connected()
    local b1, b2 = net.pair()
    local task = neap.spawn(net.pipe, a2, b1)
    settle()

    a1:abort()

    local ok, err = task:await()
    assert.is_nil(ok)
    assert.equal("ECONNRESET", err.code)
    close_all(a2, b1, b2)
  end)

  it("gives the error of one side where both fail at once", function()
    for _ = 1, 20 do
      local a1, a2 = connected()
      local b1, b2 = connected()
      local task = neap.spawn(net.pipe, a2, b2)
      settle()

      a1:abort()
      b1:abort()

      local ok, err = task:await()
      assert.is_nil(ok)
      assert.equal("ECONNRESET", err.code)
      close_all(a2, b2)
    end
  end)

  it("stops when it is cancelled", function()
    local _, _, task, done = piped()
    settle()

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    done()
  end)

  it("refuses what is no stream", function()
    local a, b = net.pair()
    local pipe = net.pipe
    expect.bad_argument("#1 to 'pipe'", "Stream expected, got nil", function() pipe(nil, b) end)
    expect.bad_argument("#2 to 'pipe'", "Stream expected, got no value", function() pipe(a) end)
    close_all(a, b)
  end)
end)

describe("net.resolve", function()
  it("gives the addresses of a name", function()
    for _, address in ipairs(assert(net.resolve("localhost"))) do
      assert.is_true(address.host == "127.0.0.1" or address.host == "::1", address.host)
      assert.is_true(address.family == "ipv4" or address.family == "ipv6")
      assert.is_nil(address.port)
    end
  end)

  it("gives an address as it is", function()
    assert.same({ { host = "192.0.2.7", family = "ipv4" } }, net.resolve("192.0.2.7"))
    assert.same({ { host = "2001:db8::1", family = "ipv6" } }, net.resolve("2001:db8::1"))
  end)

  it("puts the port into each", function()
    assert.same({ { host = "192.0.2.7", family = "ipv4", port = 80 } }, net.resolve("192.0.2.7", { port = 80 }))
  end)

  it("gives only addresses of the family asked for", function()
    for _, address in ipairs(assert(net.resolve("localhost", { family = "ipv4" }))) do
      assert.equal("ipv4", address.family)
    end
    local list, err = net.resolve("192.0.2.7", { family = "ipv6" })
    assert.is_nil(list)
    assert.equal("ENOTFOUND", err.code)
  end)

  it("gives ENOTFOUND for a name that does not exist", function()
    local list, err = net.resolve("does-not-exist.invalid")

    assert.is_nil(list)
    assert.is_true(err.code == "ENOTFOUND" or err.code == "EAI_AGAIN", err.code)
    assert.equal("resolve", err.op)
    assert.equal("does-not-exist.invalid", err.host)
  end)

  it("can be cancelled", function()
    local task = neap.spawn(net.resolve, "localhost")
    neap.sleep(0)
    if task:status() == "waiting" then
      assert.equal("resolve localhost", task:waiting_on())
    end
    task:cancel()

    local ok, result = pcall(neap.await, task)
    assert.is_true(ok or neap.is_cancelled(result))
  end)

  it("refuses arguments of the wrong kind", function()
    local resolve = net.resolve
    expect.bad_argument("#1 to 'resolve'", "got no value", function() resolve() end)
    expect.bad_argument("#2 to 'resolve'", nil, function() resolve("x", { family = 4 }) end)
    expect.bad_argument("#2 to 'resolve'", nil, function() resolve("x", { nonsense = 4 }) end)
  end)
end)
