--- A server: accepts connections and runs a handler for each in a task of its
--- own. It is `serving` until close(), then `draining` until the last handler
--- has ended. Running out of descriptors is the Listener's business.
local args = require("neap.args")
local core = require("neap.core")

local server = {}

---@class neap.Server
---@field package _listener neap.Listener
---@field package _handler fun(stream: neap.Stream)
---@field package _connections table<neap.Task, neap.Stream|true>  the stream until the handler has begun
---@field package _count integer  how many these are
---@field package _unbegun integer  of them, whose handler has not begun
---@field package _max number
---@field package _closed boolean
---@field package _seat table  what a handler holds while it runs
local Server = { __name = "Server" }
Server.__index = Server

local function forget(self, task)
  self._connections[task] = nil
  self._count = self._count - 1
  self._room:wake()
  if self._closed and self._count == 0 then
    self:_wake_all()
  end
end

--- The same object for all handlers of a server, which costs no memory for each
--- connection: whose handler ends is the task that runs.
local Seat = {
  __close = function(seat)
    forget(seat.server, core.current_task())
  end,
}

local function run_handler(self, stream)
  local _ <close> = self._seat
  local open <close> = stream
  self._unbegun = self._unbegun - 1
  self._connections[core.current_task()] = true
  self._handler(open)
end

function Server:_wake_all()
  for _ = 1, self._ended:count() do
    self._ended:wake()
  end
end

--- Forgets a handler that was cancelled before it began: it will never run.
local function drop_unbegun(self, task, stream)
  stream:close()
  self._unbegun = self._unbegun - 1
  forget(self, task)
end

--- Waits until each handler has begun; those that were cancelled are forgotten.
local function await_begun(self)
  while self._unbegun > 0 do
    core.sleep(0)
    for task, stream in pairs(self._connections) do
      if stream ~= true and task:done() then
        drop_unbegun(self, task, stream)
      end
    end
  end
end

--- Waits until there is room for one more connection, or the server is closed.
local function await_room(self)
  while self._count >= self._max and not self._closed do
    await_begun(self)
    if self._count >= self._max and not self._closed then
      self._room:park("server connection limit")
    end
  end
end

local function accept_all(self)
  local incoming = self._listener:incoming()
  while not self._closed do
    await_room(self)
    local stream = incoming()
    if not stream then
      return
    end
    self._connections[core.spawn_handler(run_handler, self, stream)] = stream
    self._count = self._count + 1
    self._unbegun = self._unbegun + 1
  end
end

--- The task of a server. Whatever ends it closes the server.
local function run(self)
  local open <close> = self
  while not open._closed do
    local ok, err = pcall(accept_all, open)
    if not ok and not open._closed then
      core.checkwait()
      core.report({ message = tostring(open) .. " cannot accept", error = err })
      core.sleep(0.1)
    end
  end
end

local function cancel_handlers(self)
  for task, stream in pairs(self._connections) do
    task:cancel()
    if stream ~= true then
      drop_unbegun(self, task, stream)
    end
  end
end

local function wait_ended(self)
  while not self._closed do
    self._ended:park("server close")
  end
  await_begun(self)
  while self._count > 0 do
    self._ended:park("server close")
  end
end

local function cancel_later(self, grace)
  pcall(core.timeout, grace, wait_ended, self)
  cancel_handlers(self)
end

--- Stops accepting; the handlers that run go on.
---@param grace number?  seconds after which those that are left are cancelled
function Server:close(grace)
  if grace ~= nil then
    grace = math.max(0, args.number("close", 1, grace, 1))
  end
  if not self._closed then
    self._closed = true
    self._listener:close()
    self._room:wake()
    self:_wake_all()
  end
  if grace == 0 then
    cancel_handlers(self)
  elseif grace and self._count > 0 then
    core.spawn(cancel_later, self, grace)
  end
end

function Server:__close()
  self:close()
end

--- Waits until the server is closed and the last handler has ended.
---@async
function Server:wait_closed()
  core.checkwait()
  wait_ended(self)
end

--- Waits until the server is closed.
---@async
function Server:serve_forever()
  core.checkwait()
  while not self._closed do
    self._ended:park("server " .. self._name)
  end
end

--- How many handlers run.
---@return integer
function Server:connections()
  return self._count
end

--- Where it listens; with several addresses, the first.
---@return { host: string, port: integer }
function Server:address()
  local copy = {}
  for k, v in pairs(self._address) do
    copy[k] = v
  end
  return copy
end

function Server:__tostring()
  local state = self._closed and "closed, " or ""
  return ("Server (%s, %s%d connections)"):format(self._name, state, self._count)
end

--- An address as text.
---@param address neap.Address
---@return string
function server.address_name(address)
  if address.path then
    return address.path
  end
  local host = address.host
  return (host:find(":", 1, true) and "[" .. host .. "]" or host) .. ":" .. address.port
end

--- Serves the connections of a listener, which it owns from then on.
---@param listener neap.Listener
---@param handler fun(stream: neap.Stream)
---@param max_connections integer?
---@return neap.Server
function server.new(listener, handler, max_connections)
  local address = listener:address()
  if max_connections then
    core.listener_ahead(listener, 1) -- the others stay in the backlog
  end
  local self = setmetatable({
    _listener = listener,
    _handler = handler,
    _connections = {},
    _count = 0,
    _unbegun = 0,
    _max = max_connections or math.huge,
    _closed = false,
    _room = core.waitq(),
    _ended = core.waitq(),
    _address = address,
    _name = server.address_name(address),
  }, Server)
  self._seat = setmetatable({ server = self }, Seat)
  core.spawn(run, self):set_name("server " .. self._name)
  return self
end

return server
