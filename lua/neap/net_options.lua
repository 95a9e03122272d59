--- The options of the functions of neap.net, and of what is built on them:
--- name to kind.
local args = require("neap.args")
local tls_options = require("neap.tls_options")

local option = args.option

---@class neap.StreamOptions
---@field limit? integer  bytes of the longest line, 65536 by default

---@class neap.ConnectOptions: neap.StreamOptions
---@field timeout? number  seconds for resolving and connecting
---@field nodelay? boolean  true by default
---@field keepalive? number|false  seconds
---@field bind? string|neap.Address  a local address
---@field family? "ipv4"|"ipv6"
---@field tls? neap.Tls|false

---@class neap.ListenOptions: neap.StreamOptions
---@field backlog? integer
---@field reuse_port? boolean
---@field fd? integer  a socket that is bound already
---@field tls? neap.Tls|false  with `cert`

---@class neap.ServeOptions: neap.ListenOptions
---@field max_connections? integer  further ones wait in the backlog

---@class neap.UnixConnectOptions: neap.StreamOptions
---@field timeout? number  seconds
---@field tls? neap.Tls|false  `server_name` is needed to verify

---@class neap.UnixListenOptions: neap.StreamOptions
---@field backlog? integer
---@field tls? neap.Tls|false  with `cert`

---@class neap.UnixServeOptions: neap.UnixListenOptions
---@field max_connections? integer  further ones wait in the backlog

---@class neap.UdpOptions
---@field host? string  nil or "*" is every interface, IPv4 and IPv6
---@field port? integer  nil or 0 takes a free one
---@field reuse_port? boolean
---@field queue? integer  bytes of the receive queue, 1 MiB by default

---@class neap.EndpointOptions
---@field remote_host? string  the only peer
---@field remote_port? integer
---@field reuse_port? boolean
---@field queue? integer  bytes of the receive queue, 1 MiB by default

local net_options = {}

--- A local address, or { host =, port = }.
local function bind_option(value)
  if type(value) == "string" then
    return false
  elseif type(value) ~= "table" or type(value.host) ~= "string" then
    return "is neither an address nor a table with one"
  end
  local port = value.port
  return port ~= nil and option.integer(0, 65535)(port)
end

local function keepalive_option(value)
  local ok = value == false or type(value) == "number" and value > 0 and value <= 32767
  return not ok and "is neither false nor seconds (1 to 32767)"
end

local family_option = option.one_of({ ipv4 = true, ipv6 = true })

net_options.resolve = {
  family = family_option,
  port = option.integer(0, 65535),
}

net_options.connect = {
  timeout = option.seconds,
  nodelay = option.boolean,
  keepalive = keepalive_option,
  bind = bind_option,
  family = family_option,
  limit = option.count,
  tls = tls_options.tls,
}

net_options.listen = {
  backlog = option.count,
  reuse_port = option.boolean,
  fd = option.integer(0, 0x7fffffff),
  limit = option.count,
  tls = tls_options.tls,
}

net_options.serve = { max_connections = option.count }
for name, kind in pairs(net_options.listen) do
  net_options.serve[name] = kind
end

net_options.connect_unix = {
  timeout = option.seconds,
  limit = option.count,
  tls = tls_options.tls,
}

net_options.listen_unix = {
  backlog = option.count,
  limit = option.count,
  tls = tls_options.tls,
}

net_options.serve_unix = {
  backlog = option.count,
  limit = option.count,
  max_connections = option.count,
  tls = tls_options.tls,
}

local function string_option(value)
  return type(value) ~= "string" and ("(string expected, got %s)"):format(type(value))
end

net_options.udp = {
  host = string_option,
  port = option.integer(0, 65535),
  reuse_port = option.boolean,
  queue = option.count,
}

net_options.datagram_endpoint = {
  remote_host = string_option,
  remote_port = option.integer(0, 65535),
  reuse_port = option.boolean,
  queue = option.count,
}

return net_options
