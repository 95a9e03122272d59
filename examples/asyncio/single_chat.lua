-- A chat with oneself: what a client sends comes back with its address in
-- front. It ends as a loop that runs until Ctrl-C does: that cancels the main
-- task, which then closes the server, shielded, because it has to wait.
--
-- Run: neap examples/asyncio/single_chat.lua [port]
-- Prints
--   Server (127.0.0.1:3999, 0 connections)
--   + 127.0.0.1:40312
--   hello
--   - 127.0.0.1:40312
-- and "closed" at the end.
local neap = require "neap"

io.stdout:setvbuf("line")

local Bye = {}
Bye.__close = function(self) print("- " .. self.client) end

local function handler(stream)
  local peer = stream:peername()
  local client = ("%s:%d"):format(peer.host, peer.port)
  print("+ " .. client)
  local _ <close> = setmetatable({ client = client }, Bye)
  for data in stream:chunks() do
    print((data:gsub("%s+$", "")))
    stream:write(client, "-", data)
  end
end

local server = assert(neap.net.serve("127.0.0.1", arg[1] or 3999, handler))
print(server)

pcall(neap.loop.run_forever)
neap.shield(function()
  server:close(0) -- who is still connected is cancelled
  server:wait_closed()
end)
print("closed")
