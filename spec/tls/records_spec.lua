--- Messages around the size of a record: one that a record holds is decrypted
--- to where it becomes a string, so nothing else may use that memory afterwards.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local neap = require("neap")

local it, net = case.it, neap.net

local RECORD = 16 * 1024

local Ends = {
  __close = function(ends)
    ends[1]:abort()
    ends[2]:abort()
  end,
}

local function pair()
  local a, b = net.pair()
  local server = neap.spawn(b.start_tls, b, { server = true, cert = certs.server.cert, key = certs.server.key })
  assert(a:start_tls({ ca = certs.ca.cert, server_name = "localhost" }))
  assert(server:await())
  return a, b, setmetatable({ a, b }, Ends)
end

--- A text that no other number gives.
local function text(i, size)
  return ("%08d"):format(i):rep(size // 8 + 1):sub(1, size)
end

local sizes = { 1, 1024, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD, 3 * RECORD + 7, 4 * RECORD, 100000 }

describe("messages over TLS", function()
  it("stay what they were while others are read", function()
    local a, b, _ <close> = pair()
    local kept = {}
    for i = 1, 90 do
      local size = sizes[i % #sizes + 1]
      local writer = neap.spawn(a.write, a, text(i, size))
      kept[i] = assert(b:readexactly(size))
      writer:await()
      if i % 7 == 0 then
        collectgarbage()
      end
    end

    for i, data in ipairs(kept) do
      assert.is_true(data == text(i, #data), i)
    end
  end)

  it("stay what they were on several streams at a time", function()
    neap.gather(neap.map({ 1, 2, 3, 4, 5, 6 }, function(k)
      return neap.spawn(function()
        local a, b, _ <close> = pair()
        local kept = {}
        for i = 1, 12 do
          local writer = neap.spawn(a.write, a, text(k * 100 + i, RECORD))
          kept[i] = assert(b:readexactly(RECORD))
          writer:await()
        end
        for i = 1, 12 do
          assert.is_true(kept[i] == text(k * 100 + i, RECORD))
        end
      end)
    end))
  end)

  it("are whole when a record is taken in parts, or read behind others", function()
    local a, b, _ <close> = pair()
    a:write(text(1, RECORD))
    assert.equal(text(1, RECORD):sub(1, 100), b:peek(100))
    assert.equal(text(1, RECORD):sub(1, 5000), b:readexactly(5000))
    a:write(text(2, RECORD))
    neap.testing.settle()

    assert.is_true(b:readexactly(2 * RECORD - 5000) == text(1, RECORD):sub(5001) .. text(2, RECORD))
  end)

  --- Sends on what comes, in pieces of any size, down to a byte.
  local function relay(from, to)
    for data in from:chunks() do
      local at = 1
      while at <= #data do
        local size = math.random(1, math.random() < 0.3 and 30 or 40000)
        to:write(data:sub(at, at + size - 1))
        at = at + size
        neap.sleep(0)
      end
    end
    to:shutdown()
  end

  --- Sends messages with numbers from `first`; all of it.
  local function send(stream, first)
    local sent = {}
    for i = 1, 60 do
      sent[i] = text(first + i, sizes[math.random(#sizes)])
      assert(stream:write(sent[i]))
    end
    stream:shutdown()
    return table.concat(sent)
  end

  local function take(stream)
    local parts = {}
    repeat
      local data, err = stream:read(math.random(1, 70000))
      assert.is_nil(err)
      table.insert(parts, data)
    until not data
    return table.concat(parts)
  end

  for _, version in ipairs({ "1.2", "1.3" }) do
    case.timed("arrive whole however the bytes between the two are cut, with TLS " .. version, function()
      math.randomseed(5)
      local near, one = neap.testing.stream_pair()
      local far, other = neap.testing.stream_pair()
      local relays = { neap.spawn(relay, one, other), neap.spawn(relay, other, one) }
      local serving = neap.spawn(far.start_tls, far, {
        server = true, cert = certs.server.cert, key = certs.server.key, max_version = version,
      })
      assert(near:start_tls({ ca = certs.ca.cert, server_name = "localhost" }))
      assert(serving:await())

      local results = neap.gather({
        neap.spawn(send, near, 0), neap.spawn(take, far), neap.spawn(send, far, 1000), neap.spawn(take, near),
      })

      assert.is_true(results[1] == results[2])
      assert.is_true(results[3] == results[4])
      near:close()
      far:close()
      neap.gather(relays)
      one:close()
      other:close()
      math.randomseed()
    end)
  end

  it("of a record each do not bring the collector for each few", function()
    local out, err = child.run([[
      local cert, key, ca = ...
      local neap = require("neap")
      local a, b = neap.net.pair()
      local serving = neap.spawn(b.start_tls, b, { server = true, cert = cert, key = key })
      assert(a:start_tls({ ca = ca, server_name = "localhost" }))
      assert(serving:await())
      local data, cycles = ("x"):rep(16384), 0
      local function mark()
        setmetatable({}, { __gc = function() cycles = cycles + 1 mark() end })
      end
      collectgarbage()
      mark()
      for _ = 1, 1000 do
        local sender = neap.spawn(a.write, a, data)
        assert(b:readexactly(#data))
        sender:await()
      end
      print(cycles)
      neap.exit(0) ]], certs.server.cert, certs.server.key, certs.ca.cert)

    assert.equal("", err)
    -- 16 MiB in a heap of some 300 KiB
    assert.is_true(tonumber(out) < 20, out)
  end)
end)
