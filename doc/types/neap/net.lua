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

-- ---- Stream ----------------------------------------------------------------

--- Bytes both ways: a connection, a pipe, a terminal, a pair in memory. One task at
--- a time may read (a second one gets the error `BUSY`), any number may write. It
--- closes itself when it is collected. What a task waits in raises `CLOSED` when
--- the stream is closed meanwhile.
---@class neap.Stream
local Stream = {}

--- Some bytes: at least one, at most `n`. nil without an error at the end.
---
--- ```lua
--- a:write("hello")
--- a:shutdown()
--- print(b:read(4), b:read(), b:read()) --> hell o nil
--- ```
---@async
---@param n? integer  at least 1
---@return string? data
---@return neap.Error? err
function Stream:read(n) end

--- Exactly `n` bytes. An end before that is the error `EOF`, whose `partial` is
--- what came.
---
--- ```lua
--- a:write("hello")
--- a:shutdown()
--- print(b:readexactly(4)) --> hell
--- local data, err = b:readexactly(4)
--- print(data, err.code, err.partial) --> nil EOF o
--- ```
---@async
---@param n integer
---@return string? data
---@return neap.Error? err
function Stream:readexactly(n) end

--- A line without its `\n` or `\r\n`; a last line without an end is given as it
--- is, then nil. One that is longer than the limit is the error `LIMIT`, and its
--- bytes stay readable.
---
--- ```lua
--- a:write("one\r\ntwo")
--- a:shutdown()
--- print(b:readline(), b:readline(), b:readline()) --> one two nil
--- ```
---@async
---@param keep? boolean  with its end
---@return string? line
---@return neap.Error? err
function Stream:readline(keep) end

--- What comes up to and including a separator. An end before that is the error
--- `EOF`, whose `partial` is what came.
---
--- ```lua
--- a:write("key=value;")
--- print(b:readuntil("="), b:readuntil(";")) --> key= value;
--- ```
---@async
---@param separator string
---@return string? data
---@return neap.Error? err
function Stream:readuntil(separator) end

--- All up to the end, "" there. More than `max` bytes are the error `LIMIT`, and
--- stay readable.
---
--- ```lua
--- a:write("all ", "of it")
--- a:shutdown()
--- print(b:readall()) --> all of it
--- ```
---@async
---@param max? integer  bytes
---@return string? data
---@return neap.Error? err
function Stream:readall(max) end

--- Waits for one byte and gives up to `n` without taking them; nil at the end.
---
--- ```lua
--- a:write("GET /")
--- print(b:peek(3), b:read()) --> GET GET /
--- ```
---@async
---@param n integer
---@return string? data
---@return neap.Error? err
function Stream:peek(n) end

--- An iterator over lines, which raises errors.
---
--- ```lua
--- a:write("one\ntwo\n")
--- a:shutdown()
--- for line in b:lines() do
---   print(line) --> one
--- end --> two
--- ```
---@return async fun(): string? iterator
function Stream:lines() end

--- An iterator over bytes as they come, which raises errors.
---
--- ```lua
--- a:write(("x"):rep(1000))
--- a:shutdown()
--- local size = 0
--- for data in b:chunks() do size = size + #data end
--- print(size) --> 1000
--- ```
---@return async fun(): string? iterator
function Stream:chunks() end

--- Writes strings, or lists of strings, in one piece, in the order of the calls.
--- It waits only while too much is unsent; one that is cancelled or timed out has
--- only stopped waiting. After `shutdown` it is the error `EPIPE`.
---
--- ```lua
--- print(a:write("one ", { "list ", "of ", "strings" })) --> true
--- print(b:read()) --> one list of strings
--- ```
---@async
---@param ... string|string[]
---@return true? ok
---@return neap.Error? err
function Stream:write(...) end

--- Waits until all that was written is handed to the system.
---
--- ```lua
--- local a, b = net.pair()
--- a:write("hello")
--- print(a:flush()) --> true
--- a:close()
--- b:close()
--- ```
---@async
---@return true? ok
---@return neap.Error? err
function Stream:flush() end

