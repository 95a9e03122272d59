--- Pings, and what becomes of a peer that is silent.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local parked = require("spec.support.parked")
local support = require("spec.support.websocket")

local describe, it, timed = describe, case.it, case.timed
local settle = neap.testing.settle
local frame, read_frame = support.frame, support.read_frame

local PING, PONG = 0x89, 0x8a

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
    expect.code("TIMEOUT", neap.timeout, 3600, stream.read, stream)
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
