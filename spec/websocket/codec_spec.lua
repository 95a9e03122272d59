--- The codec under bytes that nobody would send: whatever comes, in whatever
--- pieces, it gives the same, and it never reads or keeps more than it may.
local case = require("spec.support.case")
local deflate = require("neap.proto.deflate")
local proto = require("neap.proto.ws")
local support = require("spec.support.websocket")

local describe, it = describe, case.it

-- How much is tried: NEAP_FUZZ=20 tries twenty times as much.
local ROUNDS = 100 * (tonumber(os.getenv("NEAP_FUZZ")) or 1) // 1
local frame = support.frame

--- Numbers from 0 to n - 1, the same each time.
local function generator(seed)
  local state = seed
  return function(n)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % n
  end
end

local function noise(random, n)
  local bytes = {}
  for i = 1, n do
    bytes[i] = string.char(random(256))
  end
  return table.concat(bytes)
end

local heads = { 0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0xc1, 0x41 }
local texts = { "", "a", "g\xc3\xbc\xc3\x9f", "\xf0\x9f\x99\x82", "\xff", ("x"):rep(126), "\3\xe8bye" }

--- A row of frames, most of them right.
local function frames(random)
  local list = {}
  for i = 1, random(8) + 1 do
    local payload = random(4) == 0 and noise(random, random(300)) or texts[random(#texts) + 1]
    list[i] = frame(heads[random(#heads) + 1], payload, random(20) > 0 and noise(random, 4))
  end
  return table.concat(list)
end

--- All that a codec makes of the bytes, given in pieces; a text of it.
local function read(bytes, random)
  local codec <close> = proto.codec(false, 400, 300, true)
  local got, at = {}, 1
  while at <= #bytes do
    local size = random and random(random(2) == 0 and 3 or 400) + 1 or #bytes
    local piece, more = bytes:sub(at, at + size - 1), true
    at = at + size
    while more do
      local kind, payload, extra
      kind, payload, more, extra = codec:next(piece)
      piece = nil
      if kind then
        assert.is_true(#payload <= 400 + 65)
        got[#got + 1] = ("%s %s %q"):format(kind, extra, payload)
      end
    end
  end
  return table.concat(got, "\n")
end

describe("the codec", function()
  it("gives the same however frames are cut", function()
    for seed = 1, 3 * ROUNDS do
      local random = generator(seed)
      local bytes = frames(random)
      local whole = read(bytes)
      for _ = 1, 4 do
        assert.equal(whole, read(bytes, random))
      end
    end
  end)

  it("survives frames of which bytes were changed", function()
    for seed = 1, 6 * ROUNDS do
      local random = generator(seed)
      local bytes = frames(random)
      for _ = 1, random(4) + 1 do
        local at = random(#bytes) + 1
        bytes = bytes:sub(1, at - 1) .. string.char(random(256)) .. bytes:sub(at + 1)
      end
      assert.equal(read(bytes), read(bytes, random))
    end
  end)

  it("survives noise", function()
    for seed = 1, 5 * ROUNDS do
      local random = generator(seed)
      read(noise(random, random(500) + 1), random)
    end
  end)

  it("gives back what was framed, at every size around a border", function()
    for _, client in ipairs({ true, false }) do
      local from <close>, n = proto.codec(client, 1 << 20, 1 << 20, false), 0
      local to <close> = proto.codec(not client, 1 << 20, 1 << 20, false)
      for _, border in ipairs({ 1, 125, 4090, 8190, 65535 }) do
        for size = math.max(0, border - 10), border + 10 do
          n = n + 1
          local message = noise(generator(n), size)
          local kind, payload = to:next(from:frame("binary", message))
          assert.equal("binary", kind)
          assert.equal(message, payload)
        end
      end
    end
  end)

  it("can be given up in the middle of a frame, and others go on", function()
    local other <close> = proto.codec(false, 1000, 1000, false)
    for i = 1, 50 do
      local codec = proto.codec(false, 1000, 1000, false)
      assert.is_nil(codec:next(frame(0x81, "hello"):sub(1, i % 9 + 1)))
      codec:close()
      assert.equal("text", (other:next(frame(0x81, "x"))))
    end
  end)

  it("raises when bytes come before the last are used up", function()
    local codec <close> = proto.codec(false, 1000, 1000, false)
    codec:next(frame(0x82, ("x"):rep(200)):rep(50))
    assert.is_false((pcall(codec.next, codec, "x")))
  end)

  it("checks arguments", function()
    local codec <close> = proto.codec(false, 10, 10, false)
    for _, one in ipairs({ { "blob", "x" }, { "ping", ("x"):rep(126) }, { "text" }, { nil, "x" } }) do
      assert.is_false((pcall(codec.frame, codec, table.unpack(one, 1, 2))))
    end
    assert.is_false((pcall(proto.codec, false, -1, 1)))
  end)
end)

describe("UTF-8", function()
  it("is what Lua takes for it, without surrogates", function()
    for seed = 1, 10 * ROUNDS do
      local random = generator(seed)
      local bytes = {}
      for i = 1, random(12) + 1 do
        -- bytes that matter: the borders of the table of the standard
        local borders = "\xff\0a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4"
        local at = random(#borders) + 1
        bytes[i] = borders:sub(at, at)
      end
      local text = table.concat(bytes)
      assert.equal(utf8.len(text) ~= nil, proto.is_utf8(text))
    end
  end)

  it("is every character there is", function()
    for code = 0, 0x10ffff, 31 do
      if code < 0xd800 or code > 0xdfff then
        assert.is_true(proto.is_utf8(utf8.char(code)))
      end
    end
  end)

  it("is looked for behind ASCII of any length", function()
    for n = 0, 40 do
      assert.is_true(proto.is_utf8(("a"):rep(n) .. "\xc3\xbc" .. ("b"):rep(n)))
      assert.is_false(proto.is_utf8(("a"):rep(n) .. "\xc3" .. ("b"):rep(n)))
      assert.is_false(proto.is_utf8(("a"):rep(n) .. "\xbc"))
    end
  end)
end)

describe("the key of a handshake", function()
  it("is answered as RFC 6455 has it", function()
    assert.equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", proto.accept_key("dGhlIHNhbXBsZSBub25jZQ=="))
  end)

  it("is answered with the SHA-1 of keys of any length", function()
    for length, expected in pairs({
      [0] = "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=",
      [19] = "qQsxh2Nb/vsnD9od6HBiP6Igif0=", -- the last that needs one block
      [20] = "7jD6MP55bPPoLSNhT1mD/AE8sjc=",
      [28] = "atUL8kQGe4qplhq19Y5TKRw/Uj4=",
      [128] = "d5DxsU9is+/O9m7nTbwV0cK0jLc=",
    }) do
      assert.equal(expected, proto.accept_key(("x"):rep(length)))
    end
    assert.is_false((pcall(proto.accept_key, ("x"):rep(129))))
  end)

  it("is 16 bytes in base64", function()
    assert.matches("^[%w+/]+==$", proto.new_key())
    assert.equal(24, #proto.new_key())
    for text, expected in pairs({ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", ["\xff\xfe"] = "//4=" }) do
      assert.equal(expected, proto.base64(text))
    end
  end)
end)

describe("a compressed bomb", function()
  it("is no larger for the codec than its limit", function()
    local z <close> = deflate.compressor("raw", 9)
    local bomb = z:push(("\0"):rep(1000000), "sync")
    local codec <close> = proto.codec(false, 500, 500, true)
    local kind, _, _, code = codec:next(frame(0xc2, bomb))
    assert.equal("error", kind)
    assert.equal(1009, code)
  end)
end)
