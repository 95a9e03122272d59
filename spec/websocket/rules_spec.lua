--- What breaks the rules of RFC 6455, and the code that the connection is
--- closed with for it. Each case is sent whole and byte by byte.
local case = require("spec.support.case")
local neap = require("neap")
local support = require("spec.support.websocket")

local describe, it = describe, case.it
local frame = support.frame

local TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x81, 0x82, 0x88, 0x89, 0x8a, 0x80
local TEXT_PART, BINARY_PART, MIDDLE = 0x01, 0x02, 0x00

local function close(code, reason)
  return frame(CLOSE, string.pack(">I2", code) .. (reason or ""))
end

--- A frame with a length that is written in more bytes than it needs.
local function long_length(head, kind, packed, payload)
  return string.char(head, 0x80 | kind) .. packed .. "\0\0\0\0" .. payload
end

-- What is sent to a server, and its answer.
local violations = {
  -- bits and opcodes
  { "reserved bit 1 without an extension", frame(TEXT | 0x40, "x"), 1002 },
  { "reserved bit 2", frame(TEXT | 0x20, "x"), 1002 },
  { "reserved bit 3", frame(TEXT | 0x10, "x"), 1002 },
  { "all reserved bits", frame(BINARY | 0x70, "x"), 1002 },
  { "a reserved bit in an empty message", frame(TEXT | 0x20, ""), 1002 },
  { "a reserved bit in a ping", frame(PING | 0x40, "x"), 1002 },
  { "a reserved bit in a pong", frame(PONG | 0x40, "x"), 1002 },
  { "a reserved bit in a close", frame(CLOSE | 0x40, "\3\xe8"), 1002 },
  { "a reserved bit in a continuation", frame(TEXT_PART, "a") .. frame(CONTINUATION | 0x40, "b"), 1002 },
  { "opcode 3", frame(0x83, "x"), 1002 },
  { "opcode 4", frame(0x84, "x"), 1002 },
  { "opcode 5", frame(0x85, "x"), 1002 },
  { "opcode 6", frame(0x86, ""), 1002 },
  { "opcode 7", frame(0x87, "x"), 1002 },
  { "opcode 11", frame(0x8b, "x"), 1002 },
  { "opcode 12", frame(0x8c, "x"), 1002 },
  { "opcode 13", frame(0x8d, ""), 1002 },
  { "opcode 14", frame(0x8e, "x"), 1002 },
  { "opcode 15", frame(0x8f, "x"), 1002 },
  { "a reserved opcode inside a message", frame(TEXT_PART, "a") .. frame(0x83, "b"), 1002 },
  -- masking
  { "text that is not masked", frame(TEXT, "x", false), 1002 },
  { "an empty message that is not masked", frame(TEXT, "", false), 1002 },
  { "a ping that is not masked", frame(PING, "x", false), 1002 },
  { "a close that is not masked", frame(CLOSE, "\3\xe8", false), 1002 },
  { "a continuation that is not masked", frame(TEXT_PART, "a") .. frame(CONTINUATION, "b", false), 1002 },
  -- control frames
  { "a ping in parts", frame(0x09, "x"), 1002 },
  { "a pong in parts", frame(0x0a, "x"), 1002 },
  { "a close in parts", frame(0x08, "\3\xe8"), 1002 },
  { "a ping of 126 bytes", frame(PING, ("x"):rep(126)), 1002 },
  { "a pong of 126 bytes", frame(PONG, ("x"):rep(126)), 1002 },
  { "a close of 126 bytes", close(1000, ("x"):rep(124)), 1002 },
  { "a ping of 64 KiB", frame(PING, ("x"):rep(65536)), 1002 },
  -- lengths
  { "a length of 5 in two bytes", long_length(TEXT, 126, "\0\5", "hello"), 1002 },
  { "a length of 125 in two bytes", long_length(TEXT, 126, "\0\125", ("x"):rep(125)), 1002 },
  { "a length of 5 in eight bytes", long_length(TEXT, 127, "\0\0\0\0\0\0\0\5", "hello"), 1002 },
  { "a length of 65535 in eight bytes", long_length(TEXT, 127, "\0\0\0\0\0\0\255\255", ("x"):rep(9)), 1002 },
  { "a length with the highest bit", long_length(TEXT, 127, "\x80\0\0\0\0\0\0\0", ("x"):rep(9)), 1002 },
  { "a length of 2^63 - 1", long_length(TEXT, 127, "\x7f\255\255\255\255\255\255\255", ("x"):rep(9)), 1009 },
  -- messages in parts
  { "a continuation of nothing", frame(CONTINUATION, "x"), 1002 },
  { "a middle part of nothing", frame(MIDDLE, "x"), 1002 },
  { "a continuation after a whole message", frame(TEXT, "a") .. frame(CONTINUATION, "b"), 1002, 1 },
  { "a continuation after the last one", frame(TEXT_PART, "a") .. frame(CONTINUATION, "b")
    .. frame(CONTINUATION, "c"), 1002, 1 },
  { "text inside of text", frame(TEXT_PART, "a") .. frame(TEXT, "b"), 1002 },
  { "binary inside of text", frame(TEXT_PART, "a") .. frame(BINARY, "b"), 1002 },
  { "text inside of binary", frame(BINARY_PART, "a") .. frame(MIDDLE, "b") .. frame(TEXT_PART, "c"), 1002 },
  -- sizes: at most 1000 bytes in a message, 500 in a frame
  { "a frame that is too long", frame(BINARY, ("x"):rep(501)), 1009 },
  { "a first part that is too long", frame(BINARY_PART, ("x"):rep(501)), 1009 },
  { "a message in parts that is too long", frame(BINARY_PART, ("x"):rep(500))
    .. frame(MIDDLE, ("x"):rep(500)) .. frame(CONTINUATION, "x"), 1009 },
  -- text
  { "a byte that never begins a character", frame(TEXT, "a\xffb"), 1007 },
  { "a continuation byte first", frame(TEXT, "\x80"), 1007 },
  { "an overlong form of two bytes", frame(TEXT, "\xc0\xaf"), 1007 },
  { "an overlong form of three bytes", frame(TEXT, "\xe0\x80\xaf"), 1007 },
  { "an overlong form of four bytes", frame(TEXT, "\xf0\x80\x80\xaf"), 1007 },
  { "a surrogate", frame(TEXT, "\xed\xa0\x80"), 1007 },
  { "a surrogate pair", frame(TEXT, "\xed\xa0\x80\xed\xb0\x80"), 1007 },
  { "a character above U+10FFFF", frame(TEXT, "\xf4\x90\x80\x80"), 1007 },
  { "a form of five bytes", frame(TEXT, "\xf8\x88\x80\x80\x80"), 1007 },
  { "a form of six bytes", frame(TEXT, "\xfc\x84\x80\x80\x80\x80"), 1007 },
  { "a character that is cut off", frame(TEXT, "a\xe2\x82"), 1007 },
  { "a character that an ASCII byte cuts", frame(TEXT, "\xe2\x82a"), 1007 },
  { "a character that the last part cuts", frame(TEXT_PART, "a\xe2") .. frame(CONTINUATION, "\x82"), 1007 },
  { "a wrong byte in a middle part, before the end", frame(TEXT_PART, "a") .. frame(MIDDLE, "\xff"), 1007 },
  { "a wrong byte over the border of parts", frame(TEXT_PART, "\xf4") .. frame(MIDDLE, "\x90"), 1007 },
  { "a wrong byte behind much ASCII", frame(TEXT, ("x"):rep(400) .. "\xff"), 1007 },
  -- close frames
  { "half a close code", frame(CLOSE, "\3"), 1002 },
  { "the close code 0", close(0), 1002 },
  { "the close code 999", close(999), 1002 },
  { "the close code 1004", close(1004), 1002 },
  { "the close code 1005", close(1005), 1002 },
  { "the close code 1006", close(1006), 1002 },
  { "the close code 1015", close(1015), 1002 },
  { "the close code 1016", close(1016), 1002 },
  { "the close code 1100", close(1100), 1002 },
  { "the close code 2000", close(2000), 1002 },
  { "the close code 2999", close(2999), 1002 },
  { "the close code 5000", close(5000), 1002 },
  { "the close code 65535", close(65535), 1002 },
  { "a close reason that is not UTF-8", close(1000, "\xce\xba\xff"), 1007 },
  { "a close reason that is cut off", close(1000, "\xce"), 1007 },
}

