-- Reads that fill the loop's buffer: what arrives becomes a string where it
-- lies, so nothing else may use that memory afterwards.
local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

local SIZE = 64 * 1024

--- Both ends of a TCP connection.
local function pair()
  local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
  local task = neap.spawn(neap.net.connect, "127.0.0.1", listener:address().port)
  return assert(listener:accept()), assert(task:await())
end

--- A block that no other number gives.
local function block(i)
  return ("%08d"):format(i):rep(SIZE // 8)
end

describe("a read that fills the buffer", function()
  for name, read in pairs({
    read = function(stream)
      return stream:read(SIZE)
    end,
    readexactly = function(stream)
      return stream:readexactly(SIZE)
    end,
  }) do
    it("gives the bytes that were sent (" .. name .. ")", function()
      local one, other = pair()
    local a <close> = one
    local b <close> = other
      local writer = neap.spawn(function()
        for i = 1, 64 do
          assert(a:write(block(i)))
        end
        a:shutdown()
      end)
      local parts = {}
      for data in
        function()
          return read(b)
        end
      do
        parts[#parts + 1] = data
        if #parts % 8 == 0 then
          collectgarbage()
        end
      end
      writer:await()
      local all = table.concat(parts)
      assert.equal(64 * SIZE, #all)
      for i = 1, 64 do
        assert.equal(("%08d"):format(i), all:sub((i - 1) * SIZE + 1, (i - 1) * SIZE + 8))
        assert.is_true(all:sub((i - 1) * SIZE + 1, i * SIZE) == block(i))
      end
    end)
  end

  it("leaves strings that were read before as they are", function()
    local one, other = pair()
    local a <close> = one
    local b <close> = other
    local kept = {}
    for i = 1, 32 do
      local writer = neap.spawn(a.write, a, block(i))
      kept[i] = assert(b:readexactly(SIZE))
      writer:await()
    end
    collectgarbage()
    for i = 1, 32 do
      assert.is_true(kept[i] == block(i))
      assert.equal(0, kept[i]:byte(SIZE + 1) or 0)
    end
  end)

  it("works with many streams at a time, closed at any moment", function()
    local streams <const> = 12
    local echoes = {}
    for i = 1, streams do
      echoes[i] = neap.spawn(function()
        local one, other = pair()
    local a <close> = one
    local b <close> = other
        local writer = neap.spawn(function()
          return a:write(block(i)) and a:write(block(i + 1)) and a:write(block(i + 2))
        end)
        local first = assert(b:readexactly(SIZE))
        local peeked = assert(b:peek(10))
        if i % 3 == 0 then
          b:close()
        end
        writer:await()
        return first == block(i) and peeked == block(i + 1):sub(1, 10)
      end)
    end
    for _, same in ipairs(neap.gather(echoes)) do
      assert.is_true(same)
    end
  end)
end)

describe("memory of large strings", function()
  --- How often the collector comes round while so many blocks are read, each
  --- of which becomes a string where it lies.
  local function cycles_in(blocks, text)
    local out, err = child.run(([[
      local neap = require("neap")
      local a, b = neap.net.pair()
      local data, cycles = ("x"):rep(64 * 1024), 0
      local function mark()
        setmetatable({}, { __gc = function() cycles = cycles + 1 mark() end })
      end
      collectgarbage()
      mark()
      %s
      for _ = 1, %d do
        local sender = neap.spawn(a.write, a, data)
        assert(b:readexactly(#data))
        sender:await()
      end
      print(cycles)
      a:abort() b:abort()
    ]]):format(text, blocks))
    assert.equal("", err)
    return assert(tonumber(out), out)
  end

  it("does not bring the collector for each few in a small heap", function()
    -- 16 MiB in a heap of some 200 KiB: it came 60 times
    local cycles = cycles_in(256, "")

    assert.is_true(cycles >= 2 and cycles < 20, cycles)
  end)

  it("does not start a collector that was stopped", function()
    assert.equal(0, cycles_in(64, [[
      collectgarbage("stop")
      for i = 1, 100 do local _ = ("x"):rep(10000) .. i end
    ]]))
  end)

  it("that is kept for the next ones counts, and makes room at the limit", function()
    local out, err = child.run([[
      local function round(size)
        local t = {}
        for i = 1, 30 do t[i] = ("x"):rep(size) .. i end
      end
      round(60000) -- garbage, some of which is kept
      collectgarbage()
      assert(require("neap.core").set_limits { memory = 6 << 20 })
      for size = 15000, 135000, 3000 do round(size) end
      print("done")
    ]])
    assert.equal("", err)
    assert.equal("done\n", out)
  end)
end)
