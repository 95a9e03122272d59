--- Streams and servers: connect, listen, serve. Arguments and options are
--- checked here; neap.core does the work on numeric addresses.
local args = require("neap.args")
local combine = require("neap.combine")
local core = require("neap.core")
local errors = require("neap.errors")
local eyeballs = require("neap.eyeballs")
local options = require("neap.net_options")
local secure = require("neap.secure")
local server = require("neap.server")
local udp = require("neap.udp")
local unix = require("neap.unix")

---@class neap.Address
---@field host? string
---@field port? integer
---@field path? string  of a Unix socket, "" without a name

---@class neap.Stream  bytes both ways; closed by `<close>` or when collected
---@field read async fun(self, n: integer?): string?, neap.Error?  some bytes, at most `n`; nil at the end
---@field readexactly async fun(self, n: integer): string?, neap.Error?  else EOF, with `partial`
---@field readline async fun(self, keep: boolean?): string?, neap.Error?  without its end unless `keep`
---@field readuntil async fun(self, separator: string): string?, neap.Error?  up to and with it
---@field readall async fun(self, max: integer?): string?, neap.Error?  LIMIT for more than `max`
---@field peek async fun(self, n: integer): string?, neap.Error?  what there is, left where it is
---@field lines fun(self): fun(): string?  raises errors
---@field chunks fun(self): fun(): string?  raises errors
---@field write async fun(self, ...: string|string[]): true?, neap.Error?  waits while too much is unsent
---@field flush async fun(self): true?, neap.Error?  waits until all is handed to the system
---@field shutdown fun(self): true?, neap.Error?  ends our direction after what was written
---@field timeout fun(self, seconds: number?)  how long reads and writes may wait
---@field close fun(self)  what was written is still sent
---@field abort fun(self)  it is not
---@field closed fun(self): boolean
---@field wait_closed async fun(self)
---@field peername fun(self): neap.Address?, neap.Error?
---@field sockname fun(self): neap.Address?, neap.Error?
---@field nodelay fun(self, on: boolean): true?, neap.Error?
---@field keepalive fun(self, seconds: number|false): true?, neap.Error?
---@field fileno fun(self): integer?, neap.Error?

---@alias neap.Handler async fun(stream: neap.Stream)

---@class neap.Listener
---@field accept async fun(self): neap.Stream?, neap.Error?  raises CLOSED once it is closed
---@field incoming fun(self): neap.Incoming
---@field address fun(self): neap.Address
---@field close fun(self)

---@class neap.Incoming  gives each accepted Stream, nil once the listener is closed
---@field close fun(self)  closes the listener
---@operator call: neap.Stream?

local net = {}

local BACKLOG = 1024
--- How often to look for a port that is free on all addresses.
local PORT_TRIES = 10

-- ---- names -----------------------------------------------------------------

--- The addresses of a host: a numeric one needs no resolver.
---@async
---@return { host: string, family: string }[]? addresses
---@return neap.Error? err
local function addresses_of(host, family)
  local numeric = core.numeric_family(host)
  if not numeric then
    return eyeballs.resolve(host, family)
  elseif family and family ~= numeric then
    local text = ("resolve %s: not an %s address"):format(host, family)
    return nil, errors.new("ENOTFOUND", text, { op = "resolve", host = host })
  end
  return { { host = host, family = numeric } }
end

--- The addresses of a name, in the order in which to try them.
---@async
---@overload async fun(host: string, opts?: { family?: "ipv4"|"ipv6", port?: integer }): table[]?, neap.Error?
function net.resolve(...)
  local host, opts = ...
  host = args.string("resolve", 1, host, select("#", ...))
  opts = args.options("resolve", 2, opts, options.resolve)
  core.checkwait()
  local addresses, err = addresses_of(host, opts.family)
  if not addresses then
    return nil, err
  end
  for _, address in ipairs(addresses) do
    address.port = opts.port
  end
  return addresses
end