--- Ends our direction behind what was written; the peer's goes on.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- stream:write("the last words")
--- stream:shutdown()
--- print(stream:readall()) --> the last words
--- ```
---@return true? ok
---@return neap.Error? err
function Stream:shutdown() end

--- How long reads and writes may wait; longer ones return the error `TIMEOUT`.
---
--- ```lua
--- b:timeout(0.01)
--- print(select(2, b:read()).code) --> TIMEOUT
--- ```
---@param seconds? number  nil: any time
function Stream:timeout(seconds) end

--- Closes it. What was written is still sent while the peer takes it, for at most
--- 5 s without progress; so is what ends a connection with TLS. Never waits.
---
--- ```lua
--- a:write("bye")
--- a:close()
--- print(b:readall(), a:closed()) --> bye true
--- ```
function Stream:close() end

--- Closes it at once; what is unsent is lost. Never waits.
---
--- ```lua
--- a:abort()
--- print(a:closed()) --> true
--- ```
function Stream:abort() end

--- Waits until it is closed and what was written is sent or given up.
---
--- ```lua
--- neap.loop.call_soon(a.close, a)
--- a:wait_closed()
--- print(a:closed()) --> true
--- ```
---@async
function Stream:wait_closed() end

--- Whether it was closed here.
---
--- ```lua
--- print(a:closed()) --> false
--- ```
---@return boolean
function Stream:closed() end

--- The address of the peer.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- print(stream:peername().host, stream:peername().port == echo) --> 127.0.0.1 true
--- ```
---@return neap.Address? address
---@return neap.Error? err
function Stream:peername() end

--- Our own address.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- print(stream:sockname().host) --> 127.0.0.1
--- ```
---@return neap.Address? address
---@return neap.Error? err
function Stream:sockname() end

--- Whether small writes go out at once rather than together. They do by default.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- print(stream:nodelay(false)) --> true
--- ```
---@param on boolean
---@return true? ok
---@return neap.Error? err
function Stream:nodelay(on) end

--- Has the system look whether a silent peer still lives.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- print(stream:keepalive(60)) --> true
--- ```
---@param seconds number|false  of silence before a probe
---@return true? ok
---@return neap.Error? err
function Stream:keepalive(seconds) end

--- Its descriptor, which stays its own.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- print(math.type(stream:fileno())) --> integer
--- ```
---@return integer? fd
---@return neap.Error? err
function Stream:fileno() end

--- Whether it is a terminal.
---
--- ```lua
--- local a, b = net.pair()
--- print(a:isatty()) --> false
--- a:close()
--- b:close()
--- ```
---@return boolean
function Stream:isatty() end

--- The size of a terminal.
---
--- ```lua
--- local a, b = net.pair()
--- print(select(2, a:winsize()).code) --> ENOTTY
--- a:close()
--- b:close()
--- ```
---@return integer? columns
---@return integer|neap.Error rows
function Stream:winsize() end

--- Whether a terminal gives keys one by one, without echo.
---
--- ```lua
--- local a, b = net.pair()
--- print(select(2, a:raw(true)).code) --> ENOTTY
--- a:close()
--- b:close()
--- ```
---@param on? boolean  true by default
---@return true? ok
---@return neap.Error? err
function Stream:raw(on) end

--- TLS from now on, on the same Stream: waits until what was written is sent, and
--- for the handshake. Plain bytes that are buffered already are refused.
---
--- ```lua
--- local stream <close> = assert(net.connect("127.0.0.1", echo))
--- print(select(2, stream:start_tls()).code) --> TLS
--- ```
---@async
---@param opts? neap.StartTlsOptions|neap.TlsContext|true
---@return true? ok
---@return neap.Error? err
function Stream:start_tls(opts) end

--- The protocol that was agreed on with TLS; nil without any.
---
--- ```lua
--- print(a:alpn()) --> nil
--- ```
---@return string? protocol
function Stream:alpn() end

--- The cipher of a TLS connection, nil of another one.
---
--- ```lua
--- print(a:cipher()) --> nil
--- ```
---@return string? name
function Stream:cipher() end

--- The version of a TLS connection, nil of another one.
---
--- ```lua
--- print(a:tls_version()) --> nil
--- ```
---@return "1.2"|"1.3"|nil version
function Stream:tls_version() end

