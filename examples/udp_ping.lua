-- Datagrams: a socket that sends back what it gets, and one that pings it three
-- times and takes the time; a ping without an answer is given up.
--
--   neap examples/udp_ping.lua
--
-- Prints a line for each ping, then what happens where nobody listens.
local neap = require("neap")

local echo <close> = assert(neap.net.udp({ host = "127.0.0.1" }))
neap.spawn(function()
  for data, from in echo:datagrams() do -- until the socket is closed
    echo:send(data, from.host, from.port)
  end
end)

local socket <close> = assert(neap.net.udp({ host = "127.0.0.1" }))
local port = echo:address().port
for i = 1, 3 do
  local start = neap.loop.time()
  assert(socket:send("ping " .. i, "127.0.0.1", port))
  local ok, answer = pcall(neap.timeout, 1, socket.recv, socket)
  print(ok and ("%s: %.1f ms"):format(answer, (neap.loop.time() - start) * 1000) or "no answer")
end

echo:close()
assert(socket:connect("127.0.0.1", port)) -- only a connected socket hears of errors
socket:send("anybody there?")
local _, err = socket:recv()
print("after the end: " .. err.code)
