--- The class WebSocket: what a program holds of an open connection. What it
--- stands on is in `link`.
local args = require("neap.args")
local combine = require("neap.combine")
local core = require("neap.core")
local errors = require("neap.errors")
local link = require("neap.websocket.link")
local proto = require("neap.proto.ws")

local connection = {}

---@class neap.WebSocket
---@field close_code integer?  once it is closed: what the peer said, or 1006 if it said nothing
---@field close_reason string?
---@field subprotocol string?  the one that was agreed on
---@field extensions string?  what was agreed on
---@field headers neap.http.Headers?  of the server's answer, for a client
---@field private _link neap.websocket.Link
---@field private _count integer  of pings
local WebSocket = { __name = "WebSocket" }

local from_link = { close_code = true, close_reason = true }

function WebSocket:__index(key)
  local value = WebSocket[key]
  if value == nil and from_link[key] then
    return rawget(self, "_link")[key]
  end
  return value
end

local MAX_CONTROL, MAX_REASON = 125, 123

-- ---- sending -------------------------------------------------------------------

local kinds = { text = true, binary = true }

local function check_message(message, kind, count)
  message = args.string("send", 1, message, count)
  if not kinds[kind] then
    args.fail("send", 2, ("'text' or 'binary' expected, got '%s'"):format(tostring(kind)))
  end
  return message
end

--- The bytes to write for a message, or nil if it is no text.
local function frame_of(self_link, message, kind)
  local packer = self_link.packer
  if packer and (kind == "binary" or proto.is_utf8(message)) then
    local packed = packer:pack(message)
    if packed then
      return self_link.codec:frame(kind, packed, true)
    end
  end
  return self_link.codec:frame(kind, message)
end

--- Waits while too much is unsent, however long: the reader sees to it that a
--- peer which is gone does not keep us.
local function write(self_link, frame)
  local stream = self_link.stream
  local ok, err = stream:write(frame)
  while not ok and err.code == "TIMEOUT" do
    ok, err = stream:write("")
  end
  return ok, err
end

--- The result of a write that ran in a protected call. The stream is closed
--- under a write that waits when the connection ends.
local function written(self_link, done, ok, err)
  if done and ok and self_link.packer then
    self_link.packer:sent()
  end
  if done and (ok or not self_link.ended) then
    return ok, err
  elseif not done and errors.code(ok) ~= "CLOSED" then
    error(ok, 0)
  end
  return link.refuse_send(self_link)
end

--- Sends a message; waits while too much is unsent. Messages go out whole and
--- in the order of the calls, from any number of tasks; one that is cancelled
--- has only stopped waiting. `nil, err` once the peer has closed or is gone.
--- Raises `CLOSED` after close(), unless that was with 1001, as servers do that
--- are being closed: then it is `nil, err` too.
---@async
---@overload async fun(self: neap.WebSocket, message: string, kind?: "text"|"binary"): true?, neap.Error?
function WebSocket:send(...)
  local message, kind = ...
  kind = kind == nil and "text" or kind
  message = check_message(message, kind, select("#", ...))
  local self_link = self._link
  core.checkwait()
  if self_link.ended then
    return link.refuse_send(self_link)
  end
  local frame = frame_of(self_link, message, kind)
  if not frame then
    args.fail("send", 1, "text is UTF-8; send other bytes as 'binary'")
  end
  return written(self_link, pcall(write, self_link, frame))
end

-- ---- receiving -----------------------------------------------------------------

--- The next message and its kind; nil at the end: `close_code` says why. nil
--- and an error if the connection broke, or the peer broke the rules. Several
--- tasks that wait get messages in the order in which they came.
---@async
---@return string? message
---@return "text"|"binary"|neap.Error|nil kind
function WebSocket:receive()
  return link.receive(self._link)
end

--- An iterator over messages and their kinds that ends when the connection is
--- closed, and raises what broke it.
---@async
---@return async fun(): string?, string?
function WebSocket:messages()
  return function()
    local message, kind = link.receive(self._link)
    if message == nil and kind then
      error(kind, 0)
    end
    return message, kind
  end
end

-- ---- pings ---------------------------------------------------------------------

