local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local tcp = require("spec.support.tcp")
local wait_until = require("spec.support.wait_until")

local serve, connect, echo, stop = tcp.serve, tcp.connect, tcp.echo, tcp.stop
local it, net = case.it, neap.net
local settle = neap.testing.settle

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
