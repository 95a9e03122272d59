local case = require("spec.support.case")
local neap = require("neap")

local timed = case.timed_sockets
local settle = neap.testing.settle

local KIB = 1024

local function tcp_pair()
  local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
  local task = neap.spawn(neap.net.connect, "127.0.0.1", listener:address().port)
  return assert(listener:accept()), assert(task:await())
end

local kinds = {
  { name = "over TCP", make = tcp_pair },
  { name = "of net.pair", make = neap.net.pair },
  { name = "in memory", make = neap.testing.stream_pair },
}

--- Writes until the way to the peer is full.
local function fill(stream)
  local block, bytes = ("0123456789abcdef"):rep(4 * KIB), 0
  local task = neap.spawn(function()
    while true do
      bytes = bytes + #block
      stream:write(block)
    end
  end)
  repeat
    local before = bytes
    settle()
  until bytes == before
  task:cancel()
  pcall(neap.await, task)
  return bytes
end

--- How long it takes until the stream is gone.
local function time_to_close(stream)
  local start = neap.loop.time()
  stream:wait_closed()
  return neap.loop.time() - start
end

local function finish(...)
  for _, stream in ipairs({ ... }) do
    stream:abort()
    stream:wait_closed()
  end
end

for _, kind in ipairs(kinds) do
  describe("closing a Stream " .. kind.name, function()
    timed("gives up when the peer takes nothing for 5 s", function()
      local a, b = kind.make()
      fill(a)

      a:close()

      local took = time_to_close(a)
      assert.is_true(took >= 4.9 and took < 6.1, took)
      finish(b)
    end)

    timed("takes no time when all was sent", function()
      local a, b = kind.make()
      a:write("x")

      a:close()

      assert.is_true(time_to_close(a) < 1)
      finish(b)
    end)

    timed("waits for no end of a peer that goes on sending", function()
      local a, b = kind.make()
      local flood = neap.spawn(function()
        while b:write(("x"):rep(64 * KIB)) do
          neap.sleep(0.05)
        end
      end)
      settle()
      a:write("enough")

      a:close()

      assert.is_true(time_to_close(a) < 6.1)
      flood:cancel()
      pcall(neap.await, flood)
      finish(b)
    end)
  end)
end

-- What the system takes for the peer over TCP is its own affair.
for _, kind in ipairs({ kinds[2], kinds[3] }) do
  describe("closing a Stream " .. kind.name, function()
    timed("goes on as long as the peer takes some of it", function()
      local a, b = kind.make()
      local sent = fill(a)
      local start = neap.loop.time()
      a:close()

      local got = 0
      while true do
        neap.sleep(3)
        local data = b:read(64 * KIB)
        if not data then
          break
        end
        got = got + #data
      end

      assert.equal(sent, got)
      assert.is_true(neap.loop.time() - start > 6)
      finish(a, b)
    end)
  end)
end
