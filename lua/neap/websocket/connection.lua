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

local frame_of = proto.codec(false, 0, 0, false).frame

local function check_message(message, kind, count)
  message = args.string("send", 1, message, count)
  if not kinds[kind] then
    args.fail("send", 2, ("'text' or 'binary' expected, got '%s'"):format(tostring(kind)))
  end
  return message
end

--- The frame of a message in compressed form, or nil if that is not worth it.
local function pack(self_link, message, kind)
  core.checkwait() -- what is packed has to be sent
  if kind == "text" and not proto.is_utf8(message) then
    return nil
  end
  local packed = self_link.packer:pack(message)
  return packed and frame_of(self_link.codec, kind, packed, true)
end

--- What a write that has failed, or of packed bytes, comes to. Where the
--- connection ends under a write that waits, the stream raises `CLOSED`.
local function written(self_link, done, ok, err)
  if done and ok then
    if self_link.packer then
      self_link.packer:sent()
    end
    return true
  elseif done and not self_link.ended then
    return nil, err
  elseif not done and errors.code(ok) ~= "CLOSED" then
    error(ok, 0)
  end
  return link.refuse_send(self_link)
end

local function write(self_link, frame)
  local stream = self_link.stream
  self_link.sent = self_link.sent + #frame
  local done, ok, err = pcall(stream.write, stream, frame)
  if done and ok and not self_link.packer then
    return true
  end
  return written(self_link, link.written(self_link, done, ok, err))
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
  if type(message) ~= "string" or not kinds[kind] then
    message = check_message(message, kind, select("#", ...))
  end
  local self_link = self._link
  if self_link.ended then
    core.checkwait()
    return link.refuse_send(self_link)
  end
  local frame = self_link.packer and pack(self_link, message, kind)
    or frame_of(self_link.codec, kind, message)
  if not frame then
    args.fail("send", 1, "text is UTF-8; send other bytes as 'binary'")
  end
  return write(self_link, frame)
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
    local message, kind = link.receive(self._link) -- and holds the WebSocket
    if message == nil and kind then
      error(kind, 0)
    end
    return message, kind
  end
end

-- ---- pings ---------------------------------------------------------------------

--- Waits for the pong to a ping that was sent at `start`. One pong answers all
--- pings of the same payload that came before it.
local function await_pong(self_link, payload, timeout, start)
  local future = core.future()
  self_link.pongs = self_link.pongs or {}
  local waiting = self_link.pongs[payload] or {}
  self_link.pongs[payload] = waiting
  waiting[future] = true
  local ok, answered = pcall(combine.wait_for, future, timeout)
  waiting[future] = nil
  if next(waiting) == nil and self_link.pongs[payload] == waiting then
    self_link.pongs[payload] = nil
  end
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
  local ok, err = write(self_link, frame_of(self_link.codec, "ping", payload))
  if not ok then
    return nil, err
  end
  if timeout then
    return await_pong(self_link, payload, timeout, start)
  end
  return true
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
  return self._link.ended ~= nil
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
---@param agreed neap.websocket.PackOptions?
---@return neap.WebSocket
function connection.new(stream, options, agreed)
  return setmetatable({
    send = WebSocket.send,
    receive = WebSocket.receive,
    _link = link.new(stream, options, agreed),
    _count = 0,
  }, WebSocket)
end

--- What broke the connection, or nil.
---@return neap.Error?
function connection.failure(ws)
  return rawget(ws, "_link").failure
end

return connection
