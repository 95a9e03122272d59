---@meta _

-- WebSockets, at both ends.

--- A connection that carries messages. Pings are answered by themselves, fragments
--- joined, sizes limited. Closed when it is collected.
---@class neap.WebSocket
---@field close_code? integer  once it is closed: what the peer said, or 1006 if it said nothing
---@field close_reason? string
---@field subprotocol? string  the one that was agreed on
---@field extensions? string  what was agreed on
---@field headers? neap.http.Headers  of the server's answer, for a client
local WebSocket = {}

--- Sends a message; waits while too much is unsent. Messages go out whole and in the
--- order of the calls. Returns an error once the peer has closed or is gone; raises
--- `CLOSED` after our own `close`.
---
--- ```lua
--- print(ws:send("hello")) --> true
--- print(ws:send("\0\255", "binary")) --> true
--- print(ws:receive()) --> hello text
--- ```
---@async
---@param message string
---@param kind? "text"|"binary"  "text" by default, which is UTF-8
---@return true? ok
---@return neap.Error? err
function WebSocket:send(message, kind) end

--- The next message and its kind. nil when the connection was closed: `close_code`
--- says why; nil and an error if it broke.
---
--- ```lua
--- ws:send("hello")
--- print(ws:receive()) --> hello text
--- ```
---@async
---@return string? message
---@return "text"|"binary"|neap.Error|nil kind
function WebSocket:receive() end

--- An iterator over messages and their kinds, until the connection is closed; it raises
--- what broke it.
---
--- ```lua
--- ws:send("hello")
--- for message in ws:messages() do
---   print(message) --> hello
---   ws:close()
--- end
--- ```
---@return async fun(): string?, string? iterator
function WebSocket:messages() end

--- Sends a ping. With a timeout it waits for the answer, and gives the seconds that
--- took.
---
--- ```lua
--- print(ws:ping()) --> true
--- print(math.type(ws:ping("are you there?", 5))) --> float
--- ```
---@async
---@param payload? string  125 bytes at most
---@param timeout? number  seconds
---@return true|number? ok
---@return neap.Error? err
function WebSocket:ping(payload, timeout) end

--- Says goodbye; nothing can be sent or received from then on. It does not wait: the
--- connection ends when the peer has answered, or after `close_timeout`.
---
--- ```lua
--- ws:close(4000, "enough")
--- ws:wait_closed()
--- print(ws:closed()) --> true
--- ```
---@param code? integer  1000 by default; 3000 to 4999 are free to use
---@param reason? string  UTF-8, 123 bytes at most
function WebSocket:close(code, reason) end

--- Waits until the connection is gone, whoever closed it.
---
--- ```lua
--- ws:close()
--- ws:wait_closed()
--- print(ws.close_code) --> 1000
--- ```
---@async
function WebSocket:wait_closed() end

--- Whether it is closed.
---
--- ```lua
--- print(ws:closed()) --> false
--- ```
---@return boolean
function WebSocket:closed() end

--- The address of the peer.
---
--- ```lua
--- print(ws:peername().host) --> 127.0.0.1
--- ```
---@return neap.Address? address
---@return neap.Error? err
function WebSocket:peername() end
