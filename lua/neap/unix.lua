--- Unix sockets: the functions of neap.net whose names end in `_unix`. A path
--- that begins with "@" is an abstract name on Linux, which needs no file.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local options = require("neap.net_options")
local secure = require("neap.secure")
local server = require("neap.server")

local unix = {}

local BACKLOG = 1024
--- Seconds before a listener whose backlog is full is tried again: at first,
--- and at most.
local FIRST_RETRY, LAST_RETRY = 0.001, 0.05

--- A path: a string that the system could take.
local function check_path(name, position, path, count)
  if type(path) ~= "string" then
    args.refuse(name, position, path, count, "string")
  elseif path:find("\0", 1, true) then
    args.fail(name, position, "path contains a zero byte")
  end
end

local function open_plain(path, limit)
  local delay = FIRST_RETRY
  while true do
    local stream, err = core.unix_connect(path, limit)
    if stream or err.code ~= "EAGAIN" then
      return stream, err
    end
    core.sleep(delay)
    delay = math.min(2 * delay, LAST_RETRY)
  end
end

local function open(path, limit, context)
  local stream, err = open_plain(path, limit)
  if stream and context then
    return secure.connect(stream, context, { path = path })
  end
  return stream, err
end

local function open_in_time(path, limit, context, seconds)
  local result = table.pack(pcall(core.timeout, seconds, open, path, limit, context))
  if result[1] then
    return table.unpack(result, 2, result.n)
  elseif core.error_code(result[2]) ~= "TIMEOUT" then
    error(result[2], 0)
  end
  return nil, errors.new("TIMEOUT", ("unix connect %s: timed out"):format(path), { op = "connect", path = path })
end

--- Connects to a Unix socket.
---@async
---@overload async fun(path: string, opts?: neap.UnixConnectOptions): neap.Stream?, neap.Error?
function unix.connect(...)
  local path, opts = ...
  check_path("connect_unix", 1, path, select("#", ...))
  opts = args.options("connect_unix", 2, opts, options.connect_unix)
  core.checkwait()
  local context, err = secure.context(opts.tls)
  if err then
    return nil, err
  elseif opts.timeout then
    return open_in_time(path, opts.limit, context, opts.timeout)
  end
  return open(path, opts.limit, context)
end

local function listen_plain(path, opts)
  local listener = core.listener(opts.limit)
  local ok, err = core.listener_unix(listener, path, opts.backlog or BACKLOG)
  if not ok then
    listener:close()
    return nil, err
  end
  return listener
end

local function listen(path, opts)
  core.checkwait()
  return secure.listen(opts.tls, function() return listen_plain(path, opts) end)
end

--- Listens on a Unix socket. The file of one that nobody listens on any more is
--- replaced; ours is removed when the listener closes.
---@async
---@overload async fun(path: string, opts?: neap.UnixListenOptions): neap.Listener?, neap.Error?
function unix.listen(...)
  local path, opts = ...
  check_path("listen_unix", 1, path, select("#", ...))
  opts = args.options("listen_unix", 2, opts, options.listen_unix)
  return listen(path, opts)
end

--- Serves a Unix socket, as `net.serve` does a port.
---@async
---@overload async fun(path: string, handler: neap.Handler, opts?: neap.UnixServeOptions): neap.Server?, neap.Error?
function unix.serve(...)
  local path, handler, opts = ...
  local count = select("#", ...)
  check_path("serve_unix", 1, path, count)
  args.callable("serve_unix", 2, handler, count)
  opts = args.options("serve_unix", 3, opts, options.serve_unix)
  local listener, err = listen(path, opts)
  if not listener then
    return nil, err
  end
  return server.new(listener, secure.handler(opts.tls, handler), opts.max_connections)
end

return unix
