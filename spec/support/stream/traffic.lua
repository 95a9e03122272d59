--- Bytes that specs of streams send: slowly, until nothing more goes out, all values.
local neap = require("neap")

local settle = neap.testing.settle

local traffic = {}

traffic.KIB = 1024
-- What a line and what readuntil gives may have by default.
traffic.LIMIT = 64 * traffic.KIB

--- Sends the text in pieces of `size` bytes, each after the last was taken in.
function traffic.trickle(stream, text, size)
  return neap.spawn(function()
    for i = 1, #text, size do
      assert(stream:write(text:sub(i, i + size - 1)))
      neap.sleep(0)
    end
    assert(stream:shutdown())
  end)
end

local every_byte = {}
for i = 0, 255 do
  every_byte[i + 1] = string.char(i)
end
traffic.every_byte = table.concat(every_byte)

--- Fills the way to the peer until a write has to wait; returns that task, and
--- a table with how much it and the writes before it sent.
function traffic.fill(stream)
  local block = ("0123456789abcdef"):rep(4 * traffic.KIB)
  local sent = { bytes = 0 }
  local task = neap.spawn(function()
    while true do
      sent.bytes = sent.bytes + #block
      local ok, err = stream:write(block)
      if not ok then
        return nil, err
      end
    end
  end)
  repeat
    local before = sent.bytes
    settle()
  until sent.bytes == before
  return task, sent
end

return traffic
