--- WebSockets beside the other routes of an app.
local case = require("spec.support.case")
local neap = require("neap")
local support = require("spec.support.websocket")

local describe, it = describe, case.it
local http = neap.http

--- Runs `body(url, server)` beside an app.
local function with(app, body, opts)
  local given = { host = "127.0.0.1", port = 0 }
  for name, value in pairs(opts or {}) do
    given[name] = value
  end
  local server = assert(app:serve(given))
  local ok, err = pcall(body, "127.0.0.1:" .. server:address().port, server)
  server:close(0)
  server:wait_closed()
  assert(ok, err)
end

describe("app:websocket", function()
  it("serves a route with parameters, behind middleware", function()
    local app = http.app()
    local seen
    app:use(function(req, next)
      seen = req.path
      return next(req)
    end)
    app:websocket("/room/{name}", function(ws, req)
      ws:send(req.params.name .. " " .. req.query.nick)
      support.echo(ws)
    end)
    with(app, function(url)
      local ws <close> = assert(http.websocket("ws://" .. url .. "/room/blue?nick=ann"))
      assert.equal("blue ann", (ws:receive()))
      assert.equal("/room/blue", seen)
      ws:send("x")
      assert.equal("x", (ws:receive()))
    end)
  end)

  it("leaves other routes as they are", function()
    local app = http.app()
    app:websocket("/ws", support.echo)
    app:get("/", function() return "plain" end)
    with(app, function(url)
      local ws <close> = assert(http.websocket("ws://" .. url .. "/ws"))
      local stream <close> = neap.net.connect("127.0.0.1", tonumber(url:match("%d+$")))
      stream:write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      assert.matches("plain$", stream:readall())
      ws:send("x")
      assert.equal("x", (ws:receive()))
    end)
  end)

  it("keeps the request no longer than its handler does", function()
    local app = http.app()
    local requests = setmetatable({}, { __mode = "k" })
    app:use(function(req, next)
      requests[req] = true
      return next(req)
    end)
    app:websocket("/short", support.echo)
    app:websocket("/long", function(ws, req)
      support.echo(ws)
      assert(req.path == "/long")
    end)
    with(app, function(url)
      local ws <close> = assert(http.websocket("ws://" .. url .. "/short"))
      local long <close> = assert(http.websocket("ws://" .. url .. "/long"))
      for _, one in ipairs({ ws, long }) do
        one:send("x")
        one:receive()
      end
      collectgarbage()
      collectgarbage()
      assert.equal("/long", next(requests).path)
      assert.is_nil(next(requests, (next(requests))))
    end)
  end)

  it("says which request a handler that fails was for", function()
    local app = http.app()
    app:websocket("/bad", function(ws)
      ws:receive()
      error("broken")
    end)
    local said
    neap.loop.set_exception_handler(function(context) said = context end)
    with(app, function(url)
      local ws <close> = assert(http.websocket("ws://" .. url .. "/bad", { headers = { ["X-Request-Id"] = "id7" } }))
      ws:send("x")
      assert.is_nil(ws:receive())
      assert.equal(1011, ws.close_code)
    end)
    neap.loop.set_exception_handler(nil)
    assert.equal("request id7: GET /bad failed", said.message)
    assert.matches("broken", said.error)
    assert.matches("route_spec", said.traceback)
  end)

  it("logs a request when it is answered", function()
    local lines = {}
    local app = http.app():websocket("/ws", support.echo)
    with(app, function(url)
      local ws <close> = assert(http.websocket("ws://" .. url .. "/ws"))
      ws:send("x")
      ws:receive()
      assert.matches('"GET /ws HTTP/1.1" 101', lines[1])
    end, { access_log = function(line) lines[#lines + 1] = line end })
  end)

  it("refuses a plain GET with 426 and the version", function()
    local app = http.app()
    app:websocket("/ws", support.echo)
    with(app, function(url)
      local stream <close> = neap.net.connect("127.0.0.1", tonumber(url:match("%d+$")))
      stream:write("GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
      local text = stream:readall()
      assert.matches("^HTTP/1.1 426 ", text)
      assert.matches("\r\nUpgrade: websocket\r\n", text, 1, true)
    end)
  end)

  it("refuses other paths and origins", function()
    local app = http.app()
    app:websocket("/ws", support.echo, { origins = { "https://here.example" } })
    with(app, function(url)
      local ws, err = http.websocket("ws://" .. url .. "/other")
      assert.is_nil(ws)
      assert.equal(404, err.status)
      ws, err = http.websocket("ws://" .. url .. "/ws", { origin = "https://there.example" })
      assert.is_nil(ws)
      assert.equal(403, err.status)
    end)
  end)

  it("takes frames that came with the request", function()
    local app = http.app()
    app:websocket("/ws", support.echo)
    with(app, function(url)
      local stream <close> = neap.net.connect("127.0.0.1", tonumber(url:match("%d+$")))
      stream:write("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        .. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .. support.frame(0x81, "early"))
      assert.matches("^HTTP/1.1 101 ", stream:readuntil("\r\n\r\n"))
      local _, payload = support.read_frame(stream)
      assert.equal("early", payload)
    end)
  end)

  it("takes one of several protocols that are asked for", function()
    local app = http.app()
    app:websocket("/ws", support.echo)
    with(app, function(url)
      for upgrade, status in pairs({ ["h2c, WebSocket"] = 101, ["websockets"] = 426 }) do
        local stream <close> = neap.net.connect("127.0.0.1", tonumber(url:match("%d+$")))
        stream:write("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: " .. upgrade .. "\r\nConnection: Upgrade\r\n"
          .. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert.matches("^HTTP/1.1 " .. status, stream:readuntil("\r\n\r\n"))
      end
    end)
  end)

  it("tells sockets 1001 when the server is closed", function()
    local app = http.app()
    local ended
    app:websocket("/ws", function(ws)
      support.echo(ws)
      ended = ws.close_code
    end)
    with(app, function(url, server)
      local ws <close> = assert(http.websocket("ws://" .. url .. "/ws"))
      ws:send("x")
      ws:receive()
      server:close()
      assert.is_nil(ws:receive())
      assert.equal(1001, ws.close_code)
      server:wait_closed()
      assert.equal(1001, ended)
    end)
  end)

  it("checks its options at once", function()
    local ok, err = pcall(http.app().websocket, http.app(), "/ws", support.echo, { max_mesage = 1 })
    assert.is_false(ok)
    assert.matches("bad argument #3 to 'websocket' (unknown option 'max_mesage')", err, 1, true)
  end)

  it("serves many at a time", function()
    local app = http.app()
    app:websocket("/ws", support.echo)
    with(app, function(url)
      local tasks = {}
      for i = 1, 200 do
        tasks[i] = neap.spawn(function()
          local ws <close> = assert(http.websocket("ws://" .. url .. "/ws"))
          for j = 1, 5 do
            local message = ("%d %d "):format(i, j):rep(j * 20)
            ws:send(message)
            assert.equal(message, (ws:receive()))
          end
        end)
      end
      neap.gather(tasks)
    end)
  end)
end)
