--- A transport over a Stream. Its states are in base.lua. `_error` is what
--- connection_lost will get. While more than the high-water mark is unsent,
--- `_writing_paused` is true and the task `flow` waits for the low one.
local args = require("neap.args")
local base = require("neap.protocol.base")
local calls = require("neap.protocol.calls")
local core = require("neap.core")
local errors = require("neap.errors")

local transport = {}

--- Seconds without progress after which close() gives a peer up.
local LINGER = 5

---@class neap.Transport: neap.BaseTransport
---@field package _stream neap.Stream
---@field package _ended boolean  the peer has ended its direction
---@field package _eof_written boolean
local Transport = { __name = "Transport" }
Transport.__index = Transport
base.extend(Transport)

-- ---- ending ----------------------------------------------------------------

--- The stream is closed now; the task of the transport does the rest.
local function end_stream(self, method)
  if not self._over then
    self._over = true
    self._closing = true
    self._stream[method](self._stream)
    self._changed:wake()
  end
end

--- Ends the transport because of an error.
---@package
function Transport:_fail(err)
  if not self._over then
    self._error = err
    end_stream(self, "abort")
  end
end

--- Waits until all is sent; gives up when the peer takes nothing any more.
local function send_rest(self)
  local left = core.stream_unsent(self._stream)
  while left > 0 do
    local ok, sent, err = pcall(core.timeout, LINGER, core.stream_drain, self._stream, 0)
    local now = core.stream_unsent(self._stream)
    if ok and not sent then
      return err
    elseif not ok and (core.error_code(sent) ~= "TIMEOUT" or now >= left) then
      return sent
    end
    left = now
  end
end

local function close_when_sent(self)
  local err = send_rest(self)
  if not err then
    end_stream(self, "close")
  elseif core.error_code(err) == "CANCELLED" then
    end_stream(self, "abort")
  else
    self:_fail(err)
  end
end

--- Ends the transport once what was written is sent; nothing is received any
--- more.
function Transport:close()
  if self._closing then
    return
  end
  self._closing = true
  if core.stream_unsent(self._stream) == 0 then
    end_stream(self, "close")
  else
    core.spawn(close_when_sent, self)
  end
end

--- Ends the transport at once; what is unsent is lost.
function Transport:abort()
  end_stream(self, "abort")
end

-- ---- writing ---------------------------------------------------------------

--- Above the high-water mark: tells the protocol to pause, unless it knows, and
--- to resume when no more than the low one is left; again, until it stays below.
local function flow(self)
  while self._writing_paused and not self._over do
    if not self._pause_told then
      self._pause_told = true
      calls.call_in_turn(self, self._is_not_lost, "pause_writing")
    end
    local ok, sent, err = pcall(core.stream_drain, self._stream, self._low)
    if not ok then
      break -- closed meanwhile, or the program ends
    elseif not sent then
      self:_fail(err)
      break
    end
    calls.call_in_turn(self, function()
      self._writing_paused = false
      self._pause_told = false
      return not self._lost
    end, "resume_writing")
  end
  self._flowing = false
end

--- After a write or a change of the marks.
local function check_marks(self, unsent)
  if unsent <= self._high or self._writing_paused then
    return
  end
  self._writing_paused = true
  if not self._flowing then
    self._flowing = true
    core.spawn(flow, self)
  end
  if calls.is_free(self) and not self._lost then
    self._pause_told = true
    calls.call_now(self, "pause_writing")
  end
end

local function send(self, data)
  if self._eof_written then
    error(errors.new("INVALID_STATE", "write after write_eof"), 3)
  elseif self._closing then
    return -- there is nobody to tell: connection_lost does
  end
  local unsent, err = core.stream_send(self._stream, data)
  if not unsent then
    self:_fail(err)
  elseif unsent > self._high then
    check_marks(self, unsent)
  end
end

