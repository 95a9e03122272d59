--- A SOCKS proxy for specs: versions 4, 4a and 5. `.seen` lists what it was
--- asked: { version =, kind = "address"|"name", host =, port =, user =, password = }.
--- Whatever it is asked for, it connects to the port at 127.0.0.1.
local neap = require("neap")

local socks = {}

--- Bytes up to a zero.
local function text(stream)
  return assert(stream:readuntil("\0")):sub(1, -2)
end

local function dotted(bytes)
  return table.concat({ bytes:byte(1, -1) }, ".")
end

local function hello_4(stream, seen)
  local port, address = (">I2 c4"):unpack(assert(stream:readexactly(7)), 2)
  seen.user, seen.port = text(stream), port
  seen.kind, seen.host = "address", dotted(address)
  if address:find("^\0\0\0[^\0]") then
    seen.kind, seen.host = "name", text(stream)
  end
  return "\0\x5a\0\0\0\0\0\0", "\0\x5b\0\0\0\0\0\0"
end

local function authenticate(stream, seen)
  local methods = assert(stream:readexactly(stream:readexactly(1):byte()))
  if not methods:find("\2", 1, true) then
    stream:write("\5\0")
    return
  end
  stream:write("\5\2")
  assert(stream:readexactly(1))
  seen.user = stream:readexactly(stream:readexactly(1):byte())
  seen.password = stream:readexactly(stream:readexactly(1):byte())
  stream:write("\1\0")
end

local function hello_5(stream, seen)
  authenticate(stream, seen)
  local kind = assert(stream:readexactly(4)):byte(4)
  if kind == 3 then
    seen.kind, seen.host = "name", stream:readexactly(stream:readexactly(1):byte())
  else
    seen.kind, seen.host = "address", dotted(stream:readexactly(kind == 1 and 4 or 16))
  end
  seen.port = (">I2"):unpack(stream:readexactly(2))
  return "\5\0\0\1\0\0\0\0\0\0", "\5\5\0\1\0\0\0\0\0\0"
end

local function pass_on(from, to)
  for piece in function() return from:read() end do
    if not to:write(piece) then
      break
    end
  end
  to:shutdown()
end

local function serve(self, stream)
  local seen = {}
  seen.version = assert(stream:readexactly(1)):byte()
  local granted, refused = (seen.version == 4 and hello_4 or hello_5)(stream, seen)
  self.seen[#self.seen + 1] = seen
  if self.refuses then
    stream:write(refused)
    return
  end
  local server <close> = assert(neap.net.connect("127.0.0.1", seen.port))
  stream:write(granted)
  neap.task_group(function(group)
    group:spawn(pass_on, stream, server)
    pass_on(server, stream)
    group:cancel()
  end)
end

--- Started; ended by `<close>`.
function socks.start()
  local self = { seen = {} }
  local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
    pcall(serve, self, stream)
  end))
  self.port = server:address().port
  self.server = server
  return setmetatable(self, { __close = function()
    server:close(0)
    server:wait_closed()
  end })
end

return socks
