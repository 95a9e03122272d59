---@meta neap.protocol

--- Connections in the style of callbacks: a protocol is a table whose methods are
--- called, a transport is what it writes to. The methods of a protocol may wait:
--- one at a time for each connection, in order. One that raises ends its
--- connection, and what it raises goes to the exception handler.
---
--- In the examples `echo` is the port of a server at 127.0.0.1 that sends back
--- what it gets, and `dir` is a directory.
---@class neap.protocol
local protocol = {}

--- What a factory makes for a connection. Each method is optional.
---@class neap.Protocol
---@field connection_made? fun(self: neap.Protocol, transport: neap.Transport)  the first of all
---@field data_received? fun(self: neap.Protocol, data: string)
---@field eof_received? fun(self: neap.Protocol): boolean?  true keeps the transport open
---@field connection_lost? fun(self: neap.Protocol, err: any)  the last of all; nil if nothing went wrong
---@field pause_writing? fun(self: neap.Protocol)  more than the high-water mark is unsent
---@field resume_writing? fun(self: neap.Protocol)  no more than the low one is

--- What a factory makes for datagrams. Each method is optional.
---@class neap.DatagramProtocol
---@field connection_made? fun(self: neap.DatagramProtocol, transport: neap.DatagramTransport)
---@field datagram_received? fun(self: neap.DatagramProtocol, data: string, addr: neap.Address)
---@field error_received? fun(self: neap.DatagramProtocol, err: neap.Error)
---@field connection_lost? fun(self: neap.DatagramProtocol, err: any)
---@field pause_writing? fun(self: neap.DatagramProtocol)
---@field resume_writing? fun(self: neap.DatagramProtocol)

--- The options of `protocol.create_datagram_endpoint`.
---@class neap.EndpointOptions
---@field remote_host? string  the only peer
---@field remote_port? integer
---@field reuse_port? boolean  several sockets may have the port
---@field queue? integer  bytes of the receive queue, 1 MiB by default

--- Serves a port: a protocol of the factory for each connection.
---
--- ```lua
--- local server <close> = assert(protocol.create_server(function()
---   return {
---     connection_made = function(self, transport) self.transport = transport end,
---     data_received = function(self, data) self.transport:write(data:upper()) end,
---   }
--- end, "127.0.0.1", 0))
--- local client <close> = assert(neap.net.connect("127.0.0.1", server:address().port))
--- client:write("hello")
--- print(client:read()) --> HELLO
--- ```
---@async
---@param factory fun(): neap.Protocol
---@param host? string  nil or "*" is every interface, IPv4 and IPv6
---@param port integer  0 takes a free one
---@param opts? neap.ServeOptions
---@return neap.Server? server
---@return neap.Error? err
function protocol.create_server(factory, host, port, opts) end

--- Connects, and gives the connection to a protocol of the factory, whose
--- `connection_made` has run when this returns.
---
--- ```lua
--- local lost = neap.future()
--- local transport, client = protocol.create_connection(function()
---   return {
---     data_received = function(self, data) print(data) end, --> hello
---     connection_lost = function(self, err) lost:set_result(err) end,
---   }
--- end, "127.0.0.1", echo)
--- transport:write("hello")
--- transport:write_eof()
--- print(lost:await()) --> nil
--- ```
---@async
---@param factory fun(): neap.Protocol
---@param host string
---@param port integer
---@param opts? neap.ConnectOptions
---@return neap.Transport? transport
---@return neap.Protocol|neap.Error protocol
function protocol.create_connection(factory, host, port, opts) end

--- Serves a Unix socket: a protocol of the factory for each connection.
---
--- ```lua
--- local server <close> = assert(protocol.create_unix_server(function()
---   return { connection_made = function(self, transport) transport:write("welcome\n") end }
--- end, dir .. "/socket"))
--- local client <close> = assert(neap.net.connect_unix(dir .. "/socket"))
--- print(client:readline()) --> welcome
--- ```
---@async
---@param factory fun(): neap.Protocol
---@param path string
---@param opts? neap.UnixServeOptions
---@return neap.Server? server
---@return neap.Error? err
function protocol.create_unix_server(factory, path, opts) end

--- Connects to a Unix socket; the rest is as in `create_connection`.
---
--- ```lua
--- local transport, err = protocol.create_unix_connection(function() return {} end, dir .. "/none")
--- print(transport, err.code) --> nil ENOENT
--- ```
---@async
---@param factory fun(): neap.Protocol
---@param path string
---@param opts? neap.UnixConnectOptions
---@return neap.Transport? transport
---@return neap.Protocol|neap.Error protocol
function protocol.create_unix_connection(factory, path, opts) end

