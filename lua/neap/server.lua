--- A server: accepts connections and runs a handler for each in a task of its
--- own. It is `serving` until close(), then `draining` until the last handler
--- has ended. Running out of descriptors is the Listener's business.
local args = require("neap.args")
local core = require("neap.core")

local server = {}

---@class neap.Server
---@field package _listener neap.Listener
---@field package _handler fun(stream: neap.Stream)
---@field package _guests table  the tasks of the handlers
---@field package _max number
---@field package _closed boolean
---@field package _trouble string?  why it could not accept
---@field package _told number?  when that was reported
local Server = { __name = "Server" }
Server.__index = Server

--- Waits until there is room for one more connection, or the server is closed.
local function await_room(self)
  while self._guests:count() >= self._max and not self._closed do
    self._room:park("server connection limit")
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
    self._guests:spawn(self._handler, stream)
  end
end

-- Seconds between two reports of the same trouble.
local REPORTS = 10

local function report(self, err)
  local now, text = core.now(), tostring(err)
  if text ~= self._trouble or now >= self._told + REPORTS then
    self._trouble, self._told = text, now
    core.report({ message = tostring(self) .. " cannot accept", error = err })
  end
end

--- The task of a server. Whatever ends it closes the server; want of memory
--- does not.
local function run(self)
  local open <close> = self
  core.serves_others()
  while not open._closed do
    local ok, err = pcall(accept_all, open)
    if not ok and not open._closed then
      core.checkwait()
      pcall(report, open, err) -- there may be no memory for it, either
      core.sleep(0.1)
    end
  end
end

local function wait_ended(self)
  while not self._closed or self._guests:count() > 0 do
    self._ended:park("server close")
  end
end

local function cancel_later(self, grace)
  pcall(core.timeout, grace, wait_ended, self)
  self._guests:cancel()
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
    self._guests:close()
  end
  if grace == 0 then
    self._guests:cancel()
  elseif grace and self._guests:count() > 0 then
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
  return self._guests:count()
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
  return ("Server (%s, %s%d connections)"):format(self._name, state, self._guests:count())
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
  local room, ended = core.waitq(), core.waitq()
  local self = setmetatable({
    _listener = listener,
    _handler = handler,
    _guests = core.guests(room, ended),
    _max = max_connections or math.huge,
    _closed = false,
    _room = room,
    _ended = ended,
    _address = address,
    _name = server.address_name(address),
  }, Server)
  core.spawn(run, self):set_name("server " .. self._name)
  return self
end

return server
