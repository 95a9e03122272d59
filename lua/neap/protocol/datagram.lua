--- A transport over a UDP socket. Its states are in base.lua.
local args = require("neap.args")
local base = require("neap.protocol.base")
local calls = require("neap.protocol.calls")
local core = require("neap.core")

local datagram = {}

---@class neap.DatagramTransport: neap.BaseTransport
---@field package _socket neap.UdpSocket
---@field package _unsent integer  bytes that the system did not take at once
local Transport = { __name = "DatagramTransport" }
Transport.__index = Transport
base.extend(Transport)

local function end_socket(self)
  if not self._over then
    self._over = true
    self._closing = true
    self._socket:close()
    self._changed:wake()
  end
end

--- Ends the transport because of an error.
---@package
function Transport:_fail(err)
  if not self._over then
    self._error = err
    end_socket(self)
  end
end

--- Ends the transport once what was sent has gone out.
function Transport:close()
  self._closing = true
  if self._unsent == 0 then
    end_socket(self)
  end
end

--- Ends the transport at once.
function Transport:abort()
  end_socket(self)
end

-- ---- sending ---------------------------------------------------------------

local function pause(self)
  self._writing_paused = true
  if calls.is_free(self) then
    calls.call_now(self, "pause_writing")
  else
    core.spawn(calls.call_in_turn, self, self._is_not_lost, "pause_writing")
  end
end

local function sent(self, size)
  self._unsent = self._unsent - size
  if self._writing_paused and self._unsent <= self._low and not self._lost then
    self._writing_paused = false
    calls.call_in_turn(self, self._is_not_lost, "resume_writing")
  end
  if self._closing and self._unsent == 0 then
    end_socket(self)
  end
end

local function tell_error(self, err)
  calls.call_in_turn(self, self._is_not_lost, "error_received", err)
end

--- Sends what had to wait, for the system or for a name.
local function send_later(self, data, host, port)
  local ok, done, err = pcall(self._socket.send, self._socket, data, host, port)
  if ok and not done then
    tell_error(self, err)
  end
  sent(self, #data)
end

--- Sends a datagram without waiting; an error comes as error_received.
---@overload fun(self, data: string, addr?: neap.Address)  no address once connected
function Transport:sendto(...)
  local data, addr = ...
  local count = select("#", ...)
  data = args.string("sendto", 1, data, count)
  local host, port
  if addr ~= nil then
    args.table("sendto", 2, addr, count)
    host, port = addr.host, addr.port
    if type(host) ~= "string" or not math.tointeger(port) or port < 0 or port > 65535 then
      args.fail("sendto", 2, "an address has a host and a port")
    end
  end
  if self._closing then
    return
  end
  local done, err = core.udp_try_send(self._socket, data, host, port)
  if done == nil then
    core.spawn(tell_error, self, err)
  elseif not done then
    self._unsent = self._unsent + #data
    core.spawn(send_later, self, data, host, port)
    if self._unsent > self._high and not self._writing_paused then
      pause(self)
    end
  end
end

---@return integer
function Transport:get_write_buffer_size()
  return self._unsent
end

--- Sets when the protocol is told to pause writing (more than `high` bytes are
--- unsent) and to resume (at most `low` are).
---@param high integer?  4 times `low`, or 64 KiB
---@param low integer?  a quarter of `high`
function Transport:set_write_buffer_limits(high, low)
  self._high, self._low = calls.limits(high, low)
end

-- ---- receiving -------------------------------------------------------------

---@package
function Transport:_receive()
  local socket = self._socket
  while self:_may_deliver() do
    local data, addr = socket:recv()
    if not self:_may_deliver() then
      break
    elseif data then
      calls.call(self, "datagram_received", data, addr)
    else
      calls.call(self, "error_received", addr)
    end
  end
end

--- Waits until all that was sent has gone out.
---@package
function Transport:_finish()
  core.shield(self._await_over, self)
end

-- ---- knowing ---------------------------------------------------------------

--- What is known: "sockname", "peername" once connected, "socket" (the
--- descriptor).
--- `default` is given for what is not known.
---@overload fun(self, name: string, default?: any): any
function Transport:get_extra_info(...)
  local name, default = ...
  name = args.string("get_extra_info", 1, name, select("#", ...))
  local value = self._extra[name]
  if name == "socket" and not self._over then
    value = self._socket:fileno()
  end
  if value == nil then
    return default
  end
  return value
end

function Transport:__tostring()
  return ("DatagramTransport (%s, %s)"):format(self:_state(), tostring(self._socket))
end

-- ---- making ----------------------------------------------------------------

--- A transport on a socket, which it owns from then on. connection_made has run
--- when it returns.
---@async
---@param socket neap.UdpSocket
---@param factory neap.Factory
---@param peer neap.Address?  that it is connected to
---@return neap.DatagramTransport
---@return table protocol
function datagram.open(socket, factory, peer)
  return base.open(socket, "close", factory, function(_, protocol)
    local self = base.new(Transport, protocol, { sockname = socket:address(), peername = peer })
    self._socket, self._unsent = socket, 0
    return self
  end)
end

return datagram
