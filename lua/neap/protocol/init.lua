--- Protocols and transports, in the style of asyncio: a factory makes a table
--- whose methods are called when something happens to its connection.
---
--- All methods are optional, and may wait: they are called one at a time, in
--- the order of what happened. One that raises ends its transport.
local args = require("neap.args")
local datagram = require("neap.protocol.datagram")
local net = require("neap.net")
local options = require("neap.net_options")
local transport = require("neap.protocol.transport")
local udp = require("neap.udp")

local protocol = {}

---@class neap.Protocol
---@field connection_made? fun(self: neap.Protocol, transport: neap.Transport)  the first of all
---@field data_received? fun(self: neap.Protocol, data: string)
---@field eof_received? fun(self: neap.Protocol): boolean?  true keeps the transport open
---@field connection_lost? fun(self: neap.Protocol, err: any)  the last of all; nil if nothing went wrong
---@field pause_writing? fun(self: neap.Protocol)  more than the high-water mark is unsent
---@field resume_writing? fun(self: neap.Protocol)  no more than the low one is

---@class neap.DatagramProtocol
---@field connection_made? fun(self: neap.DatagramProtocol, transport: neap.DatagramTransport)
---@field datagram_received? fun(self: neap.DatagramProtocol, data: string, addr: neap.Address)
---@field error_received? fun(self: neap.DatagramProtocol, err: neap.Error)
---@field connection_lost? fun(self: neap.DatagramProtocol, err: any)

---@alias neap.Factory fun(): neap.Protocol

--- Serves a port: a protocol of the factory for each connection.
---@async
---@overload async fun(factory: neap.Factory, host, port, opts?: neap.ServeOptions): neap.Server?, neap.Error?
function protocol.create_server(...)
  local factory, host, port, opts = ...
  local count = select("#", ...)
  args.callable("create_server", 1, factory, count)
  host = host ~= nil and args.string("create_server", 2, host, count) or nil
  opts = args.options("create_server", 4, opts, options.serve)
  if not opts.fd then
    port = args.port("create_server", 3, port, count)
  end
  return net.serve(host, port, transport.handler(factory), opts)
end

--- Connects, and gives the connection to a protocol of the factory, whose
--- connection_made has run when the transport is returned.
---@async
---@overload async fun(factory: neap.Factory, host, port, opts?: neap.ConnectOptions): neap.Transport?, neap.Protocol
function protocol.create_connection(...)
  local factory, host, port, opts = ...
  local count = select("#", ...)
  args.callable("create_connection", 1, factory, count)
  host = args.string("create_connection", 2, host, count)
  port = args.port("create_connection", 3, port, count)
  opts = args.options("create_connection", 4, opts, options.connect)
  local stream, err = net.connect(host, port, opts)
  if not stream then
    return nil, err
  end
  return transport.open(stream, factory)
end

--- Serves a Unix socket: a protocol of the factory for each connection.
---@async
---@overload async fun(factory: neap.Factory, path: string, opts?: neap.UnixServeOptions): neap.Server?, neap.Error?
function protocol.create_unix_server(...)
  local factory, path, opts = ...
  local count = select("#", ...)
  args.callable("create_unix_server", 1, factory, count)
  path = args.string("create_unix_server", 2, path, count)
  opts = args.options("create_unix_server", 3, opts, options.serve_unix)
  return net.serve_unix(path, transport.handler(factory), opts)
end

--- Connects to a Unix socket; the rest as in `create_connection`.
---@async
---@overload async fun(factory: neap.Factory, path, opts?: neap.UnixConnectOptions): neap.Transport?, neap.Protocol
function protocol.create_unix_connection(...)
  local factory, path, opts = ...
  local count = select("#", ...)
  args.callable("create_unix_connection", 1, factory, count)
  path = args.string("create_unix_connection", 2, path, count)
  opts = args.options("create_unix_connection", 3, opts, options.connect_unix)
  local stream, err = net.connect_unix(path, opts)
  if not stream then
    return nil, err
  end
  return transport.open(stream, factory)
end

local function open_datagram(factory, host, port, opts)
  local socket, err = udp.bind({ host = host, port = port, reuse_port = opts.reuse_port, queue = opts.queue })
  if not socket then
    return nil, err
  end
  local peer
  if opts.remote_host then
    peer = { host = opts.remote_host, port = opts.remote_port }
    local ok
    ok, err = socket:connect(peer.host, peer.port)
    if not ok then
      socket:close()
      return nil, err
    end
  end
  return datagram.open(socket, factory, peer)
end

--- Opens a UDP socket and gives it to a protocol of the factory.
---@async
---@overload async fun(factory: function, host?, port?, opts?: neap.EndpointOptions): neap.DatagramTransport?, table
function protocol.create_datagram_endpoint(...)
  local factory, host, port, opts = ...
  local count = select("#", ...)
  args.callable("create_datagram_endpoint", 1, factory, count)
  host = host ~= nil and args.string("create_datagram_endpoint", 2, host, count) or nil
  port = port ~= nil and args.port("create_datagram_endpoint", 3, port, count) or 0
  opts = args.options("create_datagram_endpoint", 4, opts, options.datagram_endpoint)
  if (opts.remote_host == nil) ~= (opts.remote_port == nil) then
    args.fail("create_datagram_endpoint", 4, "remote_host and remote_port belong together")
  end
  return open_datagram(factory, host, port, opts)
end

return protocol
