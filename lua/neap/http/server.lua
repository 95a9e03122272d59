--- A server of HTTP: its connections, each a task that reads requests one after
--- another, has the app answer them, and sends the answers. How long a request,
--- its body, the pause before the next and a write may take, and how large
--- things may be, are options.
---
--- A connection ends when the client or an answer says so, when something was
--- wrong with a request, or when the server is closed. Where the client may
--- still be sending then, what it sends is dropped for a while, so that it gets
--- the answer and not a reset.
local answer = require("neap.http.answer")
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local http1 = require("neap.proto.http1")
local net = require("neap.net")
local net_options = require("neap.net_options")
local request = require("neap.http.request")
local tls_options = require("neap.tls_options")

local server = {}

-- ---- options -----------------------------------------------------------------

---@class neap.http.ServeOptions: neap.ListenOptions
---@field host? string  nil is every interface
---@field port? integer  8080 by default; 0 takes a free one
---@field tls? table|boolean  see `neap.tls`
---@field workers? integer  1 by default, 256 at most. With more, that many threads serve, each with a copy of the app
---@field max_connections? integer  10000 by default; further ones are answered with 503. Workers get equal parts
---@field max_header_size? integer  bytes of a request line and its fields, 16384 by default, 65536 at most
---@field max_headers? integer  fields, 100 by default
---@field max_body? integer  bytes, 16 MiB by default
---@field header_timeout? number  seconds for a request's head, 15 by default
---@field body_timeout? number  seconds a body may keep us waiting, 30 by default; each KiB gives one back
---@field idle_timeout? number  seconds between requests, 60 by default
---@field write_timeout? number  seconds a client may take nothing of an answer, 60 by default
---@field compress? boolean  true by default: text is compressed for clients that take it
---@field access_log? boolean|fun(line: string, record: table)  true writes to stderr

---@class neap.http.RunOptions: neap.http.ServeOptions
---@field grace? number  seconds for what is under way when a signal comes, 10 by default
---@field ready? fun(server: neap.http.Server)  called when it listens

local option = args.option

local function string_option(value)
  return type(value) ~= "string" and ("(string expected, got %s)"):format(type(value))
end

local function duration(value)
  return option.seconds(value) or value <= 0 and "must be more than 0 seconds"
end

local function log_option(value)
  local ok = type(value) == "boolean" or type(value) == "function"
  return not ok and ("(boolean or function expected, got %s)"):format(type(value))
end

server.options = {
  host = string_option,
  port = option.integer(0, 65535),
  tls = tls_options.tls,
  workers = option.integer(1, 256),
  max_connections = option.count,
  max_header_size = option.integer(64, 65536),
  max_headers = option.integer(1, 10000),
  max_body = option.integer(0, math.maxinteger),
  header_timeout = duration,
  body_timeout = duration,
  idle_timeout = duration,
  write_timeout = duration,
  compress = option.boolean,
  access_log = log_option,
  backlog = option.count,
  reuse_port = option.boolean,
  fd = option.integer(0, 0x7fffffff),
}

server.run_options = { grace = option.seconds, ready = function(value)
  return type(value) ~= "function" and ("(function expected, got %s)"):format(type(value))
end }
for name, kind in pairs(server.options) do
  server.run_options[name] = kind
end

local function has_workers(opts)
  return (opts.workers or 1) > 1
end

--- What is wrong with options that are right one by one, or nil.
function server.problem_of(app, opts)
  if opts.tls ~= nil and opts.tls ~= false and not net_options.serve.tls then
    return "option 'tls' is not in this build"
  end
  return has_workers(opts) and require("neap.http.workers").problem(app, opts) or nil
end

server.DEFAULT_PORT = 8080
server.MAX_CONNECTIONS = 10000
local MAX_BODY = 16 * 1024 * 1024
-- Connections beyond the limit that may be told so at a time.
local MAX_REFUSED = 64
-- Seconds and bytes for what a client still sends after the last answer.
local LINGER_TIME, LINGER_BYTES = 2, 4 * 1024 * 1024

-- ---- the end of a connection ----------------------------------------------------

local function drop_input(stream)
  local dropped = 0
  while dropped < LINGER_BYTES do
    local data = stream:read(65536)
    if not data then
      return
    end
    dropped = dropped + #data
  end
