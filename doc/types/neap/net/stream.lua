---@meta _

-- Streams of bytes.

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