--- Opens a UDP socket and gives it to a protocol of the factory.
---
--- ```lua
--- local got = neap.future()
--- local transport = assert(protocol.create_datagram_endpoint(function()
---   return { datagram_received = function(self, data) got:set_result(data) end }
--- end, "127.0.0.1", 0))
--- transport:sendto("to myself", transport:get_extra_info("sockname"))
--- print(got:await()) --> to myself
--- transport:close()
--- ```
---@async
---@param factory fun(): neap.DatagramProtocol
---@param host? string  nil or "*" is every interface, IPv4 and IPv6
---@param port? integer  nil or 0 takes a free one
---@param opts? neap.EndpointOptions
---@return neap.DatagramTransport? transport
---@return neap.DatagramProtocol|neap.Error protocol
function protocol.create_datagram_endpoint(factory, host, port, opts) end

-- ---- Transport -------------------------------------------------------------

--- What a protocol writes to.
---@class neap.Transport
local Transport = {}

--- Sends bytes without waiting: what the system does not take at once is kept.
--- Does nothing when the transport is closing. Raises `INVALID_STATE` after
--- `write_eof`.
---
--- ```lua
--- local got = neap.future()
--- local transport = assert(protocol.create_connection(function()
---   return { data_received = function(self, data) got:set_result(data) end }
--- end, "127.0.0.1", echo))
--- transport:write("hello")
--- print(got:await()) --> hello
--- transport:close()
--- ```
---@param data string
function Transport:write(data) end

--- Sends the strings of a list in one piece.
---
--- ```lua
--- local got = neap.future()
--- local transport = assert(protocol.create_connection(function()
---   return { data_received = function(self, data) got:set_result(data) end }
--- end, "127.0.0.1", echo))
--- transport:writelines({ "hel", "lo" })
--- print(got:await()) --> hello
--- transport:close()
--- ```
---@param list string[]
function Transport:writelines(list) end

--- Ends our direction behind what was written; the peer's goes on.
---
--- ```lua
--- local ended = neap.future()
--- local transport = assert(protocol.create_connection(function()
---   return { connection_lost = function() ended:set_result("both have ended") end }
--- end, "127.0.0.1", echo))
--- transport:write_eof()
--- print(ended:await()) --> both have ended
--- ```
function Transport:write_eof() end

--- Whether `write_eof` is possible.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- print(transport:can_write_eof()) --> true
--- transport:close()
--- ```
---@return boolean
function Transport:can_write_eof() end

--- Ends it once what was written is sent; nothing is received any more.
---
--- ```lua
--- local lost = neap.future()
--- local transport = assert(protocol.create_connection(function()
---   return { connection_lost = function(self, err) lost:set_result(err) end }
--- end, "127.0.0.1", echo))
--- transport:close()
--- print(lost:await()) --> nil
--- ```
function Transport:close() end

--- Ends it at once; what is unsent is lost.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- transport:abort()
--- print(transport:is_closing()) --> true
--- ```
function Transport:abort() end

--- Whether it is closing or closed.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- print(transport:is_closing()) --> false
--- transport:close()
--- ```
---@return boolean
function Transport:is_closing() end

--- No method of the protocol is called with data, or at its end, until
--- `resume_reading`.
---
--- ```lua
--- local got = neap.future()
--- local transport = assert(protocol.create_connection(function()
---   return { data_received = function(self, data) got:set_result(data) end }
--- end, "127.0.0.1", echo))
--- transport:pause_reading()
--- transport:write("hello")
--- neap.sleep(0.01)
--- print(got:done()) --> false
--- transport:resume_reading()
--- print(got:await()) --> hello
--- transport:close()
--- ```
function Transport:pause_reading() end

--- Ends what `pause_reading` began.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- transport:pause_reading()
--- transport:resume_reading()
--- assert(not transport:is_closing())
--- transport:close()
--- ```
function Transport:resume_reading() end

--- Sets when the protocol is told to pause writing (more than `high` bytes are
--- unsent) and to resume (no more than `low` are).
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- transport:set_write_buffer_limits(1 << 20, 1 << 18)
--- assert(not transport:is_closing())
--- transport:close()
--- ```
---@param high? integer  4 times `low`, or 64 KiB
---@param low? integer  a quarter of `high`
function Transport:set_write_buffer_limits(high, low) end

--- How many bytes are unsent.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- print(transport:get_write_buffer_size()) --> 0
--- transport:close()
--- ```
---@return integer bytes
function Transport:get_write_buffer_size() end

