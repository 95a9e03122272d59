-- A datagram echo server to measure, as a user would write it. Prints its port,
-- and serves until it is stopped.
--
--   build/neap bench/udp_echo.lua [port]
local neap = require("neap")

local socket = assert(neap.net.udp({ host = "127.0.0.1", port = tonumber(arg[1]) or 0 }))

print(socket:address().port)
io.stdout:flush()
for data, from in socket:datagrams() do
  socket:send(data, from.host, from.port)
end
