--- Sending what a handler returned, or answering what it raised.
---
--- Each kind of body has a function that sends it, `send_KIND(context, res)`,
--- and returns whether the connection can go on, or an error too if sending has
--- failed. All of them write through the
--- connection, which frames the body, and leaves it out for HEAD.
local combine = require("neap.combine")
local core = require("neap.core")
local errors = require("neap.errors")
local headers = require("neap.http.headers")
local http1 = require("neap.proto.http1")
local request = require("neap.http.request")
local response = require("neap.http.response")

local answer = {}

-- Shorter texts are not worth compressing.
answer.SHORT = 1024

local TYPES = {
  text = "text/plain; charset=utf-8",
  html = "text/html; charset=utf-8",
  json = "application/json",
  body = "application/octet-stream",
  stream = "application/octet-stream",
  events = "text/event-stream",
}

-- ---- fields ------------------------------------------------------------------

-- What the connection writes itself.
local framing = { ["content-length"] = true, ["transfer-encoding"] = true, ["content-type"] = true }

--- The Content-Type and the other fields as a list of names and values. What
--- frames the body is left out, and "Connection: close" is obeyed.
---@param fields neap.http.Headers|table?
---@param kind string?  the Content-Type, if the fields do not say it
local function wire_fields(conn, fields, kind)
  local list, n = {}, 0
  local names, keys, values = headers.lists(fields)
  for i = 1, #keys do
    local key = keys[i]
    if key == "content-type" then
      kind = values[i]
    elseif key == "connection" then
      if values[i]:lower():find("close", 1, true) then
        conn:last()
      end
    elseif not framing[key] then
      list[n + 1], list[n + 2] = names[i], values[i]
      n = n + 2
    end
  end
  return kind, list
end

answer.wire_fields = wire_fields

