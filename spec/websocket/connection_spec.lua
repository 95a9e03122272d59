local case = require("spec.support.case")
local neap = require("neap")
local packing = require("neap.websocket.packing")
local support = require("spec.support.websocket")

local describe, it, timed = describe, case.it, case.timed
local settle = neap.testing.settle
local frame, read_frame = support.frame, support.read_frame

local KIB = 1024
local CLOSE, PING, PONG = 0x88, 0x89, 0x8a

--- A task that is parked in `fn(...)`.
local function parked(fn, ...)
  local task = neap.spawn(fn, ...)
  settle()
  assert.equal("waiting", task:status())
  return task
end

local function raises(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(code, neap.error_code(err))
end

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

    raises("EOF", ws:messages())
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
    raises("TIMEOUT", neap.timeout, 1, server.receive, server)
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
    raises("CLOSED", client.send, client, "x")
    raises("CLOSED", client.ping, client)
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

describe("pings of the peer", function()
  it("are answered though nobody receives", function()
    local _, stream, _ <close> = support.raw(false)
    stream:write(frame(PING, "are you there"))
    local head, payload = read_frame(stream)
    assert.equal(PONG, head)
    assert.equal("are you there", payload)
  end)

  it("are answered between the parts of a message", function()
    local ws, stream, _ <close> = support.raw(false)
    stream:write(frame(0x01, "a") .. frame(PING, "p"))
    assert.equal(PONG, (read_frame(stream)))
    stream:write(frame(0x80, "b"))
    assert.equal("ab", (ws:receive()))
  end)

  it("are answered one by one, in order", function()
    local _, stream, _ <close> = support.raw(false)
    stream:write(frame(PING, "1") .. frame(PING, "") .. frame(PING, "3"))
    for _, expected in ipairs({ "1", "", "3" }) do
      assert.equal(expected, select(2, read_frame(stream)))
    end
  end)
end)

describe("ping", function()
  it("sends one without waiting for the answer", function()
    local ws, stream, _ <close> = support.raw(false)
    assert.is_true(ws:ping("hello"))
    assert.is_true(ws:ping())
    local head, payload = read_frame(stream)
    assert.equal(PING, head)
    assert.equal("hello", payload)
    assert.equal(PING, (read_frame(stream)))
  end)

  it("with a timeout gives the seconds until the answer", function()
    local server, client, _ <close> = support.pair()
    local seconds = server:ping("x", 5)
    assert.is_true(seconds >= 0 and seconds < 5)
    assert.is_true(client:ping(nil, 5) < 5)
  end)

  timed("is a returned TIMEOUT when nothing answers in time", function()
    local ws, stream, _ <close> = support.raw(false)
    local seconds, err = ws:ping("x", 3)
    assert.is_nil(seconds)
    assert.equal("TIMEOUT", err.code)
    -- a late answer is no harm
    stream:write(frame(PONG, "x"))
    settle()
  end)

  it("is not answered by another payload", function()
    local ws, stream, _ <close> = support.raw(false)
    local task = parked(ws.ping, ws, "x", 60)
    stream:write(frame(PONG, "y"))
    settle()
    assert.equal("waiting", task:status())
    stream:write(frame(PONG, "x"))
    assert.equal("number", type(task:await()))
  end)

  it("is answered in all tasks that wait for the same payload", function()
    local ws, stream, _ <close> = support.raw(false)
    local first, second = parked(ws.ping, ws, "x", 60), parked(ws.ping, ws, "x", 60)
    stream:write(frame(PONG, "x"))
    assert.equal("number", type(first:await()))
    assert.equal("number", type(second:await()))
  end)

  timed("leaves others that wait for the same payload waiting when it times out", function()
    local ws, stream, _ <close> = support.raw(false)
    local first, second = parked(ws.ping, ws, "x", 1), parked(ws.ping, ws, "x", 10)
    assert.equal("TIMEOUT", select(2, first:await()).code)
    stream:write(frame(PONG, "x"))
    assert.equal(1, second:await())
  end)

  it("ends with an error when the connection does", function()
    local ws, stream, _ <close> = support.raw(false)
    local task = parked(ws.ping, ws, "x", 60)
    stream:shutdown()
    local seconds, err = task:await()
    assert.is_nil(seconds)
    assert.equal("EOF", err.code)
  end)

  it("refuses more than 125 bytes", function()
    local ws, _, _ <close> = support.raw(false)
    assert.is_false((pcall(ws.ping, ws, ("x"):rep(126))))
  end)
end)

describe("the option ping_interval", function()
  timed("sends a ping after as much silence", function()
    local ws, stream, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    local start = neap.loop.time()
    for i = 1, 5 do
      local head, payload = read_frame(stream)
      assert.equal(PING, head)
      assert.is_true(math.abs(neap.loop.time() - start - 10 * i) < 0.001)
      stream:write(frame(PONG, payload))
    end
    assert.is_nil(ws.close_code)
  end)

  timed("ends the connection when no answer comes in ping_timeout", function()
    local ws, _, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    local start = neap.loop.time()
    local message, err = ws:receive()
    assert.is_nil(message)
    assert.equal("TIMEOUT", err.code)
    assert.equal(1006, ws.close_code)
    assert.is_true(math.abs(neap.loop.time() - start - 15) < 0.001)
  end)

  timed("counts anything that comes for an answer", function()
    local ws, stream, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    for _ = 1, 10 do
      neap.sleep(14)
      stream:write(frame(0x81, "x"))
    end
    assert.is_nil(ws.close_code)
    assert.equal("x", (ws:receive()))
  end)

  timed("sends none when it is false", function()
    local _, stream, _ <close> = support.raw(false, { ping_interval = false })
    raises("TIMEOUT", neap.timeout, 3600, stream.read, stream)
  end)

  local MUCH = ("x"):rep(100000)

  --- Sends until that fails; when, and the error.
  local function send_all(ws)
    local ok, err
    repeat
      ok, err = ws:send(MUCH)
    until not ok
    return neap.loop.time(), err
  end

  timed("ends the connection with one who sends and takes nothing in twice that", function()
    local ws, stream, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    local talker = neap.spawn(function()
      repeat
        neap.sleep(3)
      until not stream:write(frame(PONG, "x"))
    end)
    local start = neap.loop.time()
    local at, err = send_all(ws)
    assert.equal("TIMEOUT", err.code)
    assert.equal(err, select(2, ws:receive()))
    assert.equal(1006, ws.close_code)
    assert.is_true(math.abs(at - start - 20) < 0.001, at - start)
    ws:wait_closed()
    talker:cancel()
  end)

  timed("ends it also where nobody receives what it sends", function()
    local ws, stream, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    for _ = 1, 20 do
      stream:write(frame(0x81, "x"))
    end
    assert.equal("TIMEOUT", select(2, send_all(ws)).code)
    ws:wait_closed()
  end)

  timed("ends it where that one only asks for pongs", function()
    local ws, stream, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    local ping = frame(0x89, ("x"):rep(125))
    local asking = neap.spawn(function()
      while stream:write(ping) do
      end
    end)
    assert.equal("TIMEOUT", select(2, ws:receive()).code)
    ws:wait_closed()
    asking:cancel()
  end)

  timed("leaves one alone who takes little at a time, without an answer meanwhile", function()
    local ws, stream, _ <close> = support.raw(false, { ping_interval = 10, ping_timeout = 5 })
    local got = 0
    local reader = neap.spawn(function()
      while got < 9 * #MUCH do
        neap.sleep(1)
        got = got + #stream:read(30000)
      end
    end)
    local start = neap.loop.time()
    assert(ws:send(MUCH:rep(10)))
    assert.is_true(neap.loop.time() - start > 25)
    assert.is_nil(ws.close_code)
    reader:cancel()
    ws:wait_closed() -- now it takes nothing
    assert.equal(1006, ws.close_code)
  end)

  timed("keeps two ends of ours together for days", function()
    local server, client, _ <close> = support.pair()
    neap.sleep(3 * 24 * 3600)
    client:send("still here")
    assert.equal("still here", server:receive())
  end)
end)

describe("close", function()
  it("sends the code and the reason, and waits for the answer", function()
    local ws, stream, _ <close> = support.raw(false)
    ws:close(4001, "b\xc3\xa4h")
    local head, payload = read_frame(stream)
    assert.equal(CLOSE, head)
    assert.equal("\x0f\xa1b\xc3\xa4h", payload)
    local task = parked(ws.wait_closed, ws)
    stream:write(frame(CLOSE, payload))
    task:await()
    assert.equal(4001, ws.close_code)
  end)

  it("never waits, and works in a cancelled task", function()
    local server, client, _ <close> = support.pair()
    local task = neap.spawn(function()
      local ok = pcall(neap.sleep, 1000)
      assert.is_false(ok)
      client:close(4002)
    end)
    settle()
    task:cancel()
    assert.is_nil(server:receive())
    assert.equal(4002, server.close_code)
  end)

  it("can be called at once, before anything else ran", function()
    local ws, stream, _ <close> = support.raw(true)
    ws:close(1000)
    assert.equal(CLOSE, (read_frame(stream)))
  end)

  it("comes after what was sent before", function()
    local server, client, _ <close> = support.pair()
    client:send("a")
    client:send("b")
    client:close()
    assert.equal("a", (server:receive()))
    assert.equal("b", (server:receive()))
    assert.is_nil(server:receive())
  end)

  it("does nothing the second time", function()
    local server, client, _ <close> = support.pair()
    client:close(4000)
    client:close(4001)
    server:receive()
    assert.equal(4000, server.close_code)
    client:wait_closed()
    client:close()
    assert.equal(4000, client.close_code)
  end)

  it("ends those who receive", function()
    local _, client, _ <close> = support.pair()
    local task = parked(client.receive, client)
    client:close()
    assert.is_nil((task:await()))
    assert.is_nil(client:receive())
  end)

  it("drops what comes afterwards, and answers no more pings", function()
    local ws, stream, _ <close> = support.raw(false)
    ws:close()
    assert.equal(CLOSE, (read_frame(stream)))
    stream:write(frame(0x81, "late") .. frame(PING, "late") .. frame(CLOSE, "\3\xe8"))
    assert.is_nil(read_frame(stream))
    assert.is_nil(ws:receive())
    assert.equal(1000, ws.close_code)
  end)

  it("works while the inbox is full", function()
    local server, client, _ <close> = support.pair({ max_queue = 1 })
    for i = 1, 10 do
      client:send(tostring(i))
    end
    settle()
    server:close()
    server:wait_closed()
    assert.equal(1000, server.close_code)
  end)

  it("works when both do it at the same time", function()
    local server, client, _ <close> = support.pair()
    settle()
    server:close(4001)
    client:close(4002)
    server:wait_closed()
    client:wait_closed()
    assert.equal(4002, server.close_code)
    assert.equal(4001, client.close_code)
  end)

  timed("gives up after close_timeout when the peer does not answer", function()
    local ws, _, _ <close> = support.raw(false, { close_timeout = 7 })
    local start = neap.loop.time()
    ws:close()
    ws:wait_closed()
    assert.is_true(math.abs(neap.loop.time() - start - 7) < 0.001)
    assert.equal(1006, ws.close_code)
  end)

  timed("gives up when the peer does not read", function()
    local ws, _, _ <close> = support.raw(false, { close_timeout = 7 })
    neap.spawn(function() pcall(ws.send, ws, ("x"):rep(1000 * KIB)) end)
    settle()
    ws:close()
    ws:wait_closed()
    assert.equal(1006, ws.close_code)
  end)

  it("checks the code and the reason", function()
    local ws, _, _ <close> = support.raw(false)
    for _, code in ipairs({ 0, 999, 1004, 1005, 1006, 1015, 2999, 5000 }) do
      local ok, err = pcall(ws.close, ws, code)
      assert.is_false(ok)
      assert.matches(code .. " is no code to close with", err, 1, true)
    end
    assert.is_false((pcall(ws.close, ws, 1000, ("x"):rep(124))))
    assert.is_false((pcall(ws.close, ws, 1000, "\xff")))
    assert.is_nil(ws.close_code)
  end)
end)

describe("the end of a variable", function()
  it("closes with 1000", function()
    local server, client, _ <close> = support.pair()
    do
      local _ <close> = client
    end
    server:receive()
    assert.equal(1000, server.close_code)
  end)

  it("closes with 1011 when an error leaves the block", function()
    local server, client, _ <close> = support.pair()
    pcall(function()
      local _ <close> = client
      error("no")
    end)
    server:receive()
    assert.equal(1011, server.close_code)
  end)

  it("closes with 1001 when the task was cancelled", function()
    local server, client, _ <close> = support.pair()
    local task = parked(function()
      local _ <close> = client
      client:receive()
    end)
    task:cancel()
    server:receive()
    assert.equal(1001, server.close_code)
  end)

  it("closes when it is collected", function()
    local a, b = neap.testing.stream_pair()
    local server, _ <close> = support.on(a, false), support.closing(a, b)
    support.on(b, true)
    settle()
    collectgarbage()
    collectgarbage()
    assert.is_nil(server:receive())
    assert.equal(1001, server.close_code)
  end)
end)

describe("compression", function()
  local function pack(own, peer)
    return { own_takeover = own, peer_takeover = peer, own_bits = 12, peer_bits = 12 }
  end
  local text = ("the quick brown fox "):rep(50)

  it("makes messages smaller and gives them back", function()
    for _, own in ipairs({ true, false }) do
      for _, peer in ipairs({ true, false }) do
        local a, b = neap.testing.stream_pair()
        local server, client = support.on(a, false, nil, pack(own, peer)), support.on(b, true, nil, pack(peer, own))
        local _ <close> = support.closing(server, client)
        for i = 1, 10 do
          for _, kind in ipairs({ "text", "binary" }) do
            local message = text .. i
            server:send(message, kind)
            assert.same({ message, kind }, { client:receive() })
            client:send(message, kind)
            assert.same({ message, kind }, { server:receive() })
          end
        end
      end
    end
  end)

  it("marks the first frame and is shorter the second time", function()
    local ws, stream, _ <close> = support.raw(false, nil, pack(true, true))
    ws:send(text)
    ws:send(text)
    local head, first = read_frame(stream)
    assert.equal(0xc1, head)
    local _, second = read_frame(stream)
    assert.is_true(#first < #text / 5)
    assert.is_true(#second < #first / 2)
  end)

  it("gives true alone for what is sent", function()
    local ws, _, _ <close> = support.raw(false, nil, pack(true, true))

    assert.same({ n = 1, true }, table.pack(ws:send(text)))
    assert.same({ n = 1, true }, table.pack(ws:ping()))
  end)

  it("starts anew for each message without takeover", function()
    local ws, stream, _ <close> = support.raw(false, nil, pack(false, true))
    ws:send(text)
    ws:send(text)
    local _, first = read_frame(stream)
    local _, second = read_frame(stream)
    assert.equal(first, second)
  end)

  it("leaves short messages as they are", function()
    local ws, stream, _ <close> = support.raw(false, nil, pack(true, true))
    ws:send("short")
    assert.same({ 0x81, "short", false }, { read_frame(stream) })
  end)

  it("takes messages in parts, of which only the first is marked", function()
    local ws, stream, _ <close> = support.raw(false, nil, pack(true, true))
    local z <close> = require("neap.proto.deflate").compressor("raw")
    local packed = z:push(text, "sync"):sub(1, -5)
    stream:write(frame(0x41, packed:sub(1, 5)) .. frame(0x00, packed:sub(6, 10)) .. frame(0x80, packed:sub(11)))
    assert.equal(text, (ws:receive()))
  end)

  it("takes messages that are not compressed as well", function()
    local ws, stream, _ <close> = support.raw(false, nil, pack(true, true))
    stream:write(frame(0x81, "plain"))
    assert.equal("plain", (ws:receive()))
  end)

  local function refused(payload, code, head)
    local ws, stream, _ <close> = support.raw(false, { max_message = 10 * KIB }, pack(true, true))
    stream:write(frame(head or 0xc1, payload))
    local message, err = ws:receive()
    assert.is_nil(message)
    assert.equal(code == 1009 and "LIMIT" or "HTTP", err.code)
    assert.equal(code, err.close_code)
    local _, sent = read_frame(stream)
    assert.equal(code, (string.unpack(">I2", sent)))
  end

  local function packed(message)
    local z <close> = require("neap.proto.deflate").compressor("raw")
    return z:push(message, "sync"):sub(1, -5)
  end

  it("refuses a bomb (1009)", function()
    refused(packed(("\0"):rep(10 * KIB + 1)), 1009)
    refused(packed(("\0"):rep(8000 * KIB)), 1009)
  end)

  it("takes the longest message", function()
    local ws, stream, _ <close> = support.raw(false, { max_message = 10 * KIB }, pack(true, true))
    stream:write(frame(0xc1, packed(("\0"):rep(10 * KIB))))
    assert.equal(10 * KIB, #ws:receive())
  end)

  it("refuses text that is not UTF-8 once it is unpacked (1007)", function()
    refused(packed(("\xff"):rep(100)), 1007)
  end)

  it("refuses what is no compressed data (1002)", function()
    refused("\xff\xff\xff\xff", 1002)
  end)

  it("refuses a marked part that is not the first (1002)", function()
    local ws, stream, _ <close> = support.raw(false, nil, pack(true, true))
    stream:write(frame(0x41, packed(text)) .. frame(0xc0, ""))
    local _, err = ws:receive()
    assert.equal(1002, err.close_code)
  end)

  it("refuses a marked ping (1002)", function()
    refused("x", 1002, 0xc9)
  end)

  it("does not refer to a message that may not have been sent", function()
    local packer = packing.new(pack(true, true))
    local first = packer:pack(text)
    local again = packer:pack(text)
    assert.equal(first, again)
    packer:sent()
    assert.is_true(#packer:pack(text) < #first / 2)
    packer:close()
  end)
end)
