--- The handshake of a server, and the handlers behind it.
local case = require("spec.support.case")
local neap = require("neap")
local support = require("spec.support.websocket")
local websocket = require("neap.websocket")

local describe, it = describe, case.it
local settle, echo = neap.testing.settle, support.echo

local KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

--- A request with some fields changed (false: left out).
local function request(changes, line)
  local fields = {
    Host = "x",
    Upgrade = "websocket",
    Connection = "Upgrade",
    ["Sec-WebSocket-Key"] = KEY,
    ["Sec-WebSocket-Version"] = "13",
  }
  for name, value in pairs(changes or {}) do
    fields[name] = value
  end
  local text = (line or "GET /chat HTTP/1.1") .. "\r\n"
  for name, value in pairs(fields) do
    if value then
      text = text .. name .. ": " .. value .. "\r\n"
    end
  end
  return text .. "\r\n"
end

--- The head of the answer to a request, and whether the handler ran; the rest
--- of the talk is `talk(stream)`.
local function ask(text, opts, talk)
  local client, server = neap.testing.stream_pair()
  local ran = false
  local task = neap.spawn(function()
    local req = support.read_request(server)
    local status = websocket.accept(req, server, function(ws)
      ran = ws
      echo(ws)
    end, opts)
    server:close()
    return status
  end)
  client:write(text)
  local head = client:readuntil("\r\n\r\n")
  local status = tonumber(head:match("^HTTP/1%.1 (%d+) "))
  if talk then
    talk(client)
  end
  if status == 101 then
    client:write(support.frame(0x88, "\3\xe8"))
  end
  local rest = client:readall()
  client:close()
  client:wait_closed()
  assert.equal(status, task:await())
  server:wait_closed()
  return status, head, ran, rest
end