end

--- Ends our direction, and drops what comes for a while.
local function linger(conn, stream)
  conn:close()
  if stream:closed() or not stream:shutdown() then
    return
  end
  local ok, err = pcall(core.timeout, LINGER_TIME, drop_input, stream)
  if not ok and errors.code(err) ~= "TIMEOUT" then
    error(err, 0)
  end
end

--- Reads what a handler left of a body; false if that cannot be done.
local function finish_body(conn)
  while conn:body_left() ~= 0 do
    local piece, err = conn:read_body()
    if not piece then
      return err == nil or type(err) == "string"
    end
  end
  return true
end

-- ---- requests ------------------------------------------------------------------

local TEXT = "text/plain; charset=utf-8"
local SHORT, send_short = answer.SHORT, answer.send_short

--- What is left to do when a request has been answered, or could not be: whether
--- the connection can go on, and whether it ends only when the client does.
local function finish_request(link, sent, err)
  local req, cleanup = link.req, link.cleanup
  link.req = nil
  if cleanup then
    link.cleanup = nil
    cleanup()
  end
  if not sent then
    if err then
      link.conn:stream():abort()
    end
    return false, false
  elseif req._length ~= 0 and not finish_body(link.conn) then
    return false, true
  end
  return true
end

--- Answers requests one after another, until the connection is over or
--- something is raised. What may be simple is kept simple here: without a log a
--- short text is sent at once. Returns what the connection still owes the
--- client: the status and text of a refusal, and whether to wait for its end.
local function serve_requests(self, link)
  local conn, app, handle, log = link.conn, self._app, self._handle, self._log
  local read_head, new_request = conn.read_head, request.new
  while true do
    local method, path, query, head, length, flags = read_head(conn)
    if not method then
      return path, query, path ~= nil -- or a status and why
    elseif method == "CONNECT" then
      conn:last()
      return 501, "CONNECT is not supported", true
    end
    local req = new_request(link, method, path, query, head, length, flags)
    link.req = req
    local result = handle(app, req)
    local kind, done, sent, err = type(result), false, nil, nil
    if kind == "string" and #result < SHORT and not log then
      done, sent, err = true, conn:respond(200, TEXT, result)
    elseif kind == "table" and not log then
      done, sent, err = send_short(conn, result)
      result = sent
    end
    if not done then
      sent, err = answer.send(req, true, result)
    end
    if not sent or length ~= 0 or link.cleanup then
      local on, lingers = finish_request(link, sent, err)
      if not on then
        return nil, nil, lingers
      end
    end
    link.req = nil
  end
end

--- Answers a request whose handler raised. What is raised between requests is
--- no handler's.
local function answer_failure(link, failure)
  if not link.req then
    error(failure.error, 0)
  end
  return finish_request(link, answer.send(link.req, false, failure))
end

local function refuse(self, conn, status, text)
  conn:respond(status, TEXT, ("%d %s: %s\n"):format(status, http1.reason(status), text))
  if self._log then
    self._log(nil, conn:stream(), status)
  end
end

--- The requests of a connection, until it is over or idle: what a handler raises
--- is answered, and the next request is read. Returns the WebSocket that it
--- became.
local function serve_http(self, connection)
  local conn <close> = connection
  local link = { server = self, conn = conn, req = nil, cleanup = nil }
  while true do
    local ended, status, text, lingers = xpcall(serve_requests, answer.on_error, self, link)
    if not ended then
      local on
      on, lingers = answer_failure(link, status)
      ended, status = not on, nil
    end
    if ended and status then
      refuse(self, conn, status, text)
    end
    if ended and lingers then
      linger(conn, conn:stream())
    end
    if ended then
      return link.socket
    end
  end
end

--- The task of a connection. While that is idle nothing of it is kept: it begins
--- here anew for the next request.
local function serve_connection(self, conn)
  repeat
    local socket = serve_http(self, conn)
    if socket then
      return answer.talk(socket) -- nothing of the request is left on the stack
    end
  until not conn:rest(self._again)
end

local function refuse_connection(self, connection, stream)
  local conn <close> = connection
  conn:last()
  refuse(self, conn, 503, "too many connections")
  linger(conn, stream)
end

