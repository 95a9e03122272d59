-- A server that sends each line back to the client that sent it. Ctrl-C ends
-- it: it accepts nobody any more, waits until its connections have ended (those
-- that are left after a second are cancelled), and is done.
--
-- Run: neap examples/asyncio/line_echo_server.lua [port]
-- Prints
--   Serving on 127.0.0.1:8888
-- and, at the end,
--   closed
local neap = require "neap"

io.stdout:setvbuf("line") -- also into a pipe

local function handle_client(stream)
  for line in stream:lines() do
    stream:write(line, "\n")
  end
end

local server <close> = assert(neap.net.serve("127.0.0.1", arg[1] or 8888, handle_client))
local address = server:address()
print(("Serving on %s:%d"):format(address.host, address.port))

neap.signal.wait("INT")
server:close(1)
server:wait_closed()
print("closed")
