-- An echo server as a user of cqueues would write it. Prints its port.
local cqueues = require("cqueues")
local socket = require("cqueues.socket")

local loop = cqueues.new()
local server = assert(socket.listen({ host = "127.0.0.1", port = 0 }))
assert(server:listen())

local function serve(client)
  client:setmode("bn", "bn")
  client:onerror(function(_, _, code)
    return code
  end)
  local data = client:read(-65536)
  while data and client:write(data) do
    data = client:read(-65536)
  end
  client:close()
end

loop:wrap(function()
  while true do
    loop:wrap(serve, assert(server:accept({ nodelay = true })))
  end
end)
print((select(3, server:localname())))
io.stdout:flush()
assert(loop:loop())