--- The name of an address.
---@async
---@overload async fun(ip: string): string?, neap.Error?
function net.reverse(...)
  local ip = args.string("reverse", 1, (...), select("#", ...))
  core.checkwait()
  return core.reverse(ip)
end

-- ---- connecting ------------------------------------------------------------

local function bind_address(bind)
  if type(bind) == "table" then
    return bind.host, bind.port
  end
  return bind, nil
end

--- Sets what the options say of a new connection.
local function set_up(stream, opts)
  if opts.nodelay ~= false then
    stream:nodelay(true)
  end
  if opts.keepalive then
    stream:keepalive(opts.keepalive)
  end
end

--- Connects without looking at `timeout`.
local function open(host, port, opts, context)
  local bind_host, bind_port = bind_address(opts.bind)
  local family = opts.family or bind_host and core.numeric_family(bind_host)
  local addresses, err = addresses_of(host, family)
  if not addresses then
    return nil, err
  end
  local stream
  stream, err = eyeballs.connect(addresses, function(address)
    return core.tcp_connect(address.host, port, bind_host, bind_port, opts.limit)
  end)
  if not stream then
    return nil, err
  end
  set_up(stream, opts)
  if context then
    return secure.connect(stream, context, { host = host, port = port })
  elseif not core.numeric_family(host) then
    core.stream_host(stream, host) -- for start_tls
  end
  return stream
end

--- Connects, giving up after `timeout` seconds. Errors that `open` raises pass;
--- it raises no TIMEOUT itself.
local function open_in_time(host, port, opts, context)
  local result = table.pack(pcall(core.timeout, opts.timeout, open, host, port, opts, context))
  if result[1] then
    return table.unpack(result, 2, result.n)
  elseif core.error_code(result[2]) ~= "TIMEOUT" then
    error(result[2], 0)
  end
  local text = ("tcp connect %s:%d: timed out"):format(host, port)
  return nil, errors.new("TIMEOUT", text, { op = "connect", host = host, port = port })
end

--- Connects to a host over TCP. A name is resolved without blocking the loop,
--- and its addresses are tried as RFC 8305 says.
---@async
---@overload async fun(host: string, port: integer, opts?: neap.ConnectOptions): neap.Stream?, neap.Error?
function net.connect(...)
  local host, port, opts = ...
  local count = select("#", ...)
  host = args.string("connect", 1, host, count)
  port = args.port("connect", 2, port, count)
  opts = args.options("connect", 3, opts, options.connect)
  core.checkwait()
  local context, err = secure.context(opts.tls)
  if err then
    return nil, err
  end
  return (opts.timeout and open_in_time or open)(host, port, opts, context)
end

-- ---- listening -------------------------------------------------------------

--- What a system without one of the families says.
local no_such_family = { EAFNOSUPPORT = true, EADDRNOTAVAIL = true, EPROTONOSUPPORT = true }

--- One socket for each address; port 0 is the same free port for all. What
--- this system has no family for is left out, but not all of them.
local function listen_on(listener, hosts, port, opts)
  local bound, first_err = 0, nil
  for _, host in ipairs(hosts) do
    local got, err =
      core.listener_tcp(listener, host, port, opts.backlog or BACKLOG, opts.reuse_port or false)
    if got then
      port = got
      bound = bound + 1
    elseif no_such_family[err.code] then
      first_err = first_err or err
    else
      return nil, err
    end
  end
  if bound == 0 then
    return nil, first_err
  end
  return listener
end

local function hosts_of(host)
  if host == nil or host == "*" then
    return { "0.0.0.0", "::" }
  end
  local addresses, err = addresses_of(host)
  if not addresses then
    return nil, err
  end
  local hosts = {}
  for i, address in ipairs(addresses) do
    hosts[i] = address.host
  end
  return hosts
end

local function listen_tcp(host, port, opts)
  local hosts, err = hosts_of(host)
  if not hosts then
    return nil, err
  end
  for try = 1, PORT_TRIES do
    local listener = core.listener(opts.limit)
    local ok
    ok, err = listen_on(listener, hosts, port, opts)
    if ok then
      return listener
    end
    listener:close()
    -- a port that was free on the first address may be taken on the next
    if port ~= 0 or err.code ~= "EADDRINUSE" or try == PORT_TRIES then
      return nil, err
    end
  end
