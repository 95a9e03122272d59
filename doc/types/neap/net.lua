---@meta neap.net

--- Streams and servers over TCP and Unix sockets, datagrams, names.
---
--- In the examples `echo` is the port of a server at 127.0.0.1 that sends back
--- what it gets, `a` and `b` are two connected Streams, and `dir` is a directory.
---@class neap.net
local net = {}

--- Where something is or comes from.
---@class neap.Address
---@field host? string  a numeric address
---@field port? integer
---@field path? string  of a Unix socket, "" without a name

--- One address of a name, as `net.resolve` gives it.
---@class neap.ResolvedAddress
---@field host string  a numeric address
---@field family "ipv4"|"ipv6"
---@field port? integer  the option `port`

--- The options of `net.resolve`.
---@class neap.ResolveOptions
---@field family? "ipv4"|"ipv6"
---@field port? integer  to be in each address

--- The options of `net.connect`.
---@class neap.ConnectOptions
---@field timeout? number  seconds for resolving, connecting and the handshake of TLS
---@field nodelay? boolean  true by default: small writes go out at once
---@field keepalive? number|false  seconds of silence before a probe
---@field bind? string|neap.Address  a local address
---@field family? "ipv4"|"ipv6"
---@field limit? integer  bytes of the longest line, 65536 by default
---@field tls? neap.Tls|false

--- The options of `net.listen`.
---@class neap.ListenOptions
---@field backlog? integer  connections that wait to be accepted, 1024 by default
---@field reuse_port? boolean  several processes may listen on the port
---@field fd? integer  a socket that is bound already, instead of host and port
---@field limit? integer  bytes of the longest line, 65536 by default
---@field tls? neap.Tls|false  with `cert`

--- The options of `net.serve`.
---@class neap.ServeOptions
---@field max_connections? integer  further ones wait in the backlog
---@field backlog? integer  connections that wait to be accepted, 1024 by default
---@field reuse_port? boolean  several processes may listen on the port
---@field fd? integer  a socket that is bound already, instead of host and port
---@field limit? integer  bytes of the longest line, 65536 by default
---@field tls? neap.Tls|false  with `cert`

--- The options of `net.connect_unix`.
---@class neap.UnixConnectOptions
---@field timeout? number  seconds
---@field limit? integer  bytes of the longest line, 65536 by default
---@field tls? neap.Tls|false  `server_name` is needed to verify

--- The options of `net.listen_unix`.
---@class neap.UnixListenOptions
---@field backlog? integer  connections that wait to be accepted, 1024 by default
---@field limit? integer  bytes of the longest line, 65536 by default
---@field tls? neap.Tls|false  with `cert`

--- The options of `net.serve_unix`.
---@class neap.UnixServeOptions
---@field max_connections? integer  further ones wait in the backlog
---@field backlog? integer  connections that wait to be accepted, 1024 by default
---@field limit? integer  bytes of the longest line, 65536 by default
---@field tls? neap.Tls|false  with `cert`

--- The options of `net.udp`.
---@class neap.UdpOptions
---@field host? string  nil or "*" is every interface, IPv4 and IPv6
---@field port? integer  nil or 0 takes a free one
---@field reuse_port? boolean  several sockets may have the port
---@field queue? integer  bytes of the receive queue, 1 MiB by default

--- What a server calls for each connection.
---@alias neap.Handler async fun(stream: neap.Stream)

-- ---- connecting and serving ------------------------------------------------

