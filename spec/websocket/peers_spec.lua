--- The library `websockets` of Python at the other end.
local case = require("spec.support.case")
local neap = require("neap")
local support = require("spec.support.websocket")
local websocket = require("neap.websocket")

local describe, it = describe, case.it

-- The one for which the system has packages.
local PYTHON = "/usr/bin/python3"
local PEER = "spec/support/websocket_peer.py"

local function serve()
  local app = neap.http.app()
  app:websocket("/echo", support.echo, { subprotocols = { "v1" } })
  app:websocket("/small", support.echo, { max_message = 1000 })
  app:websocket("/bye", function(ws) ws:close(4002, "bye") end)
  app:websocket("/fail", function() error("on purpose") end)
  local server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
  return server, "ws://127.0.0.1:" .. server:address().port
end

--- Runs `fn` without reports of errors that are raised on purpose.
local function quietly(fn)
  local reports = {}
  neap.loop.set_exception_handler(function(context)
    reports[#reports + 1] = tostring(context.error)
  end)
  local result = table.pack(pcall(fn))
  neap.loop.set_exception_handler(nil)
  assert(table.unpack(result, 1, result.n))
  return reports
end

describe("python's websockets as a client", function()
  it("is served", function()
    quietly(function()
      local server, url = serve()
      local result = assert(neap.process.run({ PYTHON, PEER, "client", url }, { timeout = 30 }))
      server:close(0)
      server:wait_closed()

      assert.equal("", result.stderr)
      assert.equal(table.concat({
        "subprotocol v1",
        "extensions ['permessage-deflate']",
        "closed 4000 enough",
        "subprotocol v1",
        "extensions []",
        "closed 4000 enough",
        "/bye 4002 bye",
        "/fail 1011 ",
        "/small 1009 the message is too long",
        "/small 1009 the message is too long",
        "nowhere 404",
        "",
      }, "\n"), result.stdout)
    end)
  end)
end)

--- Runs `body(url)` beside a server in Python.
local function with_server(body, ...)
  local pipes = { stdin = "pipe", stdout = "pipe", stderr = "null" }
  local peer <close> = assert(neap.process.spawn({ PYTHON, PEER, "server", ... }, pipes))
  local port = assert(peer.stdout:readline())
  body("ws://127.0.0.1:" .. port)
  peer.stdin:close()
  peer.stdout:close()
  peer:wait()
end

describe("python's websockets as a server", function()
  for _, mode in ipairs({ "deflate", "plain" }) do
    it("echoes (" .. mode .. ")", function()
      with_server(function(url)
        local ws <close> = assert(websocket.connect(url .. "/echo", { subprotocols = { "v0", "v1" } }))
        assert.equal("v1", ws.subprotocol)
        assert.equal(mode == "deflate", ws.extensions ~= nil)
        for _, size in ipairs({ 0, 1, 126, 5000, 70000, 900000 }) do
          for _, kind in ipairs({ "text", "binary" }) do
            local message = ("grüß dich "):rep(size):sub(1, size - size % 12)
            assert(ws:send(message, kind))
            assert.same({ message, kind }, { ws:receive() })
          end
        end
        assert.is_true(ws:ping(nil, 5) < 5)
        ws:close(1000, "enough")
        ws:wait_closed()
        assert.equal(1000, ws.close_code)
      end, mode)
    end)
  end

  it("closes with its code", function()
    with_server(function(url)
      local ws <close> = assert(websocket.connect(url .. "/close"))
      assert.is_nil(ws:receive())
      assert.equal(4001, ws.close_code)
      assert.equal("tschüß", ws.close_reason)
      ws:wait_closed()
    end)
  end)

  it("sends parts", function()
    with_server(function(url)
      local ws <close> = assert(websocket.connect(url .. "/parts"))
      assert.equal(("a"):rep(1000) .. ("b"):rep(1000) .. "c", (ws:receive()))
      ws:close()
      ws:wait_closed()
    end)
  end)

  it("gets its pings answered", function()
    with_server(function(url)
      local ws <close> = assert(websocket.connect(url .. "/ping"))
      assert.equal("answered", (ws:receive()))
      ws:close()
      ws:wait_closed()
    end)
  end)

  it("refuses", function()
    with_server(function(url)
      local ws, err = websocket.connect(url .. "/refuse")
      assert.is_nil(ws)
      assert.equal(403, err.status)
    end)
  end)
end)
