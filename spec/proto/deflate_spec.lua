local case = require("spec.support.case")
local deflate = require("neap.proto.deflate")
local neap = require("neap")

local describe, it = describe, case.it

local KIB = 1024
local text = ("the quick brown fox jumps over the lazy dog, again and again. "):rep(500)

--- Bytes that do not compress, the same each time.
local function noise(n, seed)
  local state, bytes = seed or 1, {}
  for i = 1, n do
    state = (state * 1103515245 + 12345) & 0x7fffffff
    bytes[i] = string.char(state >> 16 & 0xff)
  end
  return table.concat(bytes)
end

local function compress(kind, data, ...)
  local z <close> = deflate.compressor(kind, ...)
  return z:push(data, "finish")
end

local function decompress(kind, data, ...)
  local z <close> = deflate.decompressor(kind, ...)
  return z:push(data, "finish")
end

--- What pushing the data in pieces of `size` bytes gives.
local function in_pieces(z, data, size)
  local out = {}
  for i = 1, #data, size do
    table.insert(out, (assert(z:push(data:sub(i, i + size - 1)))))
  end
  table.insert(out, (assert(z:push("", "finish"))))
  return table.concat(out)
end

for _, kind in ipairs({ "gzip", "deflate", "raw" }) do
  describe("compression as " .. kind, function()
    it("gives back what was compressed", function()
      for _, data in ipairs({ "", "x", text, noise(100000), ("\0"):rep(1000000) }) do
        assert.equal(data, decompress(kind, compress(kind, data)))
      end
    end)

    it("makes text smaller", function()
      assert.is_true(#compress(kind, text) < #text / 20)
    end)

    it("does not depend on how the input is cut", function()
      local packed = compress(kind, text)
      for _, size in ipairs({ 1, 2, 3, 7, 1000 }) do
        local z <close> = deflate.decompressor(kind)
        assert.equal(text, in_pieces(z, packed, size))
        local c <close> = deflate.compressor(kind)
        assert.equal(text, decompress(kind, in_pieces(c, text, size)))
      end
    end)

    it("takes every level, and a smaller window", function()
      for level = -1, 9 do
        assert.equal(text, decompress(kind, compress(kind, text, level)))
      end
      assert.equal(text, decompress(kind, compress(kind, text, 6, 9, 1), nil, 9))
    end)

    it("lets out with 'sync' all that was pushed", function()
      local c <close> = deflate.compressor(kind)
      local d <close> = deflate.decompressor(kind)
      for i = 1, 50 do
        local message = "message " .. i
        assert.equal(message, d:push(c:push(message, "sync")))
      end
    end)

    it("can be used again after reset", function()
      local c <close> = deflate.compressor(kind)
      local d <close> = deflate.decompressor(kind)
      for _ = 1, 3 do
        assert.equal(text, d:push(c:push(text, "finish"), "finish"))
        c:reset()
        d:reset()
      end
    end)

    it("says of data that end in the middle that they do", function()
      local packed = compress(kind, text)
      for _, n in ipairs({ 1, 2, 3, 20, #packed - 1 }) do
        local data, err = decompress(kind, packed:sub(1, n))
        assert.is_nil(data)
        assert.equal("HTTP", err.code)
        assert.matches("ends in the middle", err.message)
      end
    end)

    it("takes no input at all for no data", function()
      assert.equal("", decompress(kind, ""))
    end)

    it("refuses a bomb without unpacking it", function()
      local bomb = compress(kind, ("\0"):rep(20 * KIB * KIB), 9)
      collectgarbage()
      local before = neap.stats().memory
      local data, err = decompress(kind, bomb, 64 * KIB)
      assert.is_nil(data)
      assert.equal("LIMIT", err.code)
      assert.matches("65536", err.message)
      assert.is_true(neap.stats().memory - before < KIB * KIB)
    end)

    it("gives exactly as much as it may", function()
      local packed = compress(kind, text)
      assert.equal(text, decompress(kind, packed, #text))
      local _, err = decompress(kind, packed, #text - 1)
      assert.equal("LIMIT", err.code)
    end)

    it("counts what came out of all pushes", function()
      local packed = compress(kind, text)
      local z <close> = deflate.decompressor(kind, #text - 1)
      local err
      for i = 1, #packed do
        local got
        got, err = z:push(packed:sub(i, i))
        if not got then
          break
        end
      end
      assert.equal("LIMIT", err.code)
    end)

    it("bounds what one push gives", function()
      local c <close> = deflate.compressor(kind)
      local d <close> = deflate.decompressor(kind)
      assert.equal(100, #d:push(c:push(("a"):rep(100), "sync"), nil, 100))
      assert.equal(100, #d:push(c:push(("a"):rep(100), "sync"), nil, 100))
      local got, err = d:push(c:push(("a"):rep(101), "sync"), nil, 100)
      assert.is_nil(got)
      assert.equal("LIMIT", err.code)
      assert.matches("100", err.message)
    end)

    it("stays failed until it is reset", function()
      local z <close> = deflate.decompressor(kind, 10)
      local packed = compress(kind, text)
      assert.is_nil(z:push(packed))
      assert.equal("LIMIT", select(2, z:push("x")).code)

      z:reset()

      assert.equal("short", z:push(compress(kind, "short")))
    end)

    it("survives every corruption of one byte", function()
      local packed = compress(kind, text:sub(1, 300))
      for i = 1, #packed do
        for _, flip in ipairs({ 1, 0x10, 0x80, 0xff }) do
          local byte = string.char(packed:byte(i) ~ flip)
          local bad = packed:sub(1, i - 1) .. byte .. packed:sub(i + 1)
          local data, err = decompress(kind, bad, 10 * KIB)
          assert.is_true(data ~= nil or err.code == "HTTP" or err.code == "LIMIT")
        end
      end
    end)

    it("survives noise, in pieces of any size", function()
      for seed = 1, 300 do
        local z <close> = deflate.decompressor(kind, 10 * KIB)
        local data = noise(200, seed)
        for i = 1, #data, seed % 13 + 1 do
          local got, err = z:push(data:sub(i, i + seed % 13))
          assert.is_true(got ~= nil or err.code == "HTTP" or err.code == "LIMIT")
        end
      end
    end)
  end)
end

describe("a decompressor", function()
  it("takes raw data for 'deflate' as well", function()
    local packed = compress("raw", text)
    assert.equal(text, decompress("deflate", packed))
    local z <close> = deflate.decompressor("deflate")
    assert.equal(text, in_pieces(z, packed, 1))
  end)

  it("takes gzip data of several members", function()
    local packed = compress("gzip", "one ") .. compress("gzip", "two")
    assert.equal("one two", decompress("gzip", packed))
    local z <close> = deflate.decompressor("gzip")
    assert.equal("one two", in_pieces(z, packed, 1))
  end)

  it("bounds what several members give together", function()
    local _, err = decompress("gzip", compress("gzip", "one ") .. compress("gzip", "two"), 6)
    assert.equal("LIMIT", err.code)
  end)

  it("takes a hundred raw streams at a time, and refuses one that only ends them", function()
    local z <close> = deflate.decompressor("raw")
    local empty = "\3\0" -- a stream with nothing in it
    assert.equal("", z:push(empty:rep(100)))
    assert.equal("", z:push(empty:rep(100)))
    local out, err = z:push(empty:rep(1000))
    assert.is_nil(out)
    assert.equal("HTTP", err.code)
    assert.matches("bytes after its end", err.message, 1, true)
  end)

  it("takes raw data that refer to a stream before their own", function()
    -- "Hello" as a last block and an empty one; then "Hello" by reference
    local z <close> = deflate.decompressor("raw")
    assert.equal("Hello", z:push("\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00\x00\xff\xff"))
    assert.equal("Hello", z:push("\xf2\x00\x11\x00\x00\x00\x00\xff\xff"))
  end)

  it("refuses bytes after the end", function()
    for _, kind in ipairs({ "gzip", "deflate", "raw" }) do
      for _, size in ipairs({ 1, 1000 }) do
        local z <close> = deflate.decompressor(kind)
        local packed, err = compress(kind, "x") .. "junk", nil
        for i = 1, #packed, size do
          local got
          got, err = z:push(packed:sub(i, i + size - 1))
          if not got then
            break
          end
        end
        err = err or select(2, z:push("", "finish"))
        assert.equal("HTTP", err.code)
      end
    end
  end)

  it("detects a wrong checksum", function()
    for _, kind in ipairs({ "gzip", "deflate" }) do
      local packed = compress(kind, text)
      local at = kind == "gzip" and #packed - 7 or #packed
      local byte = string.char(packed:byte(at) ~ 1)
      local _, err = decompress(kind, packed:sub(1, at - 1) .. byte .. packed:sub(at + 1))
      assert.equal("HTTP", err.code)
      assert.matches("corrupt: ", err.message)
    end
  end)
end)

describe("a compressor", function()
  it("raises INVALID_STATE after its end", function()
    local z <close> = deflate.compressor("gzip")
    z:push("x", "finish")

    local ok, err = pcall(z.push, z, "y")

    assert.is_false(ok)
    assert.equal("INVALID_STATE", err.code)
  end)

  it("can be closed twice", function()
    local z = deflate.compressor("gzip")
    z:close()
    z:close()
    assert.equal("Compressor (gzip, closed)", tostring(z))
  end)

  it("raises CLOSED once it is closed", function()
    local z = deflate.compressor("gzip")
    z:close()
    for _, method in ipairs({ "push", "reset" }) do
      local ok, err = pcall(z[method], z, "x")
      assert.is_false(ok)
      assert.equal("CLOSED", err.code)
    end
  end)
end)

describe("arguments of compression", function()
  it("are checked", function()
    local z <close> = deflate.compressor("raw")
    local function refuses(message, fn, ...)
      local ok, err = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(message, err, 1, true)
    end
    refuses("bad argument #1 to 'compressor' ('gzip', 'deflate' or 'raw' expected, got 'zip')",
      deflate.compressor, "zip")
    refuses("bad argument #2 to 'compressor' (out of range (-1 to 9))", deflate.compressor, "gzip", 10)
    refuses("bad argument #2 to 'decompressor' (out of range", deflate.decompressor, "gzip", -1)
    refuses("bad argument #1 to 'push' (string expected, got nil)", z.push, z, nil)
    refuses("bad argument #2 to 'push' ('sync' or 'finish' expected, got 'all')", z.push, z, "", "all")
  end)
end)