--- Whether the session of an earlier TLS connection was resumed.
---
--- ```lua
--- assert(not a:tls_resumed())
--- ```
---@return boolean? resumed
function Stream:tls_resumed() end

--- The certificate of a TLS peer, nil if it showed none.
---
--- ```lua
--- print(a:peer_certificate()) --> nil
--- ```
---@return neap.Certificate? certificate
function Stream:peer_certificate() end

-- ---- Listener --------------------------------------------------------------

--- What accepts connections. Closed when it is collected.
---@class neap.Listener
local Listener = {}

--- Waits for the next connection. Raises `CLOSED` once it is closed, `BUSY` if
--- another task waits here.
---
--- ```lua
--- local listener <close> = assert(net.listen("127.0.0.1", 0))
--- local client <close> = assert(net.connect("127.0.0.1", listener:address().port))
--- local stream <close> = assert(listener:accept())
--- print(stream:peername().port == client:sockname().port) --> true
--- ```
---@async
---@return neap.Stream? stream
---@return neap.Error? err
function Listener:accept() end

--- An iterator over connections, until the listener is closed.
---
--- ```lua
--- local listener <close> = assert(net.listen("127.0.0.1", 0))
--- local client <close> = assert(net.connect("127.0.0.1", listener:address().port))
--- for stream in listener:incoming() do
---   stream:close()
---   listener:close()
--- end
--- print("closed") --> closed
--- ```
---@return neap.Incoming iterator
function Listener:incoming() end

--- Where it listens; with several addresses, the first.
---
--- ```lua
--- local listener <close> = assert(net.listen("127.0.0.1", 0))
--- print(listener:address().host) --> 127.0.0.1
--- ```
---@return neap.Address address
function Listener:address() end

--- Stops listening. Never waits.
---
--- ```lua
--- local listener = assert(net.listen("127.0.0.1", 0))
--- listener:close()
--- print(pcall(listener.accept, listener)) --> false CLOSED: listener is closed
--- ```
function Listener:close() end

--- What `listener:incoming` gives: call it for the next Stream, nil once the
--- listener is closed.
---@class neap.Incoming
---@overload async fun(): neap.Stream?
local Incoming = {}

--- Closes the listener.
---
--- ```lua
--- local listener = assert(net.listen("127.0.0.1", 0))
--- local incoming = listener:incoming()
--- incoming:close()
--- print(incoming()) --> nil
--- ```
function Incoming:close() end

-- ---- Server ----------------------------------------------------------------

--- What `net.serve` gives. It lives, and keeps the program alive, until it is
--- closed.
---@class neap.Server
local Server = {}

--- Where it listens; with several addresses, the first.
---
--- ```lua
--- local server <close> = assert(net.serve("127.0.0.1", 0, function() end))
--- print(server:address().host) --> 127.0.0.1
--- ```
---@return neap.Address address
function Server:address() end

--- Stops accepting. The handlers that run go on; those that are left after `grace`
--- seconds, if given, are cancelled. Does not wait.
---
--- ```lua
--- local server = assert(net.serve("127.0.0.1", 0, function(stream) stream:readall() end))
--- local client <close> = assert(net.connect("127.0.0.1", server:address().port))
--- server:close(0.01)
--- server:wait_closed()
--- print(server:connections()) --> 0
--- ```
---@param grace? number  seconds
function Server:close(grace) end

--- Waits until it is closed and the last handler has ended.
---
--- ```lua
--- local server = assert(net.serve("127.0.0.1", 0, function() end))
--- neap.loop.call_soon(server.close, server)
--- server:wait_closed()
--- print("closed") --> closed
--- ```
---@async
function Server:wait_closed() end

--- How many handlers run.
---
--- ```lua
--- local server <close> = assert(net.serve("127.0.0.1", 0, function() end))
--- print(server:connections()) --> 0
--- ```
---@return integer count
function Server:connections() end

--- Waits until it is closed.
---
--- ```lua
--- local server = assert(net.serve("127.0.0.1", 0, function() end))
--- neap.loop.call_later(0.01, server.close, server)
--- server:serve_forever()
--- print("closed") --> closed
--- ```
---@async
function Server:serve_forever() end

-- ---- UdpSocket -------------------------------------------------------------

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

return net