--- What is known about the connection: "peername", "sockname", "socket" (the
--- descriptor), with TLS also "cipher" and the like.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- print(transport:get_extra_info("peername").host) --> 127.0.0.1
--- print(transport:get_extra_info("weather", "unknown")) --> unknown
--- transport:close()
--- ```
---@param name string
---@param default? any  given for what is not known
---@return any value
function Transport:get_extra_info(name, default) end

--- Gives the connection to another protocol, whose `connection_made` is not called.
---
--- ```lua
--- local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1", echo))
--- local got = neap.future()
--- transport:set_protocol({ data_received = function(self, data) got:set_result(data) end })
--- transport:write("hello")
--- print(got:await()) --> hello
--- transport:close()
--- ```
---@param protocol neap.Protocol
function Transport:set_protocol(protocol) end

--- The protocol.
---
--- ```lua
--- local transport, client = protocol.create_connection(function() return {} end, "127.0.0.1", echo)
--- print(transport:get_protocol() == client) --> true
--- transport:close()
--- ```
---@return neap.Protocol protocol
function Transport:get_protocol() end

-- ---- DatagramTransport -----------------------------------------------------

--- What a protocol of datagrams sends by.
---@class neap.DatagramTransport
local DatagramTransport = {}

--- Sends a datagram without waiting; an error comes as `error_received`.
---
--- ```lua
--- local socket <close> = assert(neap.net.udp { host = "127.0.0.1" })
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- transport:sendto("hello", socket:address())
--- print((socket:recv())) --> hello
--- transport:close()
--- ```
---@param data string
---@param addr? neap.Address  none where there is only one peer
function DatagramTransport:sendto(data, addr) end

--- Ends it once what was sent has gone out.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- transport:close()
--- print(transport:is_closing()) --> true
--- ```
function DatagramTransport:close() end

--- Ends it at once.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- transport:abort()
--- print(transport:is_closing()) --> true
--- ```
function DatagramTransport:abort() end

--- Whether it is closing or closed.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- print(transport:is_closing()) --> false
--- transport:close()
--- ```
---@return boolean
function DatagramTransport:is_closing() end

--- No datagram is given until `resume_reading`; the socket keeps those that come,
--- as many as fit into its queue.
---
--- ```lua
--- local got = neap.future()
--- local transport = assert(protocol.create_datagram_endpoint(function()
---   return { datagram_received = function(self, data) got:set_result(data) end }
--- end, "127.0.0.1"))
--- transport:pause_reading()
--- transport:sendto("hello", transport:get_extra_info("sockname"))
--- neap.sleep(0.01)
--- print(got:done()) --> false
--- transport:resume_reading()
--- print(got:await()) --> hello
--- transport:close()
--- ```
function DatagramTransport:pause_reading() end

--- Ends what `pause_reading` began.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- transport:pause_reading()
--- transport:resume_reading()
--- assert(not transport:is_closing())
--- transport:close()
--- ```
function DatagramTransport:resume_reading() end

--- How many bytes are unsent.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- print(transport:get_write_buffer_size()) --> 0
--- transport:close()
--- ```
---@return integer bytes
function DatagramTransport:get_write_buffer_size() end

--- Sets when the protocol is told to pause writing, as of a Transport.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- transport:set_write_buffer_limits(1 << 20)
--- assert(not transport:is_closing())
--- transport:close()
--- ```
---@param high? integer  4 times `low`, or 64 KiB
---@param low? integer  a quarter of `high`
function DatagramTransport:set_write_buffer_limits(high, low) end

--- What is known: "sockname", "peername" where there is only one peer, "socket"
--- (the descriptor).
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- print(transport:get_extra_info("sockname").host) --> 127.0.0.1
--- transport:close()
--- ```
---@param name string
---@param default? any  given for what is not known
---@return any value
function DatagramTransport:get_extra_info(name, default) end

--- Gives the socket to another protocol, whose `connection_made` is not called.
---
--- ```lua
--- local transport = assert(protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1"))
--- local other = {}
--- transport:set_protocol(other)
--- print(transport:get_protocol() == other) --> true
--- transport:close()
--- ```
---@param protocol neap.DatagramProtocol
function DatagramTransport:set_protocol(protocol) end

--- The protocol.
---
--- ```lua
--- local transport, own = protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1")
--- print(transport:get_protocol() == own) --> true
--- transport:close()
--- ```
---@return neap.DatagramProtocol protocol
function DatagramTransport:get_protocol() end

return protocol
