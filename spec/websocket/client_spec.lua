--- A client that opens a WebSocket: what it sends, takes and refuses.
local case = require("spec.support.case")
local neap = require("neap")
local support = require("spec.support.websocket")
local websocket = require("neap.websocket")

local describe, it = describe, case.it
local settle, echo = neap.testing.settle, support.echo

local ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

--- A server that answers a request with what `reply(req)` gives.
local function fake(reply)
  local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
    local req = support.read_request(stream)
    stream:write(reply(req))
    stream:shutdown()
    stream:readall()
  end))
  return server, "ws://127.0.0.1:" .. server:address().port
end

local function accept_of(req)
  return require("neap.proto.ws").accept_key(req.headers:get("sec-websocket-key"))
end

local function answer(fields)
  return "HTTP/1.1 101 Switching Protocols\r\n" .. fields .. "\r\n\r\n"
end

local UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"

describe("a client", function()
  it("talks to a server", function()
    local server <close>, url = support.serve(echo)
    local ws <close> = assert(websocket.connect(url))
    assert.is_true(ws:send("hello"))
    assert.equal("hello", (ws:receive()))
    ws:close()
    ws:wait_closed()
    assert.equal(1000, ws.close_code)
    server:close()
    server:wait_closed()
  end)

  it("is neap.http.websocket", function()
    assert.equal(websocket.connect, neap.http.websocket)
  end)

  it("takes http for ws", function()
    local _ <close>, url = support.serve(echo, nil, "http")
    local ws <close> = assert(websocket.connect(url))
    ws:send("x")
    assert.equal("x", (ws:receive()))
  end)

  it("sends what RFC 6455 asks for", function()
    local seen
    local _ <close>, url = support.serve(function(_, req) seen = req end)
    local ws <close> = assert(websocket.connect(url, {
      subprotocols = { "a", "b" },
      origin = "https://example.org",
      headers = { ["X-Token"] = "t", Cookie = { "a=1", "b=2" } },
    }))
    ws:receive()
    assert.equal("/chat?x=1", seen.path)
    assert.equal("GET", seen.method)
    local expected = {
      host = url:match("//([^/]+)"), upgrade = "websocket", connection = "Upgrade",
      origin = "https://example.org", ["x-token"] = "t", ["sec-websocket-version"] = "13",
      ["sec-websocket-protocol"] = "a, b",
      ["sec-websocket-extensions"] = "permessage-deflate; client_max_window_bits",
    }
    for name, value in pairs(expected) do
      assert.same({ value }, seen.headers:get_all(name))
    end
    assert.same({ "a=1", "b=2" }, seen.headers:get_all("cookie"))
    assert.equal(24, #seen.headers:get("sec-websocket-key"))
  end)

  it("uses another key each time", function()
    local keys = {}
    local _ <close>, url = support.serve(function(_, req)
      keys[req.headers:get("sec-websocket-key")] = true
    end)
    for _ = 1, 3 do
      local ws <close> = assert(websocket.connect(url))
      ws:receive()
    end
    local count = 0
    for _ in pairs(keys) do
      count = count + 1
    end
    assert.equal(3, count)
  end)

  it("sends user and password of the URL", function()
    local seen
    local _ <close>, url = support.serve(function(_, req) seen = req.headers:get("authorization") end)
    local ws <close> = assert(websocket.connect((url:gsub("//", "//me:s%%40cret@"))))
    ws:receive()
    assert.equal("Basic bWU6c0BjcmV0", seen)
  end)

  it("knows the subprotocol, the extensions and the fields of the answer", function()
    local _ <close>, url = support.serve(echo, { subprotocols = { "b" }, headers = { Server = "neap" } })
    local ws <close> = assert(websocket.connect(url, { subprotocols = { "a", "b" } }))
    assert.equal("b", ws.subprotocol)
    assert.matches("^permessage%-deflate", ws.extensions)
    assert.equal("neap", ws.headers:get("server"))
  end)

  it("offers no compression with compress = false", function()
    local _ <close>, url = support.serve(echo)
    local ws <close> = assert(websocket.connect(url, { compress = false }))
    assert.is_nil(ws.extensions)
  end)

  it("is refused with the status and the fields of the answer", function()
    local _ <close>, url = fake(function()
      return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    end)
    local ws, err = websocket.connect(url)
    assert.is_nil(ws)
    assert.equal("HTTP", err.code)
    assert.equal(401, err.status)
    assert.equal("Basic", err.headers:get("www-authenticate"))
    assert.matches(url .. ": refused with 401 Unauthorized", err.message, 1, true)
  end)

  local D = "\r\nSec-WebSocket-Extensions: permessage-deflate"
  local wrong = {
    { "what is not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", "not HTTP" },
    { "a line that is no field", function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Accept: " .. accept_of(req) .. "\r\nno field")
    end, "not HTTP" },
    { "the status 200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "refused with 200 OK" },
    { "a redirect", "HTTP/1.1 302 Found\r\nLocation: ws://x/\r\n\r\n", "refused with 302 Found" },
    { "no Sec-WebSocket-Accept", answer("Upgrade: websocket\r\nConnection: Upgrade"), "does not belong" },
    { "the answer to another key", answer(UPGRADE .. "Sec-WebSocket-Accept: " .. ACCEPT), "does not belong" },
    { "no Upgrade", function(req)
      return answer("Connection: Upgrade\r\nSec-WebSocket-Accept: " .. accept_of(req))
    end, "something else" },
    { "no Connection", function(req)
      return answer("Upgrade: websocket\r\nSec-WebSocket-Accept: " .. accept_of(req))
    end, "something else" },
    { "a subprotocol that was not offered", function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Accept: " .. accept_of(req))
    end, "'x', which was not offered" },
    { "an extension that was not offered", function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Extensions: y\r\nSec-WebSocket-Accept: " .. accept_of(req))
    end, "extensions 'y'" },
    { "compression twice", function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Accept: " .. accept_of(req) .. D .. ", permessage-deflate")
    end, "extensions" },
    { "a window that we cannot keep", function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Accept: " .. accept_of(req) .. D .. "; client_max_window_bits=8")
    end, "parameters" },
    { "a value where there is none", function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Accept: " .. accept_of(req) .. D .. "; server_no_context_takeover=1")
    end, "parameters" },
    { "a second Sec-WebSocket-Accept", function(req)
      local line = "Sec-WebSocket-Accept: "
      return answer(UPGRADE .. line .. accept_of(req) .. "\r\n" .. line .. ACCEPT)
    end, "does not belong" },
    { "an end behind interim answers", ("HTTP/1.1 102 Processing\r\n\r\n"):rep(16), "ended in the handshake" },
    { "an end in the middle", "HTTP/1.1 101 Switching", "ended in the handshake" },
  }
  for _, one in ipairs(wrong) do
    it("refuses " .. one[1], function()
      local _ <close>, url = fake(type(one[2]) == "function" and one[2] or function() return one[2] end)
      local ws, err = websocket.connect(url)
      assert.is_nil(ws)
      assert.equal("HTTP", err.code)
      assert.matches(one[3], err.message, 1, true)
    end)
  end

  it("refuses a second subprotocol, though both were offered", function()
    local _ <close>, url = fake(function(req)
      return answer(UPGRADE .. "Sec-WebSocket-Accept: " .. accept_of(req)
        .. "\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b")
    end)
    local ws, err = websocket.connect(url, { subprotocols = { "a", "b" } })
    assert.is_nil(ws)
    assert.matches("'a, b', which was not offered", err.message, 1, true)
  end)

  it("passes over interim answers", function()
    local _ <close>, url = fake(function(req)
      return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        .. answer(UPGRADE .. "Sec-WebSocket-Accept: " .. accept_of(req))
        .. support.frame(0x81, "hello", false)
    end)
    local ws <close> = assert(websocket.connect(url, { close_timeout = 0 }))
    assert.equal("hello", (ws:receive()))
    assert.is_nil(ws.headers:get("link"))
  end)

  for what, text in pairs({
    ["an answer"] = "HTTP/1.1 101 x\r\n" .. ("a: b\r\n"):rep(20000),
    ["interim answers"] = ("HTTP/1.1 102 x\r\n\r\n"):rep(20000),
  }) do
    it("refuses " .. what .. " without end, and says which server's", function()
      local _ <close>, url = fake(function() return text end)
      local ws, err = websocket.connect(url)
      assert.is_nil(ws)
      assert.equal("LIMIT", err.code)
      assert.matches("websocket " .. url .. ": the head of the answer: more than ", err.message, 1, true)
    end)
  end

  it("gives up after the timeout", function()
    local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream) stream:readall() end))
    local ws, err = websocket.connect("ws://127.0.0.1:" .. server:address().port, { timeout = 0.05 })
    assert.is_nil(ws)
    assert.equal("TIMEOUT", err.code)
  end)

  it("leaves nothing open when it is cancelled", function()
    local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream) stream:readall() end))
    local task = neap.spawn(websocket.connect, "ws://127.0.0.1:" .. server:address().port)
    while server:connections() == 0 do
      settle()
    end
    task:cancel()
    assert.is_false((pcall(task.await, task)))
  end)

  it("passes the error of a connection that is refused", function()
    local listener = assert(neap.net.listen("127.0.0.1", 0))
    local port = listener:address().port
    listener:close()
    local ws, err = websocket.connect("ws://127.0.0.1:" .. port)
    assert.is_nil(ws)
    assert.equal("ECONNREFUSED", err.code)
  end)

  it("returns what is wrong with a URL", function()
    for url, text in pairs({
      ["ftp://x/"] = "the scheme is none of ws",
      ["/chat"] = "no scheme",
      ["ws://"] = "no host",
      ["ws://x:99999/"] = "port",
      ["ws://x/ y"] = "space",
    }) do
      local ws, err = websocket.connect(url)
      assert.is_nil(ws)
      assert.equal("HTTP", err.code)
      assert.matches(text, err.message, 1, true)
    end
  end)

  it("checks its arguments", function()
    local function refuses(text, ...)
      local ok, err = pcall(websocket.connect, ...)
      assert.is_false(ok)
      assert.matches(text, err, 1, true)
    end
    refuses("bad argument #1 to 'websocket' (string expected, got no value)")
    local url = "ws://x"
    refuses("bad argument #2 to 'websocket' (unknown option 'max_mesage')", url, { max_mesage = 1 })
    refuses("bad argument #2 to 'websocket' (option 'tls' has the unknown option 'caa')", url, { tls = { caa = "x" } })
    refuses("option 'max_message' must be an integer of at least 1", url, { max_message = 0 })
    refuses("option 'subprotocols' has no token at index 2", url, { subprotocols = { "a", "b c" } })
    refuses("option 'headers' has an invalid value for 'X'", url, { headers = { X = "a\r\nb: c" } })
    refuses("option 'headers' has the invalid name 'X Y'", url, { headers = { ["X Y"] = "a" } })
    refuses("option 'headers' has 'Upgrade', which the handshake sets", url, { headers = { Upgrade = "x" } })
    refuses("option 'origin' has a control character", url, { origin = "a\r\nb" })
    refuses("option 'ping_interval' must be more than 0", url, { ping_interval = 0 })
  end)
end)
