-- A server that sends back what it gets, to any number of clients at a time.
--
--   neap examples/echo_server.lua [host [port]]
--
-- Prints where it listens, and a line when a client comes and goes. Ctrl-C ends
-- it. Try it with echo_client.lua.
local neap = require("neap")

local function echo(stream)
  local peer = stream:peername()
  print(("+ %s:%d"):format(peer.host, peer.port))
  for data in stream:chunks() do -- until the client has ended
    stream:write(data) -- waits while the client does not read
  end
  print(("- %s:%d"):format(peer.host, peer.port))
end

local server <close> = assert(neap.net.serve(arg[1] or "127.0.0.1", arg[2] or 8888, echo))
print(("listening on %s:%d"):format(server:address().host, server:address().port))
io.stdout:flush()
server:serve_forever()
