local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, net = case.it, neap.net
local settle = neap.testing.settle

local function serve(handler, opts)
  local server = assert(net.serve("127.0.0.1", 0, handler, opts))
  return server, server:address().port
end

local function connect(port)
  return assert(net.connect("127.0.0.1", port))
end

local function echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end

--- Turns the loop until `condition()` holds.
local function wait_until(condition)
  neap.timeout(5, function()
    while not condition() do
      neap.sleep(0.001)
    end
  end)
end

--- Closes a server and waits until it is gone.
local function stop(server)
  server:close(0)
  server:wait_closed()
end

describe("net.serve", function()
  it("runs the handler with a stream for each connection", function()
    local server, port = serve(echo)

    local a, b = connect(port), connect(port)
    a:write("from a")
    b:write("from b")

    assert.equal("from a", a:read())
    assert.equal("from b", b:read())
    a:close()
    b:close()
    stop(server)
  end)

  it("runs handlers side by side", function()
    local server, port = serve(echo)
    local clients = {}
    for i = 1, 50 do
      clients[i] = connect(port)
    end
    for i = 50, 1, -1 do
      clients[i]:write("message " .. i)
      assert.equal("message " .. i, clients[i]:read())
    end

    assert.equal(50, server:connections())
    for _, client in ipairs(clients) do
      client:close()
    end
    stop(server)
  end)

  it("serves 1000 clients at a time", function()
    local server, port = serve(echo)
    local tasks = {}
    for i = 1, 1000 do
      tasks[i] = neap.spawn(function()
        local client <close> = connect(port)
        for j = 1, 3 do
          client:write(("%d-%d\n"):format(i, j))
          assert.equal(("%d-%d"):format(i, j), client:readline())
        end
      end)
    end

    neap.gather(tasks)

    wait_until(function() return server:connections() == 0 end)
    stop(server)
  end)

  it("closes the stream when the handler returns", function()
    local server, port = serve(function(stream) stream:write("bye") end)
    local client <close> = connect(port)

    assert.equal("bye", client:readall())

    stop(server)
  end)

  it("sends all that the handler wrote", function()
    local text = ("0123456789"):rep(300 * 1024)
    local server, port = serve(function(stream)
      neap.spawn(stream.write, stream, text):cancel()
      neap.current_task():set_name("writer")
      stream:write(text)
    end)
    local client <close> = connect(port)

    assert.equal(#text, #client:readall())

    stop(server)
  end)

  it("closes the stream when the handler raises, and reports that", function()
    local server, port = serve(function(stream)
      if stream:readline() == "fail" then
        error("as told")
      end
      stream:write("fine")
    end)

    local contexts = expect.reports(function()
      local bad, good <close> = connect(port), connect(port)
      bad:write("fail\n")
      assert.equal("", bad:readall())
      bad:close()
      good:write("go on\n")
      assert.equal("fine", good:readall())
    end)

    assert.equal(1, #contexts)
    assert.matches("as told", contexts[1].error)
    assert.matches("traceback", contexts[1].traceback)
    stop(server)
  end)

  it("does not report a handler that is cancelled", function()
    local server, port = serve(function(stream) stream:read() end)

    local contexts = expect.reports(function()
      local client <close> = connect(port)
      wait_until(function() return server:connections() == 1 end)
      stop(server)
      client:readall()
    end)

    assert.equal(0, #contexts)
  end)

  it("takes anything that can be called", function()
    local server, port = serve(setmetatable({}, {
      __call = function(_, stream) stream:write("called") end,
    }))
    local client <close> = connect(port)

    assert.equal("called", client:readall())

    stop(server)
  end)

  it("returns the error of a port that is taken", function()
    local server, port = serve(echo)

    local other, err = net.serve("127.0.0.1", port, echo)

    assert.is_nil(other)
    assert.equal("EADDRINUSE", err.code)
    stop(server)
  end)

  it("refuses arguments of the wrong kind", function()
    local start = net.serve
    expect.bad_argument("#1 to 'serve'", "got boolean", function() start(true, 0, echo) end)
    expect.bad_argument("#2 to 'serve'", "got nil", function() start(nil, nil, echo) end)
    expect.bad_argument("#3 to 'serve'", "got no value", function() start("*", 0) end)
    expect.bad_argument("#3 to 'serve'", "got table", function() start("*", 0, {}) end)
    expect.bad_argument("#4 to 'serve'", nil, function() start("*", 0, echo, { max_connections = 0 }) end)
    expect.bad_argument("#4 to 'serve'", nil, function() start("*", 0, echo, { max = 1 }) end)
  end)
end)

describe("max_connections", function()
  it("lets further connections wait until one has ended", function()
    local server, port = serve(echo, { max_connections = 2 })
    local clients = {}
    for i = 1, 4 do
      clients[i] = connect(port)
      clients[i]:write("hello " .. i)
    end
    assert.equal("hello 1", clients[1]:read())
    assert.equal("hello 2", clients[2]:read())
    settle()
    assert.equal(2, server:connections())

    clients[1]:close()

    assert.equal("hello 3", clients[3]:read())
    clients[2]:close()
    assert.equal("hello 4", clients[4]:read())
    assert.equal(2, server:connections())
    clients[3]:close()
    clients[4]:close()
    stop(server)
  end)

  it("holds back no more than that with one at a time", function()
    local running, most, served = 0, 0, 0
    local server, port = serve(function(stream)
      running = running + 1
      most = math.max(most, running)
      stream:write(stream:readline())
      running = running - 1
      served = served + 1
    end, { max_connections = 1 })
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = neap.spawn(function()
        local client <close> = connect(port)
        client:write("x\n")
        return client:readall()
      end)
    end

    neap.gather(tasks)

    assert.equal(1, most)
    wait_until(function() return served == 20 end)
    stop(server)
  end)

  it("does not keep a server that is closed", function()
    local server, port = serve(echo, { max_connections = 1 })
    local client <close> = connect(port)
    client:write("x")
    client:read()
    settle()

    stop(server)

    assert.is_nil(client:read())
  end)
end)

describe("a Server", function()
  it("knows its address", function()
    local server, port = serve(echo)

    assert.same({ host = "127.0.0.1", port = port }, server:address())
    stop(server)
    assert.same({ host = "127.0.0.1", port = port }, server:address())
  end)

  it("says what it is", function()
    local server, port = serve(echo)

    assert.matches("^Server %(127%.0%.0%.1:" .. port, tostring(server))
    stop(server)
    assert.matches("closed", tostring(server))
  end)

  it("stops accepting when it is closed", function()
    local server, port = serve(echo)

    server:close()
    server:close()

    assert.equal("ECONNREFUSED", select(2, net.connect("127.0.0.1", port)).code)
    server:wait_closed()
  end)

  it("lets running handlers go on when it is closed", function()
    local server, port = serve(echo)
    local client = connect(port)
    client:write("before")
    client:read()

    server:close()

    client:write("after")
    assert.equal("after", client:read())
    assert.equal(1, server:connections())
    client:close()
    server:wait_closed()
    assert.equal(0, server:connections())
  end)

  it("closes at once those that are left with a grace of 0", function()
    local cleaned
    local server, port = serve(function(stream)
      local _ <close> = setmetatable({}, { __close = function() cleaned = true end })
      stream:read()
    end)
    local client <close> = connect(port)
    wait_until(function() return server:connections() == 1 end)
    settle()

    server:close(0)
    server:wait_closed()

    assert.is_true(cleaned)
    assert.is_nil(client:read())
  end)

  it("closes connections whose handler has not begun", function()
    local server, port = serve(function() error("must not run") end)
    local client <close> = connect(port)
    while server:connections() == 0 do
      neap.sleep(0)
    end

    server:close(0)
    server:wait_closed()

    assert.equal("", client:readall())
  end)

  it("does not count a handler that somebody cancels before it begins", function()
    local server, port = serve(function() error("must not run") end, { max_connections = 1 })
    local client <close> = connect(port)
    while server:connections() == 0 do
      neap.sleep(0)
    end
    for _, task in ipairs(neap.tasks()) do
      if task ~= neap.current_task() and not task:name():find("^server ") then
        task:cancel()
      end
    end

    server:close()
    server:wait_closed()

    assert.equal("", client:readall())
  end)

  case.timed_sockets("gives handlers the grace and then cancels them", function()
    local ended
    local server, port = serve(function(stream)
      local ok, err = pcall(stream.read, stream)
      ended = neap.loop.time()
      error(ok or err, 0)
    end)
    local client <close> = connect(port)
    while server:connections() == 0 do
      settle()
    end
    local start = neap.loop.time()

    server:close(30)
    server:wait_closed()

    assert.is_true(ended - start >= 30)
    assert.is_nil(client:read())
  end)

  it("does not wait for the grace when the last handler has ended", function()
    local server, port = serve(echo)
    local client = connect(port)
    client:write("x")
    client:read()

    server:close(3600)
    client:close()

    server:wait_closed()
  end)

  it("raises CANCELLED in handlers only once the grace is over, cleanup included", function()
    local cleaned
    local server, port = serve(function(stream)
      local _ <close> = setmetatable({}, {
        __close = function()
          neap.shield(neap.sleep, 0.001)
          cleaned = true
        end,
      })
      stream:read()
    end)
    local client <close> = connect(port)
    wait_until(function() return server:connections() == 1 end)
    settle()

    server:close(0)
    server:wait_closed()

    assert.is_true(cleaned)
    assert.is_nil(client:read())
  end)

  it("is closed as a <close> variable", function()
    local port
    do
      local server <close> = serve(echo)
      port = server:address().port
    end

    assert.equal("ECONNREFUSED", select(2, net.connect("127.0.0.1", port)).code)
  end)

  it("serves until it is closed in serve_forever", function()
    local server = serve(echo)
    local task = neap.spawn(server.serve_forever, server)
    settle()
    assert.equal("waiting", task:status())

    server:close()

    task:await()
    server:serve_forever()
    server:wait_closed()
  end)

  it("lets several tasks wait for its end", function()
    local server = serve(echo)
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = neap.spawn(server.wait_closed, server)
    end
    settle()

    server:close()

    neap.gather(tasks)
  end)

  it("is closed when its task is cancelled", function()
    local server, port = serve(echo)
    settle()
    for _, task in ipairs(neap.tasks()) do
      if task:name():find("^server ") then
        task:cancel()
      end
    end

    server:wait_closed()

    assert.equal("ECONNREFUSED", select(2, net.connect("127.0.0.1", port)).code)
  end)

  it("refuses a grace that is no time", function()
    local server = serve(echo)
    expect.bad_argument("#1 to 'close'", "got NaN", function() server:close(0 / 0) end)
    expect.bad_argument("#1 to 'close'", "got string", function() server:close("soon") end)
    stop(server)
  end)
end)

describe("a program that serves", function()
  it("goes on until the server is closed", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local server
      server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
        print(stream:readline())
        server:close()
      end))
      neap.spawn(function()
        local client <close> = assert(neap.net.connect("127.0.0.1", server:address().port))
        client:write("hello\n")
      end)
    ]])

    assert.equal("hello\n", out, err)
    assert.equal(0, code)
  end)

  it("has status 0 though a handler failed", function()
    local _, err, code = child.run([[
      local neap = require("neap")
      local server = assert(neap.net.serve("127.0.0.1", 0, function() error("oops") end))
      local client = assert(neap.net.connect("127.0.0.1", server:address().port))
      client:readall()
      server:close()
    ]])

    assert.matches("oops", err)
    assert.equal(0, code)
  end)

  it("keeps serving when descriptors run out, and accepts again", function()
    local out, err, code = child.run_as("ulimit -n 60; timeout -k 1 20 %s", [[
      local neap = require("neap")
      local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
        for line in stream:lines() do
          stream:write(line, "\n")
        end
      end))
      local port = server:address().port
      local first = assert(neap.net.connect("127.0.0.1", port))
      first:write("one\n")
      print(first:readline())
      local clients = {}
      while true do
        local client, err = neap.net.connect("127.0.0.1", port)
        if not client then
          print(err.code)
          break
        end
        table.insert(clients, client)
      end
      first:write("two\n")
      print(first:readline())
      local last = table.remove(clients)
      for _, client in ipairs(clients) do
        client:close()
      end
      last:write("three\n")
      print(neap.timeout(5, last.readline, last))
      neap.exit()
    ]])

    assert.equal("one\nEMFILE\ntwo\nthree\n", out, err)
    assert.equal(0, code, err)
  end)

  it("ends its handlers and closes when it is told to exit", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
        local _ <close> = setmetatable({}, { __close = function() print("cleaned") end })
        stream:write("x")
        stream:read()
      end))
      local client = assert(neap.net.connect("127.0.0.1", server:address().port))
      client:read()
      neap.exit(3)
    ]])

    assert.equal("cleaned\n", out, err)
    assert.equal(3, code, err)
  end)
end)
