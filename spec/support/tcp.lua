--- TCP on the loopback, for specs: listeners, servers, connected pairs.
local neap = require("neap")

local net = neap.net

local tcp = {}

--- A listener on a free port of the loopback, and that port.
function tcp.listen(opts)
  local listener = assert(net.listen("127.0.0.1", 0, opts))
  return listener, listener:address().port
end

--- A connected pair; the listener is gone.
function tcp.connected(opts)
  local listener <close>, port = tcp.listen()
  local task = neap.spawn(net.connect, "127.0.0.1", port, opts)
  local accepted = assert(listener:accept())
  return assert(task:await()), accepted
end

--- A port of the loopback on which nobody listens.
function tcp.closed_port()
  local listener <close>, port = tcp.listen()
  return port, listener
end

--- Closes streams, listeners and servers, and waits until those are gone that end
--- later.
function tcp.close_all(...)
  for _, object in ipairs({ ... }) do
    object:close()
    if object.wait_closed then
      object:wait_closed()
    end
  end
end

--- A server on a free port of the loopback, and that port.
function tcp.serve(handler, opts)
  local server = assert(net.serve("127.0.0.1", 0, handler, opts))
  return server, server:address().port
end

--- A stream to a port of the loopback.
function tcp.connect(port)
  return assert(net.connect("127.0.0.1", port))
end

--- A handler that sends back what comes.
function tcp.echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end

--- Closes a server and waits until it is gone.
function tcp.stop(server)
  server:close(0)
  server:wait_closed()
end

return tcp