--- Sends bytes, without waiting: what the system does not take at once is kept.
--- Nothing happens when the transport is closing. Raises `INVALID_STATE` after
--- `write_eof`.
---@overload fun(self, data: string)
function Transport:write(...)
  local data = ...
  if type(data) ~= "string" then
    data = args.string("write", 1, data, select("#", ...))
  end
  send(self, data)
end

--- Sends the strings of a list, in one piece.
---@overload fun(self, list: string[])
function Transport:writelines(...)
  local list = ...
  args.table("writelines", 1, list, select("#", ...))
  for i = 1, #list do
    if type(list[i]) ~= "string" and type(list[i]) ~= "number" then
      args.fail("writelines", 1, ("list of strings expected, got %s at index %d"):format(type(list[i]), i))
    end
  end
  send(self, list)
end

--- Ends our direction after what was written; the peer's goes on.
function Transport:write_eof()
  if self._closing or self._eof_written then
    return
  end
  self._eof_written = true
  local ok, err = self._stream:shutdown()
  if not ok then
    self:_fail(err)
  end
end

---@return boolean
function Transport:can_write_eof()
  return true
end

--- Sets when the protocol is told to pause writing (more than `high` bytes are
--- unsent) and to resume (at most `low` are).
---@param high integer?  4 times `low`, or 64 KiB
---@param low integer?  a quarter of `high`
function Transport:set_write_buffer_limits(high, low)
  self._high, self._low = calls.limits(high, low)
  check_marks(self, core.stream_unsent(self._stream))
end

--- How many bytes are unsent.
---@return integer
function Transport:get_write_buffer_size()
  return core.stream_unsent(self._stream)
end

-- ---- reading ---------------------------------------------------------------

local function end_of_data(self)
  self._ended = true
  if self:_may_deliver() and not calls.call(self, "eof_received") then
    self:close()
  end
  self:_await_over()
end

--- Reads and calls until the stream is closed, which may raise CLOSED here.
---@package
function Transport:_receive()
  local stream = self._stream
  while not self._over do
    if self._paused then
      self:_may_deliver()
    end
    local data, err = stream:read()
    if data then
      if self:_may_deliver() then
        calls.call(self, "data_received", data)
      end
    elseif err then
      return self:_fail(err)
    else
      return end_of_data(self)
    end
  end
end

--- Nothing comes before connection_lost.
---@package
function Transport:_finish() end

-- ---- knowing ---------------------------------------------------------------

--- What else a stream may know of itself, by the names of asyncio and of ours.
local infos = {
  alpn = "alpn",
  cipher = "cipher",
  peer_certificate = "peer_certificate",
  peercert = "peer_certificate",
  tls_version = "tls_version",
}

--- What is known about the connection: "peername", "sockname", "socket" (the
--- descriptor), with TLS "cipher" and so on.
--- `default` is given for what is not known.
---@overload fun(self, name: string, default?: any): any
function Transport:get_extra_info(...)
  local name, default = ...
  name = args.string("get_extra_info", 1, name, select("#", ...))
  local value = self._extra[name]
  local method = value == nil and not self._over and (name == "socket" and "fileno" or infos[name])
  if method and self._stream[method] then
    value = self._stream[method](self._stream)
  end
  if value == nil then
    return default
  end
  return value
end

function Transport:__tostring()
  return ("Transport (%s, %s)"):format(self:_state(), tostring(self._stream))
end

-- ---- making ----------------------------------------------------------------

local function new(stream, protocol)
  local self = base.new(Transport, protocol, { peername = stream:peername(), sockname = stream:sockname() })
  self._stream = stream
  return self
end

--- A transport on a Stream, which it owns from then on. connection_made has run
--- when it returns.
---@async
---@return neap.Transport
---@return table protocol
function transport.open(stream, factory)
  return base.open(stream, "abort", factory, new)
end

--- The handler of a server: the transport lives in the task that calls it.
---@param factory fun(): table
---@return fun(stream: neap.Stream)
function transport.handler(factory)
  return function(stream)
    local self = new(stream, calls.make(factory))
    self._handler = true
    return base.run(self)
  end
end

return transport