-- What keeps the rules, and the messages that it is.
local e, thousand = "\xe2\x82\xac", ("x"):rep(500)
local allowed = {
  { "an empty text", frame(TEXT, ""), { "" } },
  { "an empty binary message", frame(BINARY, ""), { "" } },
  { "a message of 125 bytes", frame(TEXT, ("x"):rep(125)), { ("x"):rep(125) } },
  { "a message of 126 bytes", frame(TEXT, ("x"):rep(126)), { ("x"):rep(126) } },
  { "the longest frame", frame(TEXT, thousand), { thousand } },
  { "the longest message", frame(TEXT_PART, thousand) .. frame(CONTINUATION, thousand), { thousand .. thousand } },
  { "many parts", frame(TEXT_PART, "a") .. frame(MIDDLE, "b"):rep(50) .. frame(CONTINUATION, "c"),
    { "a" .. ("b"):rep(50) .. "c" } },
  { "empty parts", frame(TEXT_PART, "") .. frame(MIDDLE, "") .. frame(CONTINUATION, ""), { "" } },
  { "a ping between parts", frame(TEXT_PART, "a") .. frame(PING, "p") .. frame(CONTINUATION, "b"), { "ab" } },
  { "a pong that nobody asked for", frame(PONG, "p") .. frame(TEXT, "a"), { "a" } },
  { "a ping of 125 bytes", frame(PING, ("p"):rep(125)) .. frame(TEXT, "a"), { "a" } },
  { "characters of every length", frame(TEXT, "a\xc2\x80" .. e .. "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
    { "a\xc2\x80" .. e .. "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" } },
  { "the characters beside the surrogates", frame(TEXT, "\xed\x9f\xbf\xee\x80\x80"), { "\xed\x9f\xbf\xee\x80\x80" } },
  { "characters that are no characters", frame(TEXT, "\xef\xbf\xbe\xef\xbf\xbf"), { "\xef\xbf\xbe\xef\xbf\xbf" } },
  { "a character over the border of parts", frame(TEXT_PART, e:sub(1, 1)) .. frame(MIDDLE, e:sub(2, 2))
    .. frame(CONTINUATION, e:sub(3)), { e } },
  { "any byte in a binary message", frame(BINARY, "\xff\x00\xfe"), { "\xff\x00\xfe" } },
  { "several messages", frame(TEXT, "a") .. frame(TEXT, "b") .. frame(BINARY, "c"), { "a", "b", "c" } },
  { "a key of zeros", frame(TEXT, "abc", "\0\0\0\0"), { "abc" } },
}

-- Close frames that keep the rules are answered with the same code.
local codes = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 }

