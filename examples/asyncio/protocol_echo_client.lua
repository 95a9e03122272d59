-- The client of protocol_echo_server.lua: it sends a message in three parts and
-- then EOF, and logs what comes back. A future says that it is done.
--
-- Run: neap examples/asyncio/protocol_echo_client.lua [port]
-- Prints, on stderr,
--   main: waiting for client to complete
--   EchoClient: connecting to 127.0.0.1 port 10000
--   EchoClient: sending "This is the message. "
--   EchoClient: sending "It will be sent "
--   EchoClient: sending "in parts."
--   EchoClient: received "This is the message. It will be sent in parts."
--   EchoClient: received EOF
--   EchoClient: server closed connection
--   main: done
-- The message may come back in several pieces.
local neap = require "neap"

local MESSAGES = { "This is the message. ", "It will be sent ", "in parts." }

local function logger(name)
  return function(...)
    io.stderr:write(name, ": ", string.format(...), "\n")
  end
end

local EchoClient = { log = logger("EchoClient") }
EchoClient.__index = EchoClient

function EchoClient:connection_made(transport)
  local address = transport:get_extra_info("peername")
  self.transport = transport
  self.log("connecting to %s port %d", address.host, address.port)
  for _, message in ipairs(self.messages) do
    transport:write(message)
    self.log("sending %q", message)
  end
  if transport:can_write_eof() then
    transport:write_eof()
  end
end

function EchoClient:data_received(data)
  self.log("received %q", data)
end

function EchoClient:eof_received()
  self.log("received EOF")
  self.transport:close()
end

function EchoClient:connection_lost()
  self.log("server closed connection")
  self.completed:set_result(true)
end

local log = logger("main")
local completed = neap.future()
local function factory()
  return setmetatable({ messages = MESSAGES, completed = completed }, EchoClient)
end

log("waiting for client to complete")
assert(neap.protocol.create_connection(factory, "localhost", arg[1] or 10000))
completed:await()
log("done")
