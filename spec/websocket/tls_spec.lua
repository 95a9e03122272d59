--- WebSockets behind TLS.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")
local support = require("spec.support.websocket")
local websocket = require("neap.websocket")

local describe, it = describe, case.it

--- Runs `body(url)` beside an app behind TLS.
local function with(body)
  local app = neap.http.app()
  app:websocket("/ws", support.echo)
  local server = assert(app:serve({
    host = "127.0.0.1", port = 0, tls = { cert = certs.server.cert, key = certs.server.key },
  }))
  local ok, err = pcall(body, "127.0.0.1:" .. server:address().port)
  server:close(0)
  server:wait_closed()
  assert(ok, err)
end

describe("a WebSocket behind TLS", function()
  it("echoes, both by wss and by https", function()
    with(function(address)
      for _, scheme in ipairs({ "wss", "https" }) do
        local url = ("%s://%s/ws"):format(scheme, address)
        local ws <close> = assert(websocket.connect(url, { tls = { ca = certs.ca.cert } }))
        for _, size in ipairs({ 0, 10, 5000, 300000 }) do
          local message = ("x"):rep(size)
          ws:send(message, "binary")
          assert.equal(message, (ws:receive()))
        end
        ws:close(4000, "enough")
        ws:wait_closed()
        assert.equal(4000, ws.close_code)
      end
    end)
  end)

  it("takes a context", function()
    with(function(address)
      local context = assert(neap.tls.context({ ca = certs.ca.cert }))
      local ws <close> = assert(websocket.connect("wss://" .. address .. "/ws", { tls = context }))
      ws:send("x")
      assert.equal("x", (ws:receive()))
    end)
  end)

  it("is refused when the certificate is not trusted", function()
    with(function(address)
      local ws, err = websocket.connect("wss://" .. address .. "/ws")
      assert.is_nil(ws)
      assert.equal("TLS", err.code)
    end)
  end)

  it("tells the client 1001 when the server ends", function()
    local ws
    with(function(address)
      ws = assert(websocket.connect("wss://" .. address .. "/ws", { tls = { ca = certs.ca.cert } }))
    end)
    assert.is_nil(ws:receive())
    assert.equal(1001, ws.close_code)
    ws:wait_closed()
  end)
end)
