---@meta _

-- UDP sockets.

--- Datagrams. One task at a time may receive. Closed when it is collected.
---@class neap.UdpSocket
local UdpSocket = {}

--- Sends a datagram; a connected socket takes no host.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "127.0.0.1" })
--- print(socket:send("to myself", "127.0.0.1", socket:address().port)) --> true
--- ```
---@async
---@param data string
---@param host? string
---@param port? integer
---@return true? ok
---@return neap.Error? err
function UdpSocket:send(data, host, port) end

--- Makes a peer the only one.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "127.0.0.1" })
--- socket:connect("localhost", socket:address().port)
--- socket:send("to myself")
--- print((socket:recv())) --> to myself
--- ```
---@async
---@param host string
---@param port integer
---@return true? ok
---@return neap.Error? err
function UdpSocket:connect(host, port) end

--- Waits for a datagram. The table of the address is shared: do not change it.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "127.0.0.1" })
--- socket:send("to myself", "127.0.0.1", socket:address().port)
--- local data, from = socket:recv()
--- print(data, from.host) --> to myself 127.0.0.1
--- ```
---@async
---@return string? data
---@return neap.Address|neap.Error from
function UdpSocket:recv() end

--- An iterator over datagrams and where they come from, until the socket is closed;
--- it raises errors.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "127.0.0.1" })
--- socket:send("to myself", "127.0.0.1", socket:address().port)
--- for data, from in socket:datagrams() do
---   print(data) --> to myself
---   socket:close()
--- end
--- ```
---@return async fun(): string?, neap.Address? iterator
function UdpSocket:datagrams() end

--- How many datagrams found the receive queue full.
---
--- ```lua
--- local socket <close> = assert(net.udp())
--- print(socket:dropped()) --> 0
--- ```
---@return integer count
function UdpSocket:dropped() end

--- Whether it may send to broadcast addresses.
---
--- ```lua
--- local socket <close> = assert(net.udp())
--- print(socket:broadcast(true)) --> true
--- ```
---@param on boolean
---@return true? ok
---@return neap.Error? err
function UdpSocket:broadcast(on) end

--- How many routers a datagram may pass.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "127.0.0.1" })
--- print(socket:ttl(16)) --> true
--- ```
---@param n integer  1 to 255
---@return true? ok
---@return neap.Error? err
function UdpSocket:ttl(n) end

--- Receives what is sent to a multicast group.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "0.0.0.0" })
--- print(socket:join("224.0.0.251", "127.0.0.1")) --> true
--- ```
---@param group string
---@param interface? string  the address of one
---@return true? ok
---@return neap.Error? err
function UdpSocket:join(group, interface) end

--- Ends what `join` began.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "0.0.0.0" })
--- socket:join("224.0.0.251", "127.0.0.1")
--- print(socket:leave("224.0.0.251", "127.0.0.1")) --> true
--- ```
---@param group string
---@param interface? string  the address of one
---@return true? ok
---@return neap.Error? err
function UdpSocket:leave(group, interface) end

--- Where it receives.
---
--- ```lua
--- local socket <close> = assert(net.udp { host = "127.0.0.1" })
--- print(socket:address().host) --> 127.0.0.1
--- ```
---@return neap.Address address
function UdpSocket:address() end

--- Its descriptor, which stays its own.
---
--- ```lua
--- local socket <close> = assert(net.udp())
--- print(math.type(socket:fileno())) --> integer
--- ```
---@return integer? fd
---@return neap.Error? err
function UdpSocket:fileno() end

--- Closes it. Never waits.
---
--- ```lua
--- local socket = assert(net.udp())
--- socket:close()
--- print(pcall(socket.recv, socket)) --> false CLOSED: socket is closed
--- ```
function UdpSocket:close() end