--- Waits for the pong to a ping that was sent at `start`.
local function await_pong(self_link, payload, timeout, start)
  local future = core.future()
  self_link.pongs[payload] = future
  local ok, answered = pcall(combine.wait_for, future, timeout)
  self_link.pongs[payload] = nil
  if ok and answered then
    return core.now() - start
  elseif ok then
    return link.refuse_send(self_link)
  elseif errors.code(answered) ~= "TIMEOUT" then
    error(answered, 0)
  end
  core.checkwait()
  return nil, errors.new("TIMEOUT", "websocket ping: no answer")
end

--- Sends a ping. With a timeout it waits for the answer and gives the seconds
--- that took, or `nil, err`. Pings of the peer are answered by themselves, and
--- with the option `ping_interval` they are sent by themselves too.
---@async
---@overload async fun(self: neap.WebSocket, payload?: string, timeout?: number): true|number?, neap.Error?
function WebSocket:ping(...)
  local payload, timeout = ...
  self._count = self._count + 1
  payload = payload == nil and ("neap %d"):format(self._count)
    or args.string("ping", 1, payload, select("#", ...))
  if #payload > MAX_CONTROL then
    args.fail("ping", 1, "longer than 125 bytes")
  end
  timeout = timeout ~= nil and args.number("ping", 2, timeout, 2) or nil
  local self_link = self._link
  core.checkwait()
  if self_link.ended then
    return link.refuse_send(self_link)
  end
  local start = core.now()
  local ok, err = written(self_link, pcall(write, self_link, self_link.codec:frame("ping", payload)))
  if ok and timeout then
    return await_pong(self_link, payload, timeout, start)
  end
  return ok, err
end

-- ---- closing -------------------------------------------------------------------

local function is_sendable(code)
  if code >= 3000 and code <= 4999 then
    return true
  end
  return code >= 1000 and code <= 1014 and (code < 1004 or code > 1006)
end

--- Says goodbye; nothing can be sent or received from then on. It does not
--- wait: the connection ends when the peer has answered, or after
--- `close_timeout`. Closing twice does nothing.
---@param code? integer  1000 by default; 3000 to 4999 are free to use
---@param reason? string  UTF-8, 123 bytes at most
function WebSocket:close(code, reason)
  code = args.optional_integer("close", 1, code, 0, 1000)
  if not is_sendable(code) then
    args.fail("close", 1, ("%d is no code to close with"):format(code))
  end
  reason = reason == nil and "" or args.string("close", 2, reason, 2)
  if #reason > MAX_REASON then
    args.fail("close", 2, "longer than 123 bytes")
  elseif not proto.is_utf8(reason) then
    args.fail("close", 2, "not UTF-8")
  end
  link.close(self._link, code, reason)
end

--- Waits until the connection is gone, whoever closed it.
---@async
function WebSocket:wait_closed()
  link.wait_closed(self._link)
end

---@return boolean
function WebSocket:closed()
  return self._link.ended ~= false
end

---@return neap.Address?
---@return neap.Error?
function WebSocket:peername()
  return self._link.stream:peername()
end

function WebSocket:__close(err)
  local code = err == nil and 1000 or errors.is_cancelled(err) and 1001 or 1011
  link.close(self._link, code, "")
end

function WebSocket:__gc()
  local self_link = rawget(self, "_link")
  if self_link and not self_link.ended then
    link.close(self_link, 1001, "")
  end
end

function WebSocket:__tostring()
  local self_link = self._link
  local state = self_link.ended and ("closed %s"):format(self_link.close_code) or "open"
  return ("WebSocket (%s, %s)"):format(self_link.options.client and "client" or "server", state)
end

--- A WebSocket on a stream on which the handshake is done.
---@param stream neap.Stream
---@param options neap.websocket.LinkOptions
---@param pack neap.websocket.PackOptions?
---@return neap.WebSocket
function connection.new(stream, options, pack)
  return setmetatable({
    send = WebSocket.send,
    receive = WebSocket.receive,
    _link = link.new(stream, options, pack),
    _count = 0,
  }, WebSocket)
end

--- What broke the connection, or nil.
---@return neap.Error?
function connection.failure(ws)
  return rawget(ws, "_link").failure
end

return connection
