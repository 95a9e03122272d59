local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local parked = require("spec.support.parked")
local support = require("spec.support.websocket")

local describe, it, timed = describe, case.it, case.timed
local settle = neap.testing.settle
local frame, read_frame = support.frame, support.read_frame

local KIB = 1024

describe("a WebSocket", function()
  it("gives messages and their kinds, both ways", function()
    local server, client, _ <close> = support.pair()
    for _, size in ipairs({ 0, 1, 125, 126, 4096, 65535, 65536, 300000 }) do
      for _, kind in ipairs({ "text", "binary" }) do
        local message = ("x"):rep(size)
        for _, ends in ipairs({ { server, client }, { client, server } }) do
          local sending = neap.spawn(ends[1].send, ends[1], message, kind)
          local got, got_kind = ends[2]:receive()
          assert.equal(message, got)
          assert.equal(kind, got_kind)
          assert.is_true(sending:await())
        end
      end
    end
  end)

  it("sends text unless it is told otherwise", function()
    local server, client, _ <close> = support.pair()
    client:send("gr\xc3\xbc\xc3\x9f dich")
    assert.same({ "gr\xc3\xbc\xc3\x9f dich", "text" }, { server:receive() })
  end)

  it("keeps the order of messages", function()
    local server, client, _ <close> = support.pair()
    neap.spawn(function()
      for i = 1, 1000 do
        client:send(tostring(i), i % 2 == 0 and "text" or "binary")
      end
    end)
    for i = 1, 1000 do
      assert.equal(tostring(i), (server:receive()))
    end
  end)

  it("never mixes what several tasks send", function()
    local server, client, _ <close> = support.pair()
    for task = 1, 10 do
      neap.spawn(function()
        for _ = 1, 20 do
          client:send(string.char(96 + task):rep(20000))
        end
      end)
    end
    for _ = 1, 200 do
      local message = server:receive()
      assert.equal(message:sub(1, 1):rep(20000), message)
    end
  end)

  it("says what it is", function()
    local server, client, _ <close> = support.pair()
    assert.equal("WebSocket (client, open)", tostring(client))
    server:close(4321)
    client:receive()
    assert.equal("WebSocket (client, closed 4321)", tostring(client))
  end)

  it("says what a receiver waits for", function()
    local server, _, _ <close> = support.pair()
    local task = parked(server.receive, server)
    assert.equal("websocket receive", task:waiting_on())
    task:cancel()
  end)
end)

