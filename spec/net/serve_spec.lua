--- Serving: handlers that run for connections, and how many at a time.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local tcp = require("spec.support.tcp")
local wait_until = require("spec.support.wait_until")

local serve, connect, echo, stop = tcp.serve, tcp.connect, tcp.echo, tcp.stop
local it, net = case.it, neap.net
local settle = neap.testing.settle

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