local function send(stream, bytes, step)
  for i = 1, #bytes, step do
    -- a server that has seen enough may be gone
    if not stream:write(bytes:sub(i, i + step - 1)) then
      return
    end
  end
end

local function receive_all(ws)
  local messages = {}
  while true do
    local message, err = ws:receive()
    if not message then
      return messages, err
    end
    messages[#messages + 1] = message
  end
end

local opts = { max_message = 1000, max_frame = 500 }

--- The first close frame that comes: its code and reason.
local function close_frame(stream)
  while true do
    local head, payload = support.read_frame(stream)
    assert.is_truthy(head, "no close frame")
    if head == CLOSE then
      return #payload > 0 and string.unpack(">I2", payload) or nil, payload:sub(3)
    end
  end
end

for _, how in ipairs({ { "whole", math.maxinteger // 2 }, { "byte by byte", 1 } }) do
  local name, step = table.unpack(how)

  describe("a server closes for what comes " .. name .. ":", function()
    for _, violation in ipairs(violations) do
      local title, bytes, code, before = table.unpack(violation, 1, 4)
      it(("%s (%d)"):format(title, code), function()
        local ws, stream, _ <close> = support.raw(false, opts)
        send(stream, bytes .. frame(TEXT, "after that"), step)

        local messages, err = receive_all(ws)

        assert.equal(before or 0, #messages)
        assert.equal(code == 1009 and "LIMIT" or "HTTP", err.code)
        assert.equal(code, err.close_code)
        assert.equal(code, ws.close_code)
        local sent, reason = close_frame(stream)
        assert.equal(code, sent)
        assert.is_true(#reason > 0)
        assert.is_nil(support.read_frame(stream))
      end)
    end
  end)

  describe("a server takes what comes " .. name .. ":", function()
    for _, one in ipairs(allowed) do
      local title, bytes, expected = table.unpack(one)
      it(title, function()
        local ws, stream, _ <close> = support.raw(false, opts)
        send(stream, bytes .. close(1000), step)

        local messages, err = receive_all(ws)

        assert.is_nil(err)
        assert.same(expected, messages)
        assert.equal(1000, ws.close_code)
        assert.equal(1000, (close_frame(stream)))
      end)
    end

    it("a close frame without a code", function()
      local ws, stream, _ <close> = support.raw(false, opts)
      send(stream, frame(CLOSE, ""), step)

      assert.is_nil(ws:receive())
      assert.equal(1005, ws.close_code)
      assert.is_nil((close_frame(stream)))
    end)

    for _, code in ipairs(codes) do
      it("the close code " .. code, function()
        local ws, stream, _ <close> = support.raw(false, opts)
        send(stream, close(code, "g\xc3\xb6\xc3\xb6d bye"), step)

        local message, err = ws:receive()

        assert.is_nil(message)
        assert.is_nil(err)
        assert.equal(code, ws.close_code)
        assert.equal("g\xc3\xb6\xc3\xb6d bye", ws.close_reason)
        assert.equal(code, (close_frame(stream)))
      end)
    end
  end)
end

--- The header of a frame of 2^40 bytes, with a key unless `key` is "".
local function header(head, key)
  key = key or "\1\2\3\4"
  return string.char(head, key == "" and 127 or 255) .. ("\0\0\1\0\0\0\0\0") .. key
end

describe("a server closes for a header alone:", function()
  for _, one in ipairs({
    { "a frame that is too long", header(BINARY), 1009 },
    { "a message that gets too long", frame(BINARY_PART, "x") .. header(CONTINUATION), 1009 },
    { "a frame that is too long behind a message", frame(TEXT, "x") .. header(TEXT), 1009, 1 },
    { "a frame that is not masked", header(BINARY, ""), 1002 },
    { "a reserved bit", header(BINARY | 0x20), 1002 },
    { "a reserved opcode", string.char(0x83, 0x85) .. "\1\2\3\4", 1002 },
    { "nothing to continue", string.char(CONTINUATION, 0xfe, 1, 0) .. "\1\2\3\4", 1002 },
  }) do
    local title, bytes, code, before = table.unpack(one, 1, 4)
    it(("%s (%d)"):format(title, code), function()
      for _, step in ipairs({ #bytes, 1 }) do
        local ws, stream, _ <close> = support.raw(false, opts)
        send(stream, bytes, step)

        local messages = receive_all(ws)

        assert.equal(before or 0, #messages)
        assert.equal(code, ws.close_code)
        assert.equal(code, (close_frame(stream)))
      end
    end)
  end

  it("and takes one whose payload comes later", function()
    local ws, stream, _ <close> = support.raw(false, opts)
    local bytes = frame(TEXT, ("x"):rep(200)) -- 8 bytes of header
    stream:write(bytes:sub(1, 8))
    neap.testing.settle()
    stream:write(bytes:sub(9) .. close(1000))

    assert.same({ ("x"):rep(200) }, receive_all(ws))
  end)
end)

describe("a client", function()
  it("closes for a frame that is masked (1002)", function()
    local ws, stream, _ <close> = support.raw(true)
    stream:write(frame(TEXT, "x"))

    assert.is_nil(ws:receive())
    assert.equal(1002, (close_frame(stream)))
  end)

  it("masks every frame, each with another key", function()
    local ws, stream, _ <close> = support.raw(true)
    local keys = {}
    for i = 1, 100 do
      ws:send("aaaa")
      local bytes = stream:readexactly(10)
      assert.equal("\x81\x84", bytes:sub(1, 2))
      keys[bytes:sub(3, 6)] = i
    end
    local count = 0
    for _ in pairs(keys) do
      count = count + 1
    end
    assert.is_true(count > 90)
  end)
end)

describe("a server", function()
  it("masks no frame", function()
    local ws, stream, _ <close> = support.raw(false)
    for _, n in ipairs({ 0, 1, 125, 126, 65535, 65536, 200000 }) do
      neap.spawn(ws.send, ws, ("x"):rep(n), "binary")
      local head, payload, masked = support.read_frame(stream)
      assert.equal(BINARY, head)
      assert.equal(n, #payload)
      assert.is_false(masked)
    end
  end)
end)
