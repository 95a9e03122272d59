---@meta _

-- Listeners and servers.

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