describe("a server", function()
  it("accepts a request with the answer to its key", function()
    local status, head, ran = ask(request())
    assert.equal(101, status)
    assert.matches("\r\nUpgrade: websocket\r\n", head, 1, true)
    assert.matches("\r\nConnection: Upgrade\r\n", head, 1, true)
    assert.matches("\r\nSec-WebSocket-Accept: " .. ACCEPT .. "\r\n", head, 1, true)
    assert.is_truthy(ran)
  end)

  it("accepts one that says that it has no body", function()
    assert.equal(101, (ask(request({ ["Content-Length"] = "0" }))))
  end)

  it("takes tokens in any case, in lists", function()
    local status = ask(request({ Upgrade = "h2c, WebSocket", Connection = "keep-alive, UPGRADE" }))
    assert.equal(101, status)
  end)

  it("takes frames that came with the request", function()
    ask(request() .. support.frame(0x81, "early"), nil, function(stream)
      local head, payload = support.read_frame(stream)
      assert.equal(0x81, head)
      assert.equal("early", payload)
    end)
  end)

  local refused = {
    { "a POST", 405, nil, "POST /chat HTTP/1.1" },
    { "HTTP/1.0", 426, nil, "GET /chat HTTP/1.0" },
    { "no Upgrade", 426, { Upgrade = false } },
    { "another Upgrade", 426, { Upgrade = "h2c" } },
    { "no Connection", 426, { Connection = false } },
    { "another Connection", 426, { Connection = "keep-alive" } },
    { "no version", 426, { ["Sec-WebSocket-Version"] = false } },
    { "version 8", 426, { ["Sec-WebSocket-Version"] = "8" } },
    { "version 14", 426, { ["Sec-WebSocket-Version"] = "14" } },
    { "no key", 400, { ["Sec-WebSocket-Key"] = false } },
    { "an empty key", 400, { ["Sec-WebSocket-Key"] = "" } },
    { "a short key", 400, { ["Sec-WebSocket-Key"] = "c2hvcnQ=" } },
    { "a long key", 400, { ["Sec-WebSocket-Key"] = "AAAA" .. KEY } },
    { "a key that is not base64", 400, { ["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZ!==" } },
    { "two keys", 400, { ["sec-websocket-key"] = KEY } },
    { "two versions", 426, { ["sec-websocket-version"] = "8" } },
    { "a body", 400, { ["Content-Length"] = "5" } },
    { "a body in chunks", 400, { ["Transfer-Encoding"] = "chunked" } },
  }
  for _, one in ipairs(refused) do
    local what, expected, changes, line = table.unpack(one, 1, 4)
    it(("refuses %s (%d)"):format(what, expected), function()
      local status, head, ran, rest = ask(request(changes, line))
      assert.equal(expected, status)
      assert.matches("\r\nSec-WebSocket-Version: 13\r\n", head, 1, true)
      assert.is_false(ran)
      assert.equal(tonumber(head:match("\r\nContent%-Length: (%d+)\r\n")), #rest)
      assert.matches("\r\nConnection: [%w, ]*close\r\n", head)
      assert.equal(expected == 405, head:find("\r\nAllow: GET\r\n", 1, true) ~= nil)
    end)
  end

  it("refuses pages of other origins, if some are named (403)", function()
    local opts = { origins = { "https://a.example", "https://b.example" } }
    assert.equal(101, (ask(request({ Origin = "https://b.example" }), opts)))
    assert.equal(101, (ask(request(), opts)))
    assert.equal(403, (ask(request({ Origin = "https://c.example" }), opts)))
    assert.equal(403, (ask(request({ Origin = "null" }), opts)))
    assert.equal(101, (ask(request({ Origin = "https://c.example" }))))
  end)

  it("chooses its first subprotocol that the client knows", function()
    local opts = { subprotocols = { "v2.chat", "v1.chat" } }
    local offer = { ["Sec-WebSocket-Protocol"] = "v1.chat, v2.chat,other" }
    local _, head, ws = ask(request(offer), opts)
    assert.matches("\r\nSec-WebSocket-Protocol: v2.chat\r\n", head, 1, true)
    assert.equal("v2.chat", ws.subprotocol)

    _, head, ws = ask(request({ ["Sec-WebSocket-Protocol"] = "other" }), opts)
    assert.is_nil(head:find("Sec-WebSocket-Protocol", 1, true))
    assert.is_nil(ws.subprotocol)
  end)

  it("answers with more fields", function()
    local _, head = ask(request(), { headers = { ["Set-Cookie"] = { "a=1", "b=2" } } })
    assert.matches("\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n", head, 1, true)
  end)

  -- What is offered, and the answer.
  local D, BITS = "permessage-deflate", "permessage-deflate; server_max_window_bits=12"
  local offers = {
    { D, BITS },
    { D .. "; client_max_window_bits", BITS .. "; client_max_window_bits=12" },
    { D .. "; client_max_window_bits=10", BITS .. "; client_max_window_bits=10" },
    { D .. '; server_max_window_bits="10"', D .. "; server_max_window_bits=10" },
    { D .. "; server_no_context_takeover", BITS .. "; server_no_context_takeover" },
    { D .. "; client_no_context_takeover", BITS .. "; client_no_context_takeover" },
    { "x-unknown; a=b, " .. D, BITS },
    { D .. "; server_max_window_bits=8, " .. D, BITS },
    { D .. "; server_max_window_bits=8", nil },
    { D .. "; server_max_window_bits=16", nil },
    { D .. "; server_max_window_bits=09", nil },
    { D .. "; server_max_window_bits", nil },
    { D .. "; client_max_window_bits=7", nil },
    { D .. "; client_max_window_bits=x", nil },
    { D .. "; server_no_context_takeover=1", nil },
    { D .. "; client_no_context_takeover=x", nil },
    { D .. "; unknown", nil },
    { D .. "; server_no_context_takeover; server_no_context_takeover", nil },
    { "x-webkit-deflate-frame", nil },
  }
  for _, one in ipairs(offers) do
    it(("answers '%s' with '%s'"):format(one[1], one[2] or "nothing"), function()
      local _, head = ask(request({ ["Sec-WebSocket-Extensions"] = one[1] }))
      assert.equal(one[2], head:match("\r\nSec%-WebSocket%-Extensions: ([^\r]*)\r\n"))
    end)
  end

  it("agrees on no compression with compress = false", function()
    local _, head = ask(request({ ["Sec-WebSocket-Extensions"] = D }), { compress = false })
    assert.is_nil(head:find("Extensions", 1, true))
  end)
end)

describe("the handler of a server", function()
  --- Runs `fn` as a handler; gives the client's end and the task.
  local function run(fn, opts)
    local a, b = neap.testing.stream_pair()
    local task = neap.spawn(function()
      local _ <close> = a
      websocket.accept(support.read_request(a), a, fn, opts)
    end)
    b:write(request())
    b:readuntil("\r\n\r\n")
    return support.on(b, true), task, support.closing(b)
  end

  it("closes with 1000 when it returns", function()
    local client, task, _ <close> = run(function(ws) ws:send("bye") end)
    assert.equal("bye", (client:receive()))
    assert.is_nil(client:receive())
    assert.equal(1000, client.close_code)
    task:await()
  end)

  it("closes with 1011 when it raises, and the error goes on", function()
    local client, task, _ <close> = run(function() error("secret", 0) end)
    assert.is_nil(client:receive())
    assert.equal(1011, client.close_code)
    assert.equal("", client.close_reason)
    local ok, err = pcall(task.await, task)
    assert.is_false(ok)
    assert.equal("secret", err)
  end)

  it("does not fail for what broke the connection", function()
    local a, b = neap.testing.stream_pair()
    local task = neap.spawn(function()
      local _ <close> = a
      return websocket.accept(support.read_request(a), a, echo)
    end)
    b:write(request())
    b:readuntil("\r\n\r\n")
    b:abort()
    local status, err = task:await()
    assert.equal(101, status)
    assert.equal("ECONNRESET", err.code)
  end)

  it("closes with 1001 when it is cancelled", function()
    local client, task, _ <close> = run(echo)
    settle()
    task:cancel()
    assert.is_nil(client:receive())
    assert.equal(1001, client.close_code)
    assert.is_true(neap.is_cancelled(select(2, pcall(task.await, task))))
  end)

  it("gets the request", function()
    local path
    local client, task, _ <close> = run(function(_, req) path = req.path end)
    client:receive()
    task:await()
    assert.equal("/chat", path)
  end)

  it("comes after on_open", function()
    local order = {}
    local client, task, _ <close> = run(function(ws) order[#order + 1] = ws end,
      { on_open = function(ws) order[#order + 1] = ws end })
    client:receive()
    task:await()
    assert.equal(2, #order)
    assert.equal(order[1], order[2])
  end)
end)

describe("a server that is closed", function()
  it("ends the handlers that are left after its grace, with 1001", function()
    local server, url = support.serve(echo)
    local ws <close> = assert(websocket.connect(url))
    server:close(0)
    assert.is_nil(ws:receive())
    assert.equal(1001, ws.close_code)
    server:wait_closed()
  end)
end)
