--- A transport over a UDP socket: a task that receives and calls the protocol.
--- Its states are those of a transport over a Stream: open, closing (what was
--- sent is on its way), over, lost.
local args = require("neap.args")
local calls = require("neap.protocol.calls")
local core = require("neap.core")

local datagram = {}

---@class neap.DatagramTransport
---@field package _socket neap.UdpSocket
---@field package _protocol table
---@field package _unsent integer  bytes that the system did not take at once
---@field package _high integer  of them: the protocol is told to pause above it
---@field package _low integer  and to resume at it
---@field package _paused boolean  reading
---@field package _closing boolean
---@field package _over boolean
---@field package _lost boolean
local Transport = { __name = "DatagramTransport" }
Transport.__index = Transport

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

function Transport:__close()
  self:close()
end

--- Ends the transport at once.
function Transport:abort()
  end_socket(self)
end

---@return boolean
function Transport:is_closing()
  return self._closing
end

-- ---- sending ---------------------------------------------------------------

local function is_not_lost(self)
  return not self._lost
end

local function pause(self)
  self._writing_paused = true
  if calls.is_free(self) then
    calls.call_now(self, "pause_writing")
  else
    core.spawn(calls.call_in_turn, self, is_not_lost, "pause_writing")
  end
end

local function sent(self, size)
  self._unsent = self._unsent - size
  if self._writing_paused and self._unsent <= self._low and not self._lost then
    self._writing_paused = false
    calls.call_in_turn(self, is_not_lost, "resume_writing")
  end
  if self._closing and self._unsent == 0 then
    end_socket(self)
  end
end

local function tell_error(self, err)
  calls.call_in_turn(self, is_not_lost, "error_received", err)
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

--- No datagram is given until `resume_reading`; the socket keeps those that
--- come, as many as fit into its queue.
function Transport:pause_reading()
  self._paused = true
end

function Transport:resume_reading()
  self._paused = false
  self._changed:wake()
end

--- Waits until reading is not paused; false if the transport is closing.
local function may_deliver(self)
  while self._paused and not self._closing do
    self._changed:park("transport resume_reading")
  end
  return not self._closing
end

-- ---- the task --------------------------------------------------------------

local function receive_all(self)
  local socket = self._socket
  while may_deliver(self) do
    local data, addr = socket:recv()
    if not may_deliver(self) then
      break
    elseif data then
      calls.call(self, "datagram_received", data, addr)
    else
      calls.call(self, "error_received", addr)
    end
  end
end

local function begin(self)
  if self._over then
    return
  end
  self._made = true
  calls.call(self, "connection_made", self)
  self._began = true
  self._beginning:wake()
  receive_all(self)
end

--- Until all that was sent has gone out.
local function await_over(self)
  while not self._over do
    self._changed:park("transport close")
  end
end

local function set_lost(self)
  self._lost = true
  return true
end

--- What is to be raised after connection_lost, or nil.
local function judge(self, err, trace)
  local method, cancelled = self._method, core.error_code(err) == "CANCELLED"
  if method then
    self._method = nil
    calls.leave(self)
    if not cancelled then
      calls.report(self, method, err, trace)
      self:_fail(err)
    end
  elseif self._over and core.error_code(err) == "CLOSED" then
    return nil
  end
  end_socket(self)
  return (cancelled or not method) and err or nil
end

local function run(self)
  local failure = {}
  local ok, err = xpcall(begin, calls.tracer(failure), self)
  err = not ok and judge(self, err, failure.traceback) or nil
  self._began = true
  self._beginning:wake()
  if self._made then
    core.shield(await_over, self)
    calls.call_in_turn(self, set_lost, "connection_lost", self._error)
  end
  if err then
    error(err, 0)
  end
end

-- ---- knowing ---------------------------------------------------------------

--- What is known: "sockname", "peername" once connected, "socket" (the
--- descriptor).
---@param name string
---@param default any  given for what is not known
function Transport:get_extra_info(name, default)
  local value = self._extra[name]
  if name == "socket" and not self._over then
    value = self._socket:fileno()
  end
  if value == nil then
    return default
  end
  return value
end

---@overload fun(self, protocol: neap.Protocol)
function Transport:set_protocol(...)
  local protocol = ...
  if type(protocol) ~= "userdata" then
    args.table("set_protocol", 1, protocol, select("#", ...))
  end
  self._protocol = protocol
end

function Transport:get_protocol()
  return self._protocol
end

function Transport:__tostring()
  local state = self._lost and "closed" or self._closing and "closing" or "open"
  return ("DatagramTransport (%s, %s)"):format(state, tostring(self._socket))
end

-- ---- making ----------------------------------------------------------------

--- Ends what was not handed to the caller.
local Unclaimed = {
  __close = function(unclaimed)
    if unclaimed.object then
      unclaimed.object[unclaimed.method](unclaimed.object)
    end
  end,
}

--- A transport on a socket, which it owns from then on. connection_made has run
--- when it returns.
---@async
---@param socket neap.UdpSocket
---@param factory neap.Factory
---@param peer neap.Address?  that it is connected to
---@return neap.DatagramTransport
---@return table protocol
function datagram.open(socket, factory, peer)
  local unclaimed <close> = setmetatable({ object = socket, method = "close" }, Unclaimed)
  local protocol = calls.make(factory)
  local self = setmetatable({
    _socket = socket,
    _protocol = protocol,
    _extra = { sockname = socket:address(), peername = peer },
    _unsent = 0,
    _high = calls.HIGH,
    _low = calls.HIGH // 4,
    _paused = false,
    _closing = false,
    _over = false,
    _lost = false,
    _changed = core.waitq(), -- its task waits for the end
    _beginning = core.waitq(), -- who waits for connection_made
  }, Transport)
  unclaimed.object, unclaimed.method = self, "abort"
  core.spawn(run, self)
  while not self._began do
    self._beginning:park("connection_made")
  end
  unclaimed.object = nil
  return self, protocol
end

return datagram
