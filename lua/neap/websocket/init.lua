--- WebSockets (RFC 6455): the server's end, which takes over a connection from
--- an HTTP server, and the client's.
local args = require("neap.args")
local connection = require("neap.websocket.connection")
local core = require("neap.core")
local errors = require("neap.errors")
local handshake = require("neap.websocket.handshake")
local net = require("neap.net")
local options = require("neap.websocket.options")
local proto = require("neap.proto.ws")
local url = require("neap.http.url")

local websocket = {}

local function open(stream, link_options, agreement)
  local ws = connection.new(stream, link_options, agreement.pack)
  ws.subprotocol, ws.extensions = agreement.subprotocol, agreement.extensions
  return ws
end

-- ---- the server ----------------------------------------------------------------

--- Answers a request for a WebSocket: opens it if it is one that can be granted,
--- and refuses it otherwise.
---@async
---@param req { method: string, version: string, headers: neap.http.Headers }
---@param stream neap.Stream
---@param opts neap.WebSocketAcceptOptions  checked
---@return neap.WebSocket? ws
---@return integer? status  of the answer
---@return neap.Error? err  what broke the connection
function websocket.upgrade(req, stream, opts)
  local answer, agreement, status = handshake.answer(req, opts)
  local ok, err = stream:write(answer)
  if not ok then
    return nil, nil, err
  elseif not agreement then
    return nil, status
  end
  local ws = open(stream, options.of_server(opts), agreement)
  if opts.on_open then
    opts.on_open(ws)
  end
  return ws, status
end

--- Ends the connection as the handler ended, and waits until it is gone; the
--- stream belongs to the reader until then. Gives what broke it, and whether
--- what the handler raised is another error.
---@async
---@param ws neap.WebSocket
---@param ok boolean
---@param err any  what the handler raised
---@return neap.Error? failure
---@return boolean raised
function websocket.leave(ws, ok, err)
  if ok then
    ws:close()
  else
    ws:close(errors.is_cancelled(err) and 1001 or 1011)
  end
  core.shield(ws.wait_closed, ws)
  local failure = connection.failure(ws)
  return failure, not ok and (failure == nil or err ~= failure)
end

--- Answers a request for a WebSocket: runs `fn(ws, req)` if it is one that can
--- be granted, and refuses it otherwise. The connection is closed when the
--- handler ends: with 1000, with 1011 if it raises, with 1001 if it is
--- cancelled. What it raises is raised here too, unless it is what broke the
--- connection: that is no fault of the program. Nothing else may read or write
--- the stream from then on. The options are those at the first call with them.
---@async
---@param req { method: string, version: string, headers: neap.http.Headers }
---@param stream neap.Stream  the head of the request was read from it, no more
---@param fn async fun(ws: neap.WebSocket, req: table)
---@param opts? neap.WebSocketAcceptOptions
---@return integer? status  of the answer: 101 if it was granted
---@return neap.Error? err  what broke the connection
function websocket.accept(req, stream, fn, opts)
  args.callable("accept", 3, fn, 3)
  opts = args.options("accept", 4, opts, options.accept)
  local ws, status, err = websocket.upgrade(req, stream, opts)
  if not ws then
    return status, err
  end
  local ok, failure, raised
  ok, err = pcall(fn, ws, req)
  failure, raised = websocket.leave(ws, ok, err)
  if raised then
    error(err, 0)
  end
  return status, failure
end

-- ---- the client ----------------------------------------------------------------

local is_secure = { http = false, ws = false, https = true, wss = true }

local function host_field(parts)
  local host = parts.host:find(":", 1, true) and "[" .. parts.host .. "]" or parts.host
  return parts.port and ("%s:%d"):format(host, parts.port) or host
end

--- Where a URL leads, or nil and what is wrong with it.
local function target_of(text)
  local parts, err = url.parse(text)
  if not parts then
    return nil, err
  end
  local secure = is_secure[parts.scheme]
  if secure == nil then
    local why = ("websocket %s: the scheme is none of ws, wss, http and https"):format(text)
    return nil, errors.new("HTTP", why)
  end
  return {
    text = text,
    secure = secure,
    address = parts.host,
    port = parts.port or url.default_ports[parts.scheme],
    host = host_field(parts),
    path = parts.path .. (parts.query and "?" .. parts.query or ""),
    authorization = parts.userinfo and "Basic " .. proto.base64(url.decode(parts.userinfo)),
  }
end

local function dial(target, opts)
  if not target.secure then
    return net.connect(target.address, target.port)
  elseif not package.preload["neap.tls"] then
    return nil, errors.new("TLS", ("websocket %s: this neap was built without TLS"):format(target.text))
  end
  return net.connect(target.address, target.port, { tls = opts.tls or true })
end

--- What a stream ends with unless it is taken out of this.
local Guard = {
  __close = function(guard)
    if guard.stream then
      guard.stream:abort()
    end
  end,
}

local MAX_INTERIM = 16

--- The head of the answer, behind interim ones.
local function read_answer(stream)
  for _ = 0, MAX_INTERIM do
    local head, err = stream:readuntil("\r\n\r\n")
    if not head or not handshake.is_interim(head) then
      return head, err
    end
  end
  return nil, errors.new("LIMIT", ("more than %d interim ones"):format(MAX_INTERIM))
end

local function ended_early(target, err)
  if err and err.code == "LIMIT" then
    return nil, errors.new("LIMIT", ("websocket %s: the head of the answer: %s"):format(target.text, err.message))
  elseif err and err.code ~= "EOF" then
    return nil, err
  end
  return nil, errors.new("HTTP", ("websocket %s: the connection ended in the handshake"):format(target.text))
end

--- Connects without looking at `timeout`.
local function connect(target, opts)
  local stream, err = dial(target, opts)
  if not stream then
    return nil, err
  end
  local guard <close> = setmetatable({ stream = stream }, Guard)
  local key = proto.new_key()
  local ok, head, agreement
  ok, err = stream:write(handshake.request(target, opts, key))
  if not ok then
    return nil, err
  end
  head, err = read_answer(stream)
  if not head then
    return ended_early(target, err)
  end
  agreement, err = handshake.check(head, opts, key, target.text)
  if not agreement then
    return nil, err
  end
  guard.stream = nil
  local ws = open(stream, options.of_link(opts, true), agreement)
  ws.headers = agreement.headers
  return ws
end

local TIMEOUT = 30

--- Opens a WebSocket. A server that refuses is an error with the code `HTTP`
--- and its `status` and `headers`.
---@async
---@overload async fun(url: string, opts?: neap.WebSocketConnectOptions): neap.WebSocket?, neap.Error?
function websocket.connect(...)
  local text, opts = ...
  text = args.string("websocket", 1, text, select("#", ...))
  opts = args.options("websocket", 2, opts, options.connect)
  core.checkwait()
  local target, err = target_of(text)
  if not target then
    return nil, err
  end
  local ok, ws
  ok, ws, err = pcall(core.timeout, opts.timeout or TIMEOUT, connect, target, opts)
  if ok then
    return ws, err
  elseif errors.code(ws) ~= "TIMEOUT" then
    error(ws, 0)
  end
  return nil, errors.new("TIMEOUT", ("websocket %s: timed out"):format(text), { op = "connect" })
end

return websocket