--- Connects over TCP. A name is resolved without blocking the loop, and its
--- addresses are tried as RFC 8305 says.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo, { timeout = 5 }))
--- stream:write("hello\n")
--- print(stream:readline()) --> hello
--- ```
---@async
---@param host string  a name or an address
---@param port integer
---@param opts? neap.ConnectOptions
---@return neap.Stream? stream
---@return neap.Error? err
function net.connect(host, port, opts) end

--- Connects to a Unix socket. A path that begins with "@" is an abstract name on
--- Linux.
---
--- ```lua
--- local stream, err = net.connect_unix(dir .. "/nobody-listens")
--- print(stream, err.code) --> nil ENOENT
--- ```
---@async
---@param path string
---@param opts? neap.UnixConnectOptions
---@return neap.Stream? stream
---@return neap.Error? err
function net.connect_unix(path, opts) end

--- Listens on a port; 0 takes a free one. A name binds each address that it has, on
--- one port.
---
--- ```lua
--- local listener <close> = assert(net.listen("127.0.0.1", 0))
--- local client <close> = assert(net.connect("127.0.0.1", listener:address().port))
--- local stream <close> = assert(listener:accept())
--- client:write("hi\n")
--- print(stream:readline()) --> hi
--- ```
---@async
---@param host? string  nil or "*" is every interface, IPv4 and IPv6
---@param port integer
---@param opts? neap.ListenOptions
---@return neap.Listener? listener
---@return neap.Error? err
function net.listen(host, port, opts) end

--- Listens on a Unix socket. The file of one on which nobody listens any more is
--- replaced; ours is removed when the listener closes.
---
--- ```lua
--- local listener <close> = assert(net.listen_unix(dir .. "/socket"))
--- local client <close> = assert(net.connect_unix(dir .. "/socket"))
--- local stream <close> = assert(listener:accept())
--- print(stream:sockname().path == dir .. "/socket") --> true
--- ```
---@async
---@param path string
---@param opts? neap.UnixListenOptions
---@return neap.Listener? listener
---@return neap.Error? err
function net.listen_unix(path, opts) end

--- Serves a port: `handler(stream)` runs in a task for each connection. The stream
--- is closed when it returns or raises; what it raises goes to the exception
--- handler and harms no other connection.
---
--- ```lua
--- local server <close> = assert(net.serve("127.0.0.1", 0, function(stream)
---   for line in stream:lines() do
---     stream:write(line:upper(), "\n")
---   end
--- end))
--- local client <close> = assert(net.connect("127.0.0.1", server:address().port))
--- client:write("hello\n")
--- print(client:readline()) --> HELLO
--- ```
---@async
---@param host? string  nil or "*" is every interface, IPv4 and IPv6
---@param port integer  0 takes a free one
---@param handler neap.Handler
---@param opts? neap.ServeOptions
---@return neap.Server? server
---@return neap.Error? err
function net.serve(host, port, handler, opts) end

--- Serves a Unix socket, as `net.serve` does a port.
---
--- ```lua
--- local path = dir .. "/greeter"
--- local server <close> = assert(net.serve_unix(path, function(stream)
---   stream:write("welcome\n")
--- end))
--- local client <close> = assert(net.connect_unix(path))
--- print(client:readline()) --> welcome
--- ```
---@async
---@param path string
---@param handler neap.Handler
---@param opts? neap.UnixServeOptions
---@return neap.Server? server
---@return neap.Error? err
function net.serve_unix(path, handler, opts) end

--- Copies both ways between two streams until both have ended; the end of one ends
--- the writing to the other. It closes neither. An error of one direction gives up
--- the other.
---
--- ```lua
--- -- a proxy in front of the echo server
--- local proxy <close> = assert(net.serve("127.0.0.1", 0, function(stream)
---   local target <close> = assert(net.connect("127.0.0.1", echo))
---   net.pipe(stream, target)
--- end))
--- local client <close> = assert(net.connect("127.0.0.1", proxy:address().port))
--- client:write("through")
--- client:shutdown()
--- print(client:readall()) --> through
--- ```
---@async
---@param a neap.Stream
---@param b neap.Stream
---@return true? ok
---@return neap.Error? err
function net.pipe(a, b) end

--- Two connected Streams.
---
--- ```lua
--- local a, b = net.pair()
--- a:write("hello")
--- print(b:read()) --> hello
--- a:close()
--- b:close()
--- ```
---@return neap.Stream? a
---@return neap.Stream|neap.Error b
function net.pair() end

--- A Stream of a descriptor, a socket or a pipe, which it owns from then on.
---
--- ```lua
--- print(net.stream(999)) --> nil EBADF: stream of descriptor 999: bad file descriptor
--- ```
---@param fd integer
---@return neap.Stream? stream
---@return neap.Error? err
function net.stream(fd) end

--- The addresses of a name, in the order in which to try them. An address needs no
--- resolver.
---
--- ```lua
--- local addresses = assert(net.resolve("127.0.0.1"))
--- print(addresses[1].host, addresses[1].family) --> 127.0.0.1 ipv4
--- ```
---@async
---@param host string
---@param opts? neap.ResolveOptions
---@return neap.ResolvedAddress[]? addresses
---@return neap.Error? err  `ENOTFOUND` for a name that does not resolve
function net.resolve(host, opts) end

--- The name of an address.
---
--- ```lua
--- local name, err = net.reverse("127.0.0.1")
--- assert(name or err.code == "ENOTFOUND")
--- ```
---@async
---@param ip string
---@return string? name
---@return neap.Error? err
function net.reverse(ip) end

--- Opens a UDP socket; without a host, on every interface.
---
--- ```lua
--- local a <close> = assert(net.udp { host = "127.0.0.1" })
--- local b <close> = assert(net.udp { host = "127.0.0.1" })
--- a:send("hello", "127.0.0.1", b:address().port)
--- print((b:recv())) --> hello
--- ```
---@async
---@param opts? neap.UdpOptions
---@return neap.UdpSocket? socket
---@return neap.Error? err
function net.udp(opts) end

return net