local function flat(fields)
  local list = {}
  for name, value in pairs(headers.new(fields)) do
    list[#list + 1] = name
    list[#list + 1] = value
  end
  return list
end

-- ---- bodies ------------------------------------------------------------------

--- A text that is there as a whole, compressed if that is wanted.
local function send_text(context, res, text, default_type)
  local conn = context.conn
  local kind, list = wire_fields(conn, res.headers, res.type or default_type)
  if context.server._compress and text and #text >= answer.SHORT then
    text = require("neap.http.compress").text(context.req, res, kind, list, text)
  end
  context.sent = text and #text or 0
  return conn:respond(res.status, kind, text, list)
end

--- Begins an answer in pieces: nil if it cannot be sent, false if it has no body.
--- Pieces of an unknown length may be compressed by `context.packer`.
local function begin(context, res, default_type, length)
  local kind, list = wire_fields(context.conn, res.headers, res.type or default_type)
  if context.server._compress and not length then
    context.packer = require("neap.http.compress").stream(context.req, res, kind, list)
  end
  return context.conn:begin(res.status, kind, length, list)
end

local function trailers_of(res)
  local trailers = res.trailers
  if type(trailers) == "function" then
    trailers = trailers()
  end
  return trailers and flat(trailers) or nil
end

--- Sends bytes as a part of the body. Where it is compressed, `flush` is as for
--- a compressor; "sync" holds nothing back. Once sending fails it fails for
--- good, and `context.failure` is why.
local function write_part(context, data, flush)
  local packer = context.packer
  if packer then
    data = assert(packer:push(data, flush))
  end
  context.sent = context.sent + #data
  local ok, err = context.conn:write(data)
  context.failure = err
  return ok, err
end

answer.write_part = write_part

--- A function that writes data as a part of the body.
local function writer(context)
  return function(data)
    if context.failure then
      return nil, context.failure
    end
    if type(data) ~= "string" and type(data) ~= "number" then
      error("bad argument #1 to 'write' (string expected, got " .. type(data) .. ")", 2)
    end
    return write_part(context, tostring(data), "sync")
  end
end

--- Ends a body that was written piece by piece.
local function finish(context, trailers)
  if context.packer and not context.failure then
    write_part(context, "", "finish")
  end
  if context.failure then
    return false, context.failure
  end
  return context.conn:finish(trailers)
end

local function send_stream(context, res)
  local length = math.tointeger(tonumber(res.headers:get("content-length")))
  local has_body, err = begin(context, res, TYPES.stream, length)
  if has_body then
    res.stream(writer(context))
  elseif err then
    return false, err
  end
  return finish(context, trailers_of(res))
end

--- The text of an event. Line ends in data begin a new line of data; a field
--- cannot hold one.
local function event_text(event)
  if type(event) == "string" then
    event = { data = event }
  elseif type(event) ~= "table" then
    error("bad argument #1 to 'send' (string or table expected, got " .. type(event) .. ")", 3)
  end
  local lines = {}
  for _, name in ipairs({ "event", "id", "retry" }) do
    local value = event[name]
    if value ~= nil then
      if tostring(value):find("[\r\n%z]") then
        error(("bad argument #1 to 'send' (field '%s' has a line end)"):format(name), 3)
      end
      lines[#lines + 1] = ("%s: %s\n"):format(name, value)
    end
  end
  if event.data ~= nil then
    local data = tostring(event.data):gsub("\r\n", "\n"):gsub("\r", "\n")
    lines[#lines + 1] = "data: " .. data:gsub("\n", "\ndata: ") .. "\n"
  end
  lines[#lines + 1] = "\n"
  return table.concat(lines)
end

local function send_events(context, res)
  if not res.headers:get("cache-control") then
    res.headers:set("Cache-Control", "no-cache")
  end
  local has_body, err = begin(context, res, TYPES.events)
  if has_body then
    local write = writer(context)
    res.events(function(event)
      return write(event_text(event))
    end)
  elseif err then
    return false, err
  end
  return finish(context)
end

local no_options = {} -- one table: what is made of it is kept

--- What is said of a request whose handler fails.
local function failure_of(req)
  return ("request %s: %s %s failed"):format(req.id, req.method, req.path)
end

local function send_websocket(context, res)
  local conn, req = context.conn, context.req
  local stream, ws = conn:stream(), res.websocket
  local upgrade = (req.headers:get("upgrade") or ""):lower() -- the handshake looks closer
  if not request.upgrades(req) or not upgrade:find("websocket", 1, true) then
    res.headers:set("Upgrade", "websocket")
    conn:last()
    return send_text(context, res, "426 Upgrade Required\n", TYPES.text)
  end
  local ok, websocket = pcall(require, "neap.websocket")
  if not ok then
    res.status = 501
    return send_text(context, res, "501 Not Implemented\n", TYPES.text)
  end
  conn:detach()
  context.sent = 0
  local open, status = websocket.upgrade(req, stream, ws.opts or no_options)
  res.status = status or 101
  if open then
    context.server._sockets[open] = true
    req._link.socket = { open, ws.fn, failure_of(req), req }
  end
  return false
end

local codec -- JSON's, once it is needed

local function encode(value)
  codec = codec or require("neap.http.json")
  return codec.encode(value)
end

local function send_response(context, res)
  if res.cookies then
    require("neap.http.cookies").add(res.headers, res.cookies)
  end
  if res.websocket then
    return send_websocket(context, res)
  elseif res.stream then
    return send_stream(context, res)
  elseif res.events then
    return send_events(context, res)
  elseif res.file then
    return require("neap.http.file").send(context, res)
  elseif res.json ~= nil then
    return send_text(context, res, encode(res.json), TYPES.json)
  end
  local kind = res.text ~= nil and "text" or res.html ~= nil and "html" or res.body ~= nil and "body"
  if kind then
    local text = res[kind]
    return send_text(context, res, type(text) == "string" and text or tostring(text), TYPES[kind])
  end
  return send_text(context, res, nil, nil)
end

-- ---- short ones --------------------------------------------------------------

--- The text, type, fields and status of what most handlers return; nil for what
--- is more than that, and for what is no response.
local function parts_of(value)
  local text, kind, own_kind, fields, status = nil, nil, nil, nil, 200
  for key, item in next, value do
    if key == "status" then
      status = item
    elseif key == "headers" then
      fields = item
    elseif key == "type" then
      own_kind = item
    elseif text then
      return nil
    elseif key == "json" then
      text, kind = encode(item), TYPES.json
    elseif (key == "text" or key == "html" or key == "body") and type(item) == "string" then
      text, kind = item, TYPES[key]
    else
      return nil
    end
  end
  if status ~= 200 and not response.is_status(status) then
    return nil
  end
  return text, own_kind or kind, fields, status
end

--- Sends a table or Response that is but a short text of some kind: true, and
--- whether the connection can go on, or else an error. For any other one false,
--- and what to give to `answer.send`.
---@param value table
---@return boolean done
---@return any sent
---@return neap.Error? err
function answer.send_short(conn, value)
  local text, kind, fields, status = parts_of(value)
  if not text then
    return false, value
  elseif #text >= answer.SHORT then
    return false, { body = text, type = kind, headers = fields, status = status }
  end
  if type(fields) == "table" and #fields == 0 then -- names and texts, or no Headers
    local sent, err = conn:respond(status, kind, text, not headers.is(fields) and fields or nil)
    if sent ~= false then
      return true, sent, err
    end
  end
  local list
  if fields ~= nil then
    kind, list = wire_fields(conn, fields, kind)
  end
  return true, conn:respond(status, kind, text, list)
end

-- ---- failures ----------------------------------------------------------------

--- The error itself: the `assert` of test frameworks wraps what it raises.
local function unwrap(err)
  local inside = type(err) == "table" and errors.code(err) == nil and rawget(err, "message")
  return inside and errors.code(inside) and inside or err
end

--- The status for what a handler raised, if that is the client's fault.
local function client_status(req, err)
  local code = errors.code(err)
  if code and err == req._body then -- what reading the body gave
    return math.tointeger(err.status) or 400
  end
  if code == "HTTP" or code == "LIMIT" or code == "TIMEOUT" then
    local status = math.tointeger(err.status)
    return status and status >= 400 and status or code == "HTTP" and 400 or code == "LIMIT" and 413
  end
  return nil
end

local function report(message, failure)
  core.report({
    message = message,
    error = failure.error,
    traceback = failure.traceback,
    handler = true,
  })
end

--- Answers a request whose handler raised. Nothing of the error is shown.
local function send_failure(context, failure)
  local conn, req = context.conn, context.req
  local err = unwrap(failure.error)
  local status = client_status(req, err)
  if errors.is_cancelled(err) then
    local cleanup = req._link.cleanup
    if cleanup then
      combine.shield(cleanup)
    end
    core.checkwait() -- raises if it is this task that was cancelled
  end
  if context.failure and err == context.failure then
    return false, err -- the client is gone, and the handler gave up
  elseif not status then
    report(failure_of(req), failure)
  end
  if conn:answered() then
    conn:stream():abort()
    return false
  elseif status then
    context.status = status
    local text = ("%d %s: %s\n"):format(status, http1.reason(status), err.message)
    return conn:respond(status, TYPES.text, text)
  end
  context.status = 500
  local text = ("500 Internal Server Error\nRequest: %s\n"):format(req.id)
  return conn:respond(500, TYPES.text, text, { "X-Request-Id", req.id })
end

-- ---- sending -----------------------------------------------------------------

local traceback = debug and debug.traceback or tostring

--- What was raised, with its traceback: for `xpcall`.
local function on_error(err)
  return { error = err, traceback = traceback("", 2) }
end

answer.on_error = on_error

local function send_result(context, result)
  local res = response.new(result)
  context.status = res.status
  local sent, err = send_response(context, res)
  context.status = res.status
  return sent, err
end

--- Sends the answer to a request: `result` is what the app returned, or, unless
--- `ok`, what it raised: `{ error =, traceback = }`. Whether the connection can go on, or else an error if
--- sending has failed.
---@async
function answer.send(req, ok, result)
  local link = req._link
  local server = link.server
  local context = { server = server, req = req, conn = link.conn, status = 500, sent = 0 }
  local sent, err
  if ok then
    ok, sent, err = xpcall(send_result, on_error, context, result)
    result = sent
  end
  if not ok then
    sent, err = send_failure(context, result)
  end
  if context.packer then
    context.packer:close()
  end
  if server._log then
    server._log(req, link.conn:stream(), context.status, context.sent)
  end
  return sent, err
end

--- Lets the handler of a WebSocket talk, until it ends: `socket` is the list of
--- the WebSocket, the handler, what to say if that fails, and the request. This
--- holds the request no longer than the handler does.
---@async
---@param socket table
function answer.talk(socket)
  local ws = socket[1]
  local ok, failure = xpcall(socket[2], on_error, ws, table.remove(socket))
  local err = not ok and unwrap(failure.error)
  local _, raised = require("neap.websocket").leave(ws, ok, err)
  if raised and errors.is_cancelled(err) then
    core.checkwait() -- raises if it is this task that was cancelled
  end
  if raised then
    report(socket[3], failure)
  end
end

return answer