--- A connection that the server has accepted.
local function begin_connection(self, stream)
  local conn = self._group:accept(stream, true)
  if self._net:connections() > self._max_connections then
    return refuse_connection(self, conn, stream)
  end
  return serve_connection(self, conn)
end

-- ---- the server -----------------------------------------------------------------

---@class neap.http.Server
---@field package _net neap.Server
---@field package _group table  the connections
---@field package _sockets table<table, true>  WebSockets, open ones among them
local Server = { __name = "HttpServer" }
Server.__index = Server

--- Where it listens.
---@return neap.Address
function Server:address()
  return self._net:address()
end

--- How many connections are open.
---@return integer
function Server:connections()
  return self._net:connections()
end

--- Waits until it is closed.
---@async
function Server:serve_forever()
  return self._net:serve_forever()
end

--- Waits until it is closed and the last connection has ended.
---@async
function Server:wait_closed()
  return self._net:wait_closed()
end

local GOING_AWAY = 1001

--- Stops accepting, closes idle connections, and lets the others finish the
--- request that they are at; WebSockets are told 1001. What is left after
--- `grace` seconds, if given, is cancelled.
---@param grace number?
function Server:close(grace)
  if grace ~= nil then
    grace = args.number("close", 1, grace, 1)
  end
  if not self._group:draining() then
    self._group:drain()
    for ws in pairs(self._sockets) do
      core.spawn(ws.close, ws, GOING_AWAY, "the server is closing")
    end
  end
  self._net:close(grace)
end

function Server:__close()
  self:close()
end

function Server:__tostring()
  return "Http" .. tostring(self._net)
end

local limit_names = {
  "max_header_size", "max_headers", "header_timeout", "body_timeout", "idle_timeout", "write_timeout",
}

local function pick(opts, names)
  local picked = {}
  for _, name in ipairs(names) do
    picked[name] = opts[name]
  end
  return picked
end

--- A server that has no port yet.
local function make(app, opts)
  local self
  self = setmetatable({
    _app = app,
    _handle = app._handle,
    _group = http1.group(pick(opts, limit_names)),
    _max_body = opts.max_body or MAX_BODY,
    _max_connections = opts.max_connections or server.MAX_CONNECTIONS,
    _compress = opts.compress ~= false,
    _log = opts.access_log and require("neap.http.log").new(opts.access_log) or nil,
    _sockets = setmetatable({}, { __mode = "k" }),
    _again = function(conn)
      return serve_connection(self, conn)
    end,
  }, Server)
  return self
end

--- Serves an app.
---@async
---@param app neap.http.App
---@param opts neap.http.ServeOptions  checked
---@return neap.http.Server? server
---@return neap.Error? err
function server.new(app, opts)
  if has_workers(opts) then
    return require("neap.http.workers").serve(app, opts)
  end
  local self = make(app, opts)
  local net_opts = pick(opts, { "backlog", "reuse_port", "fd" })
  if opts.tls then
    net_opts.tls = opts.tls
  end
  net_opts.max_connections = self._max_connections + MAX_REFUSED
  local err
  self._net, err = net.serve(opts.host, opts.port or server.DEFAULT_PORT, function(stream)
    return begin_connection(self, stream)
  end, net_opts)
  if not self._net then
    return nil, err
  end
  return self
end

--- Serves an app on one stream until that ends.
---@async
---@param app neap.http.App
---@param stream neap.Stream
---@param opts neap.http.ServeOptions?
function server.serve_stream(app, stream, opts)
  local open <close> = stream
  local self = make(app, args.options("serve_stream", 3, opts, server.options))
  serve_connection(self, self._group:accept(open))
end

local DEFAULT_GRACE = 10

--- Serves an app until SIGINT or SIGTERM. The program is asked to end then: what
--- goes on beside its main task does not keep it.
---@async
function server.run(app, opts)
  local signal = require("neap.signal")
  local self, err = server.new(app, opts)
  if not self then
    return nil, err
  end
  local running <close> = self
  local signals <close> = assert(signal.stream("INT", "TERM"))
  if opts.ready then
    opts.ready(running)
  end
  signals()
  core.end_with_main()
  running:close(opts.grace or DEFAULT_GRACE)
  local impatient = core.spawn(function()
    signals()
    running:close(0)
  end)
  running:wait_closed()
  impatient:cancel()
  return true
end

return server