end

local function listen_fd(opts)
  local listener = core.listener(opts.limit)
  local ok, err = core.listener_fd(listener, opts.fd, opts.backlog or BACKLOG)
  if not ok then
    return nil, err
  end
  return listener
end

--- Checked arguments in, Listener out.
local function listen(host, port, opts)
  core.checkwait()
  return secure.listen(opts.tls, function()
    if opts.fd then
      return listen_fd(opts)
    end
    return listen_tcp(host, port, opts)
  end)
end

--- Listens on a port; 0 takes a free one. A name binds each of its addresses;
--- nil or "*" is every interface, IPv4 and IPv6.
---@async
---@overload async fun(host?: string, port: integer, opts?: neap.ListenOptions): neap.Listener?, neap.Error?
function net.listen(...)
  local host, port, opts = ...
  local count = select("#", ...)
  opts = args.options("listen", 3, opts, options.listen)
  host = host ~= nil and args.string("listen", 1, host, count) or nil
  if not opts.fd then
    port = args.port("listen", 2, port, count)
  end
  return listen(host, port, opts)
end

--- Serves a port: `handler(stream)` runs in a task for each connection. The
--- stream is closed when it returns or raises; what it raises goes to the
--- exception handler.
---@async
---@overload async fun(host, port, handler: neap.Handler, opts?: neap.ServeOptions): neap.Server?, neap.Error?
function net.serve(...)
  local host, port, handler, opts = ...
  local count = select("#", ...)
  opts = args.options("serve", 4, opts, options.serve)
  host = host ~= nil and args.string("serve", 1, host, count) or nil
  if not opts.fd then
    port = args.port("serve", 2, port, count)
  end
  args.callable("serve", 3, handler, count)
  local listener, err = listen(host, port, opts)
  if not listener then
    return nil, err
  end
  return server.new(listener, secure.handler(opts.tls, handler), opts.max_connections)
end

-- ---- Unix sockets -----------------------------------------------------------

net.connect_unix = unix.connect
net.listen_unix = unix.listen
net.serve_unix = unix.serve

-- ---- datagrams --------------------------------------------------------------

net.udp = udp.open

-- ---- pairs and descriptors -------------------------------------------------

--- Two connected Streams.
---@return neap.Stream? a
---@return neap.Stream|neap.Error b
function net.pair()
  return core.pair()
end

--- A Stream of a descriptor (a socket or a pipe), which it owns from then on.
---@overload fun(fd: integer): neap.Stream?, neap.Error?
function net.stream(...)
  local fd = args.integer("stream", 1, (...), select("#", ...), 0)
  return core.stream_fd(fd)
end

local function copy(from, to)
  while true do
    local data, err = from:read()
    if not data and err then
      return err
    elseif not data then
      local _
      _, err = to:shutdown()
      return err
    end
    local ok
    ok, err = to:write(data)
    if not ok then
      return err
    end
  end
end

--- Copies both ways between two streams until both have ended; the end of one
--- ends the writing to the other. It closes neither.
--- The error is of the direction that failed; then the other is given up.
---@async
---@overload async fun(a: neap.Stream, b: neap.Stream): true?, neap.Error?
function net.pipe(...)
  local a, b = ...
  for i = 1, 2 do
    local stream = select(i, a, b)
    if not core.is_stream(stream) then
      args.refuse("pipe", i, stream, select("#", ...), "Stream")
    end
  end
  core.checkwait()
  local failures = {} -- both, where both ways fail at once
  local function run(from, to)
    local err = copy(from, to)
    if err then
      failures[err] = true
      error(err, 0)
    end
  end
  local ok, err = pcall(combine.gather, {
    function() run(a, b) end,
    function() run(b, a) end,
  })
  if ok then
    return true
  elseif not failures[err] then
    error(err, 0)
  end
  return nil, err
end

return net