describe("messages", function()
  it("ends when the peer has closed", function()
    local server, client, _ <close> = support.pair()
    client:send("a")
    client:send("b", "binary")
    client:close()

    local got = {}
    for message, kind in server:messages() do
      got[#got + 1] = message .. " " .. kind
    end

    assert.same({ "a text", "b binary" }, got)
    assert.equal(1000, server.close_code)
  end)

  it("raises what broke the connection", function()
    local ws, stream, _ <close> = support.raw(false)
    stream:shutdown()

    expect.code("EOF", ws:messages())
  end)
end)

describe("receive", function()
  it("gives each message to one of those who wait, first come, first served", function()
    local server, client, _ <close> = support.pair()
    local first, second = parked(server.receive, server), parked(server.receive, server)

    client:send("a")
    client:send("b")

    assert.equal("a", first:await())
    assert.equal("b", second:await())
  end)

  it("loses nothing when it is cancelled", function()
    local server, client, _ <close> = support.pair()
    for i = 1, 20 do
      local task = parked(server.receive, server)
      client:send(tostring(i))
      for _ = 1, i % 4 do
        neap.sleep(0)
      end
      task:cancel()
      local ok, got = pcall(task.await, task)
      assert.equal(tostring(i), ok and got or server:receive())
    end
  end)

  timed("goes on after a timeout", function()
    local server, client, _ <close> = support.pair()
    expect.code("TIMEOUT", neap.timeout, 1, server.receive, server)
    client:send("late")
    assert.equal("late", server:receive())
  end)

  it("gives what had come before the end", function()
    local server, client, _ <close> = support.pair()
    for i = 1, 5 do
      client:send(tostring(i))
    end
    client:close(1000)
    settle()

    for i = 1, 5 do
      assert.equal(tostring(i), (server:receive()))
    end
    assert.is_nil(server:receive())
    assert.is_nil(server:receive())
  end)

  it("gives nil without an error after a close frame, whatever its code", function()
    for _, code in ipairs({ 1000, 1001, 1011, 4000 }) do
      local server, client, _ <close> = support.pair()
      local task = parked(server.receive, server)
      client:close(code, "why")
      local message, err = task:await()
      assert.is_nil(message)
      assert.is_nil(err)
      assert.equal(code, server.close_code)
      assert.equal("why", server.close_reason)
    end
  end)

  it("is an error when the connection ends without one", function()
    local ws, stream, _ <close> = support.raw(true)
    local task = parked(ws.receive, ws)
    stream:shutdown()
    local message, err = task:await()
    assert.is_nil(message)
    assert.equal("EOF", err.code)
    assert.equal(1006, ws.close_code)
  end)

  it("is an error when it ends in the middle of a message", function()
    local ws, stream, _ <close> = support.raw(false)
    stream:write(frame(0x81, "hello"):sub(1, -2))
    stream:shutdown()
    local message, err = ws:receive()
    assert.is_nil(message)
    assert.equal("EOF", err.code)
  end)

  it("passes the error of a connection that is reset", function()
    local ws, stream, _ <close> = support.raw(false)
    stream:abort()
    local message, err = ws:receive()
    assert.is_nil(message)
    assert.equal("ECONNRESET", err.code)
  end)
end)

describe("back-pressure", function()
  it("stops reading when the inbox is full, and goes on when it is not", function()
    local server, client, _ <close> = support.pair({ max_queue = 4, max_message = 100 * KIB })
    local sent = 0
    local sender = neap.spawn(function()
      for i = 1, 100 do
        client:send(tostring(i) .. ("x"):rep(10 * KIB))
        sent = i
      end
    end)
    settle()
    assert.equal("waiting", sender:status())
    local stuck = sent
    assert.is_true(stuck < 60)
    settle()
    assert.equal(stuck, sent)

    for i = 1, 100 do
      assert.equal(tostring(i), server:receive():match("^%d+"))
    end
    sender:await()
  end)

  it("bounds the bytes in the inbox", function()
    local server, client, _ <close> = support.pair({ max_queue = 1000, max_message = 20 * KIB })
    local sent = 0
    local sender = neap.spawn(function()
      for i = 1, 1000 do
        if not client:send(("x"):rep(10 * KIB)) then
          return
        end
        sent = i
      end
    end)
    settle()
    assert.equal("waiting", sender:status())
    assert.is_true(sent < 40)
    server:close()
    sender:await()
  end)

  it("bounds many small messages that came in one piece", function()
    local ws, stream, _ <close> = support.raw(false, { max_queue = 8 })
    stream:write(frame(0x81, "x"):rep(5000))
    settle()
    local inbox = rawget(ws, "_link")
    assert.equal(8, inbox.tail - inbox.head)
    for _ = 1, 5000 do
      assert.equal("x", (ws:receive()))
    end
  end)
end)

describe("send", function()
  it("refuses text that is not UTF-8", function()
    local _, client, _ <close> = support.pair()
    local ok, err = pcall(client.send, client, "\xff")
    assert.is_false(ok)
    assert.matches("bad argument #1 to 'send' (text is UTF-8; send other bytes as 'binary')", err, 1, true)
  end)

  it("checks its arguments", function()
    local _, client, _ <close> = support.pair()
    local function refuses(text, ...)
      local ok, err = pcall(client.send, client, ...)
      assert.is_false(ok)
      assert.matches(text, err, 1, true)
    end
    refuses("bad argument #1 to 'send' (string expected, got no value)")
    refuses("bad argument #1 to 'send' (string expected, got table)", {})
    refuses("bad argument #2 to 'send' ('text' or 'binary' expected, got 'blob')", "x", "blob")
  end)

  it("is an error once the peer has closed", function()
    local server, client, _ <close> = support.pair()
    server:close(4000, "enough")
    settle()
    local ok, err = client:send("x")
    assert.is_nil(ok)
    assert.equal("EPIPE", err.code)
    assert.equal(4000, err.close_code)
    assert.matches("4000 enough", err.message, 1, true)
  end)

  it("is an error in a task that waits when the peer goes away", function()
    local ws, stream, _ <close> = support.raw(false)
    local task = parked(ws.send, ws, ("x"):rep(1000 * KIB))
    stream:abort()
    local ok, err = task:await()
    assert.is_nil(ok)
    assert.is_true(err.code == "ECONNRESET" or err.code == "EPIPE")
  end)

  it("raises CLOSED after close", function()
    local _, client, _ <close> = support.pair()
    client:close()
    expect.code("CLOSED", client.send, client, "x")
    expect.code("CLOSED", client.ping, client)
  end)

  it("is an error after close with 1001, which a server that ends does", function()
    local _, client, _ <close> = support.pair()
    client:close(1001)
    local ok, err = client:send("x")
    assert.is_nil(ok)
    assert.equal("EPIPE", err.code)
  end)

  it("has only stopped waiting when it is cancelled", function()
    local ws, stream, _ <close> = support.raw(false)
    local big = ("x"):rep(1000 * KIB)
    local task = parked(ws.send, ws, big, "binary")
    task:cancel()
    settle()
    neap.spawn(ws.send, ws, "next")

    local _, payload = read_frame(stream)
    assert.equal(#big, #payload)
    _, payload = read_frame(stream)
    assert.equal("next", payload)
  end)

  it("waits while too much is unsent", function()
    local server, client, _ <close> = support.pair({ max_queue = 1, max_message = 2000 * KIB })
    local task = neap.spawn(function()
      for _ = 1, 4 do
        client:send(("x"):rep(1000 * KIB))
      end
    end)
    settle()
    assert.equal("waiting", task:status())
    for _ = 1, 4 do
      server:receive()
    end
    task:await()
  end)
end)
