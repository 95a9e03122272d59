--- UDP sockets: `net.udp`.
local args = require("neap.args")
local core = require("neap.core")
local eyeballs = require("neap.eyeballs")
local options = require("neap.net_options")

local udp = {}

---@class neap.UdpSocket  closed by `<close>` or when collected
---@field send async fun(self, data: string, host?: string, port?: integer): true?, neap.Error?  no host once connected
---@field connect async fun(self, host: string, port: integer): true?, neap.Error?  the only peer from then on
---@field recv async fun(self): string?, neap.Address|neap.Error  the address table is shared: do not change it
---@field datagrams fun(self): fun(): string?, neap.Address?  ends when the socket is closed; raises errors
---@field dropped fun(self): integer  how many datagrams found the receive queue full
---@field broadcast fun(self, on: boolean): true?, neap.Error?
---@field ttl fun(self, n: integer): true?, neap.Error?  how many routers a datagram may pass
---@field join fun(self, group: string, interface?: string): true?, neap.Error?
---@field leave fun(self, group: string, interface?: string): true?, neap.Error?
---@field address fun(self): neap.Address
---@field fileno fun(self): integer?, neap.Error?
---@field close fun(self)

--- The first address of a name that a socket of this family can use.
local function resolve(host, family)
  local addresses, err = eyeballs.resolve(host, family)
  return addresses and addresses[1].host, err
end

local function family_of(socket)
  local host = socket:address().host
  if host == "::" then
    return nil -- both, perhaps
  end
  return core.numeric_family(host)
end

local by_name = {}

function by_name.send(socket, data, host, port)
  local address, err = resolve(host, family_of(socket))
  if not address then
    return nil, err
  end
  return socket:send(data, address, port)
end

function by_name.connect(socket, host, port)
  local address, err = resolve(host, family_of(socket))
  if not address then
    return nil, err
  end
  return socket:connect(address, port)
end

--- What a method of a socket does when its host is a name.
local function call_by_name(method, ...)
  return by_name[method](...)
end

--- The numeric address to bind, nil for every interface.
local function bind_address(host)
  if host == nil or host == "*" then
    return nil
  elseif core.numeric_family(host) then
    return host
  end
  return resolve(host)
end

--- Opens with checked options.
---@return neap.UdpSocket? socket
---@return neap.Error? err
function udp.bind(opts)
  core.checkwait()
  local host, err = bind_address(opts.host)
  if err then
    return nil, err
  end
  return core.udp(call_by_name, host, opts.port or 0, opts.reuse_port or false, opts.queue)
end

--- Opens a UDP socket; without a host, on every interface, IPv4 and IPv6.
---@async
---@param opts? neap.UdpOptions
---@return neap.UdpSocket? socket
---@return neap.Error? err
function udp.open(opts)
  opts = args.options("udp", 1, opts, options.udp)
  return udp.bind(opts)
end

return udp
