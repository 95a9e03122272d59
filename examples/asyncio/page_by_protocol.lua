-- A page fetched by a protocol: the request is written by hand as soon as there
-- is a connection, what comes is printed, and the end of the connection stops
-- the loop.
--
-- Run: neap examples/asyncio/page_by_protocol.lua [host [port [path]]]
-- Prints the answer of the server; `python3 -m http.server` starts one.
local neap = require "neap"

local host, port, path = arg[1] or "127.0.0.1", arg[2] or 8000, arg[3] or "/"

local ClientProtocol = {}
ClientProtocol.__index = ClientProtocol

function ClientProtocol.connection_made(_, transport)
  transport:writelines { "GET ", path, " HTTP/1.0\r\nHost: ", host, "\r\n\r\n" }
end

function ClientProtocol.data_received(_, data)
  io.write(data)
end

function ClientProtocol:connection_lost()
  self.loop.stop()
end

local function factory() return setmetatable({ loop = neap.loop }, ClientProtocol) end
assert(neap.protocol.create_connection(factory, host, port))
neap.loop.run_forever()
