-- The smallest protocol that serves: it says what happens to each connection.
-- Ctrl-C ends `run_forever`; then the server is closed.
--
-- Run: neap examples/asyncio/protocol_server.lua [port]
-- Prints
--   Serving on port 8888
--   Connection made.
--   Received data: hello
--   Connection lost.
--   closed
local neap = require "neap"

io.stdout:setvbuf("line")

local MyProtocol = {}
MyProtocol.__index = MyProtocol

function MyProtocol.connection_made()
  print("Connection made.")
end

function MyProtocol:data_received(data)
  print("Received data: " .. data)
end

function MyProtocol.connection_lost()
  print("Connection lost.")
end

local function factory() return setmetatable({}, MyProtocol) end
local server = assert(neap.protocol.create_server(factory, "127.0.0.1", arg[1] or 8888))
print("Serving on port " .. server:address().port)

pcall(neap.loop.run_forever) -- until Ctrl-C
neap.shield(function()
  server:close(0)
  server:wait_closed()
end)
print("closed")
