--- The end of a connection whose peer does not read: what close waits for.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")

local timed = case.timed

local Ends = {
  __close = function(ends)
    ends[1]:abort()
    ends[2]:abort()
  end,
}

--- Two ends of TLS over a stream in memory, which holds `ROOM` bytes each way.
local function pair()
  local a, b = neap.testing.stream_pair()
  local server = neap.spawn(b.start_tls, b, { server = true, cert = certs.server.cert, key = certs.server.key })
  assert(a:start_tls({ ca = certs.ca.cert, server_name = "localhost" }))
  assert(server:await())
  neap.testing.settle()
  return a, b, setmetatable({ a, b }, Ends)
end

local ROOM = 64 * 1024
local RECORD, OVERHEAD = 16 * 1024, 22 -- of TLS 1.3

-- What fills the room to the last byte: nothing is unsent then, and there is no
-- room for close_notify.
local FULL = ROOM - (ROOM // (RECORD + OVERHEAD) + 1) * OVERHEAD

local function seconds(fn, ...)
  local began = neap.loop.time()
  fn(...)
  return neap.loop.time() - began
end

describe("a close_notify that the peer leaves no room for", function()
  timed("holds a close for 5 seconds", function()
    local a, b, _ <close> = pair()
    a:write(("x"):rep(FULL))

    a:close()

    assert.equal(5, seconds(a.wait_closed, a))
    b:timeout(1)
    assert.equal(FULL, #b:readexactly(FULL))
    local rest, err = b:read()
    assert.is_nil(rest)
    assert.equal("TLS", err.code)
    assert.matches("without close_notify", err.message)
  end)

  timed("goes out as soon as there is room", function()
    local a, b, _ <close> = pair()
    a:write(("x"):rep(FULL))

    a:close()
    neap.sleep(3)

    assert.equal(FULL, #assert(b:readall()))
    assert.equal(0, seconds(a.wait_closed, a))
  end)

  timed("holds no abort", function()
    local a, _, _ <close> = pair()
    a:write(("x"):rep(FULL))

    a:abort()

    assert.equal(0, seconds(a.wait_closed, a))
  end)

  timed("holds neither shutdown nor the reads after it", function()
    local a, b, _ <close> = pair()
    a:write(("x"):rep(FULL))

    assert.equal(0, seconds(a.shutdown, a))
    b:write("still here")
    assert.equal("still here", a:readexactly(10))

    assert.equal(FULL, #assert(b:readall()))
  end)
end)

describe("data that the peer leaves no room for", function()
  timed("hold a close for 5 seconds after it last read", function()
    local a, b, _ <close> = pair()
    local writing = neap.spawn(a.write, a, ("x"):rep(FULL + 200000))
    neap.testing.settle()

    a:close()
    expect.code("CLOSED", writing.await, writing)
    neap.sleep(3)
    assert.equal(100000, #b:readexactly(100000))

    local left = seconds(a.wait_closed, a)
    assert.is_true(left > 4 and left <= 6, left) -- progress is looked for once a second
    local rest, err = b:readall()
    assert.is_nil(rest)
    assert.is_not_nil(err.code)
  end)
end)
