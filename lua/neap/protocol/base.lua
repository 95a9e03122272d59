--- What transports have in common, over Streams and over UDP sockets: a task
--- that receives and calls the protocol, from connection_made to
--- connection_lost.
---
--- open      the task receives and calls, unless reading is paused
--- closing   close() was called: what was sent is on its way, what comes is
---           dropped
--- over      the stream or socket is closed; a method that is under way goes on
--- lost      connection_lost has been called, the last of all methods
---
--- A class of transports has besides what `base.extend` gives it: `abort()`,
--- `_fail(err)`, `_receive()` (until the transport is closing; may raise CLOSED)
--- and `_finish()` (waits for what comes before connection_lost).
local args = require("neap.args")
local calls = require("neap.protocol.calls")
local core = require("neap.core")

local base = {}

---@class neap.BaseTransport
---@field package _protocol table
---@field package _extra table<string, any>
---@field package _high integer  unsent bytes: the protocol is told to pause above it
---@field package _low integer  and to resume at it
---@field package _paused boolean  reading
---@field package _closing boolean
---@field package _over boolean
---@field package _lost boolean
---@field package _changed table  wait queue: its task waits for a change of these
---@field package _beginning table  wait queue: who waits for connection_made
local Base = {}

-- ---- the methods -----------------------------------------------------------

function Base:__close()
  self:close()
end

---@return boolean
function Base:is_closing()
  return self._closing
end

--- No method is called with data, or at their end, until `resume_reading`; what
--- comes is kept, as much as fits.
function Base:pause_reading()
  self._paused = true
end

function Base:resume_reading()
  self._paused = false
  self._changed:wake()
end

--- Gives the connection to another protocol; its connection_made is not called.
---@overload fun(self, protocol: neap.Protocol)
function Base:set_protocol(...)
  local protocol = ...
  if type(protocol) ~= "userdata" then
    args.table("set_protocol", 1, protocol, select("#", ...))
  end
  self._protocol = protocol
end

---@return neap.Protocol
function Base:get_protocol()
  return self._protocol
end

--- "open", "closing" or "closed".
---@package
function Base:_state()
  return self._lost and "closed" or self._closing and "closing" or "open"
end

--- Waits until reading is not paused; false if the transport is closing.
---@async
---@package
function Base:_may_deliver()
  while self._paused and not self._closing do
    self._changed:park("transport resume_reading")
  end
  return not self._closing
end

---@async
---@package
function Base:_await_over()
  while not self._over do
    self._changed:park("transport close")
  end
end

--- For calls that come before connection_lost or not at all.
---@package
function Base:_is_not_lost()
  return not self._lost
end

--- Gives a class of transports these methods.
function base.extend(class)
  for name, method in pairs(Base) do
    class[name] = method
  end
end

-- ---- the task --------------------------------------------------------------

local function begin(self)
  if self._over then
    return
  end
  self._made = true
  calls.call(self, "connection_made", self)
  self._began = true
  self._beginning:wake()
  self:_receive()
end

local function set_lost(self)
  self._lost = true
  return true
end

--- What ended the task besides the transport: what is to be raised, or nil.
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
  self:abort()
  return (cancelled or not method) and err or nil
end

--- The body of the task of a transport.
---@async
function base.run(self)
  local failure = {}
  local ok, err = xpcall(begin, calls.tracer(failure), self)
  err = not ok and judge(self, err, failure.traceback) or nil
  self._began = true
  self._beginning:wake()
  if self._made then
    self:_finish()
    calls.call_in_turn(self, set_lost, "connection_lost", self._error)
  end
  if err then
    error(err, 0)
  end
end

-- ---- making ----------------------------------------------------------------

--- A transport of a class, to which it adds what it needs.
---@param extra table<string, any>  what get_extra_info knows
function base.new(class, protocol, extra)
  return setmetatable({
    _protocol = protocol,
    _extra = extra,
    _high = calls.HIGH,
    _low = calls.HIGH // 4,
    _paused = false,
    _closing = false,
    _over = false,
    _lost = false,
    _changed = core.waitq(),
    _beginning = core.waitq(),
  }, class)
end

--- Ends what was not handed to the caller.
local Unclaimed = {
  __close = function(unclaimed)
    if unclaimed.object then
      unclaimed.object[unclaimed.method](unclaimed.object)
    end
  end,
}

--- A transport on a stream or socket, which it owns from then on, and which
--- `method` ends if there will be none. connection_made has run when it returns.
---@async
---@param new fun(resource, protocol: table): neap.BaseTransport
---@return neap.BaseTransport
---@return table protocol
function base.open(resource, method, factory, new)
  local unclaimed <close> = setmetatable({ object = resource, method = method }, Unclaimed)
  local protocol = calls.make(factory)
  local self = new(resource, protocol)
  unclaimed.object, unclaimed.method = self, "abort"
  core.spawn(base.run, self)
  while not self._began do
    self._beginning:park("connection_made")
  end
  unclaimed.object = nil
  return self, protocol
end

return base
