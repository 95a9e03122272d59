--- What a WebSocket has of the session that opens it.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")

local it, http = case.it, neap.http

--- An app whose WebSocket tells the fields of its handshake; its URL without a
--- scheme.
local function serve(tls)
  local app = http.app()
  local function tell(ws, req)
    local seen = {}
    for _, name in ipairs({ "authorization", "cookie", "x-one", "x-two" }) do
      seen[#seen + 1] = name .. "=" .. table.concat(req.headers:get_all(name), ",")
    end
    ws:send(table.concat(seen, " "))
    ws:receive()
  end
  app:websocket("/ws", tell)
  app:websocket("/deep/ws", tell)
  app:get("/login", function()
    return { text = "", headers = { ["Set-Cookie"] = {
      "id=7; Path=/", "deep=8; Path=/deep", "safe=9; Path=/; Secure", "gone=1; Path=/; Max-Age=0",
    } } }
  end)
  local server = assert(app:serve({ host = "127.0.0.1", port = 0, tls = tls }))
  return setmetatable({ at = "localhost:" .. server:address().port }, { __close = function()
    server:close(0)
    server:wait_closed()
  end })
end

--- What the server sees of a WebSocket.
local function seen(session, url, opts)
  local ws = assert(session:websocket(url, opts))
  local text = assert(ws:receive())
  ws:close()
  return text
end

describe("a WebSocket of a session", function()
  it("is sent to and received from", function()
    local app = http.app()
    app:websocket("/", function(ws)
      for message, kind in ws:messages() do
        ws:send(message, kind)
      end
    end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    local session <close> = http.session()
    local ws = assert(session:websocket("ws://127.0.0.1:" .. server:address().port))

    ws:send("hello")
    assert.same({ "hello", "text" }, { ws:receive() })
    ws:send("\0\1", "binary")
    assert.same({ "\0\1", "binary" }, { ws:receive() })
    ws:close()
    server:close(0)
    server:wait_closed()
  end)

  it("has its fields, and those of the call in their place", function()
    local peer <close> = serve()
    local session <close> = http.session({ headers = { ["X-One"] = "1", ["X-Two"] = "2" } })
    local url = "ws://" .. peer.at .. "/ws"

    assert.equal("authorization= cookie= x-one=1 x-two=2", seen(session, url))
    assert.equal("authorization= cookie= x-one=a,b x-two=2",
      seen(session, url, { headers = { ["x-one"] = { "a", "b" } } }))
  end)

  it("has its base URL", function()
    local peer <close> = serve()
    local session <close> = http.session({ base_url = "http://" .. peer.at .. "/deep/" })

    assert.matches("^authorization=", seen(session, "ws"))
    assert.matches("^authorization=", seen(session, "/ws"))
  end)

  it("has its credentials", function()
    local peer <close> = serve()
    local url = "ws://" .. peer.at .. "/ws"
    for want, opts in pairs({
      ["Basic YTpi"] = { auth = "a:b" },
      ["Basic YTpj"] = { auth = { user = "a", password = "c" } },
      ["Bearer t"] = { bearer = "t" },
    }) do
      local session <close> = http.session(opts)
      assert.matches("authorization=" .. want, seen(session, url), 1, true)
      assert.matches("authorization=own ", seen(session, url, { headers = { Authorization = "own" } }), 1, true)
      assert.matches("authorization=Basic eDp5", seen(session, "ws://x:y@" .. peer.at .. "/ws"), 1, true)
    end
  end)

  it("has the cookies that belong to its URL", function()
    local peer <close> = serve()
    local session <close> = http.session({ cookies = { own = "1" } })
    assert.matches("cookie=own=1 ", seen(session, "ws://" .. peer.at .. "/ws"))
    assert(session:get("http://" .. peer.at .. "/login"))

    assert.matches("cookie=id=7; own=1 ", seen(session, "ws://" .. peer.at .. "/ws"))
    local deep = seen(session, "ws://" .. peer.at .. "/deep/ws")
    assert.matches("id=7", deep)
    assert.matches("deep=8", deep)
    assert.matches("cookie=own=1 ", seen(session, "ws://" .. peer.at:gsub("localhost", "127.0.0.1") .. "/ws"))
  end)

  it("has no cookies where the session has none", function()
    local peer <close> = serve()
    local session <close> = http.session({ cookies = false })
    assert(session:get("http://" .. peer.at .. "/login"))

    assert.matches("cookie= ", seen(session, "ws://" .. peer.at .. "/ws"))
  end)

  it("has its TLS", function()
    local peer <close> = serve({ cert = certs.server.cert, key = certs.server.key })
    local session <close> = http.session({ tls = { ca = certs.ca.cert } })
    assert(session:get("https://" .. peer.at .. "/login"))

    assert.matches("safe=9", seen(session, "wss://" .. peer.at .. "/ws"))
    local other <close> = http.session()
    local ws, err = other:websocket("wss://" .. peer.at .. "/ws")
    assert.is_nil(ws)
    assert.equal("TLS", err.code)
  end)

  it("has its timeout", function()
    local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
    local session <close> = http.session({ timeout = 0.02 })
    local ws, err = session:websocket("ws://127.0.0.1:" .. listener:address().port)

    assert.is_nil(ws)
    assert.equal("TIMEOUT", err.code)
  end)

  it("is refused by a closed session, and with what is no option", function()
    local session = http.session()
    assert.has_error(function() session:websocket("ws://x", { nothing = 1 }) end,
      "bad argument #2 to 'websocket' (unknown option 'nothing')")
    assert.has_error(function() session:websocket() end,
      "bad argument #1 to 'websocket' (string expected, got no value)")
    session:close()
    local ok, err = pcall(session.websocket, session, "ws://x")
    assert.is_false(ok)
    assert.equal("CLOSED", err.code)
  end)
end)
