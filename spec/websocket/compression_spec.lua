local case = require("spec.support.case")
local neap = require("neap")
local packing = require("neap.websocket.packing")
local support = require("spec.support.websocket")

local describe, it = describe, case.it
local frame, read_frame = support.frame, support.read_frame

local KIB = 1024

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
