-- An echo server and its client as protocols: tables whose methods are called
-- when something happens to a connection. The client sends a message in parts,
-- then the end; the server sends back what it gets.
--
--   neap examples/protocol_echo.lua
--
-- Prints what each side sees, in the order in which it happens, and at the end
-- "the client is done".
local neap = require("neap")

local messages = { "This is the message. ", "It will be sent ", "in parts." }

local function echo_server()
  local server = {}
  function server:connection_made(transport)
    self.transport = transport
    print("server: connection accepted")
  end
  function server:data_received(data)
    print("server: received " .. data)
    self.transport:write(data)
  end
  function server.eof_received()
    print("server: received the end") -- the transport is closed after this
  end
  function server.connection_lost(_, err)
    print("server: closing" .. (err and ": " .. tostring(err) or ""))
  end
  return server
end

local function echo_client(done)
  local client = {}
  function client.connection_made(_, transport)
    for _, message in ipairs(messages) do
      print("client: sending " .. message)
      transport:write(message)
    end
    transport:write_eof()
  end
  function client.data_received(_, data)
    print("client: received " .. data)
  end
  function client.connection_lost()
    print("client: the server closed the connection")
    done:set_result(true)
  end
  return client
end

local server <close> = assert(neap.protocol.create_server(echo_server, "127.0.0.1", 0))
local done = neap.future()
assert(neap.protocol.create_connection(
  function() return echo_client(done) end, "127.0.0.1", server:address().port))
done:await()
print("the client is done")
