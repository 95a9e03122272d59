-- An echo server as a protocol: an object per connection, whose methods are
-- called when something happens to it. Each writes its log lines under a name of
-- its own, to stderr.
--
-- Run: neap examples/asyncio/protocol_echo_server.lua [port]
-- Prints
--   main: starting up on localhost port 10000
--   EchoServer_127.0.0.1_55307: connection accepted
--   EchoServer_127.0.0.1_55307: received "This is the message. It will be sent in parts."
--   EchoServer_127.0.0.1_55307: sent "This is the message. It will be sent in parts."
--   EchoServer_127.0.0.1_55307: received EOF
--   EchoServer_127.0.0.1_55307: closing
--   main: closing server
--   main: done
-- the last two after Ctrl-C. The client may get its message in several pieces.
local neap = require "neap"

local function logger(name)
  return function(...)
    io.stderr:write(name, ": ", string.format(...), "\n")
  end
end

local EchoServer = {}
EchoServer.__index = EchoServer

function EchoServer:connection_made(transport)
  local address = transport:get_extra_info("peername")
  self.transport = transport
  self.log = logger(("EchoServer_%s_%d"):format(address.host, address.port))
  self.log("connection accepted")
end

function EchoServer:data_received(data)
  self.log("received %q", data)
  self.transport:write(data)
  self.log("sent %q", data)
end

function EchoServer:eof_received()
  self.log("received EOF")
  if self.transport:can_write_eof() then
    self.transport:write_eof()
  end
end

function EchoServer:connection_lost(err)
  if err then
    self.log("ERROR: %s", err)
  else
    self.log("closing")
  end
end

local log = logger("main")
local function factory() return setmetatable({}, EchoServer) end
local server = assert(neap.protocol.create_server(factory, "localhost", arg[1] or 10000))
log("starting up on localhost port %d", server:address().port)

neap.signal.wait("INT")
log("closing server")
server:close(0)
server:wait_closed()
log("done")
