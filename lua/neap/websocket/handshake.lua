--- The opening handshake (RFC 6455, section 4): what a server answers to a
--- request, what a client asks for and accepts as the answer. Texts and values;
--- nothing here waits.
local errors = require("neap.errors")
local headers = require("neap.http.headers")
local packing = require("neap.websocket.packing")
local proto = require("neap.proto.ws")

local handshake = {}

local VERSION = "13"

--- The values of a field in one text, as if it had been sent in one line.
local function joined(fields, name)
  local values = fields:get_all(name)
  return #values > 0 and table.concat(values, ", ") or nil
end

--- Whether a list of tokens has this one, in any case.
local function has_token(text, token)
  for one in (text or ""):gmatch("[^,]+") do
    if one:match("^%s*(.-)%s*$"):lower() == token then
      return true
    end
  end
  return false
end

local function tokens(text)
  local found = {}
  for one in (text or ""):gmatch("[^,]+") do
    one = one:match("^%s*(.-)%s*$")
    if one ~= "" then
      found[one] = true
    end
  end
  return found
end

-- ---- the server ----------------------------------------------------------------

local reasons = {
  [400] = "Bad Request", [403] = "Forbidden", [405] = "Method Not Allowed",
  [426] = "Upgrade Required",
}

--- The answer that refuses.
---@param status integer
---@param why string  one sentence for people
local function refusal(status, why)
  local text = why .. "\n"
  return table.concat({
    ("HTTP/1.1 %d %s"):format(status, reasons[status]),
    "Content-Type: text/plain; charset=utf-8",
    "Content-Length: " .. #text,
    "Sec-WebSocket-Version: " .. VERSION,
    status == 426 and "Upgrade: websocket\r\nConnection: Upgrade, close" or "Connection: close",
    status == 405 and "Allow: GET\r\n" or "",
    text,
  }, "\r\n")
end

--- A key is 16 bytes in base64.
local function is_key(key)
  return key ~= nil and #key == 24 and key:match("^[%w+/]+==$") ~= nil
end

--- Whether bytes follow the head that are no frames.
local function has_body(fields)
  return fields:get("transfer-encoding") ~= nil or (joined(fields, "content-length") or "0") ~= "0"
end

--- What is wrong with a request: the status and a sentence, or nil.
local function problem_of(req, options)
  local fields = req.headers
  if req.method ~= "GET" then
    return 405, "A WebSocket is opened with GET."
  elseif req.version == "1.0" or not has_token(joined(fields, "upgrade"), "websocket")
    or not has_token(joined(fields, "connection"), "upgrade") then
    return 426, "This is a WebSocket: the request has to ask for an upgrade to it."
  elseif has_body(fields) then
    return 400, "A request for a WebSocket has no body."
  elseif joined(fields, "sec-websocket-version") ~= VERSION then
    return 426, "The version of WebSocket has to be 13."
  elseif #fields:get_all("sec-websocket-key") ~= 1 or not is_key(fields:get("sec-websocket-key")) then
    return 400, "Sec-WebSocket-Key has to be 16 bytes in base64, once."
  end
  local origin = fields:get("origin")
  if options.origins and origin and not tokens(table.concat(options.origins, ","))[origin] then
    return 403, "Pages of this origin may not open the WebSocket."
  end
end

--- The first of ours that the client knows.
local function choose_protocol(ours, offered)
  local theirs = tokens(offered)
  for _, name in ipairs(ours or {}) do
    if theirs[name] then
      return name
    end
  end
end

---@class neap.websocket.Agreement
---@field subprotocol string?
---@field extensions string?
---@field pack neap.websocket.PackOptions?

--- The answer to a request, and what was agreed on, or nil and the status if it
--- was refused.
---@param req { method: string, version: string, headers: neap.http.Headers }
---@param options { subprotocols: string[]?, origins: string[]?, compress: boolean?, headers: table? }
---@return string answer
---@return neap.websocket.Agreement? agreement
---@return integer status
function handshake.answer(req, options)
  local status, why = problem_of(req, options)
  if status then
    return refusal(status, why), nil, status
  end
  local fields = req.headers
  local agreement = { subprotocol = choose_protocol(options.subprotocols, joined(fields, "sec-websocket-protocol")) }
  local lines = {
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: " .. proto.accept_key(fields:get("sec-websocket-key")),
  }
  if agreement.subprotocol then
    lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. agreement.subprotocol
  end
  local offered = joined(fields, "sec-websocket-extensions")
  if offered and options.compress ~= false then
    agreement.pack, agreement.extensions = packing.accept(offered)
    if agreement.pack then
      lines[#lines + 1] = "Sec-WebSocket-Extensions: " .. agreement.extensions
    end
  end
  for name, value in pairs(headers.new(options.headers)) do
    lines[#lines + 1] = name .. ": " .. value
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n", agreement, 101
end

-- ---- the client ----------------------------------------------------------------

--- The bytes of a request.
---@param target { host: string, path: string, authorization: string? }
---@param options { subprotocols: string[]?, origin: string?, compress: boolean?, headers: table? }
---@param key string
function handshake.request(target, options, key)
  local fields = headers.new(options.headers)
  local lines = {
    ("GET %s HTTP/1.1"):format(target.path),
    "Host: " .. (fields:get("host") or target.host),
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: " .. key,
    "Sec-WebSocket-Version: " .. VERSION,
  }
  if options.subprotocols and #options.subprotocols > 0 then
    lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. table.concat(options.subprotocols, ", ")
  end
  if options.compress ~= false then
    lines[#lines + 1] = "Sec-WebSocket-Extensions: " .. packing.OFFER
  end
  if options.origin then
    lines[#lines + 1] = "Origin: " .. options.origin
  end
  if target.authorization and not fields:get("authorization") then
    lines[#lines + 1] = "Authorization: " .. target.authorization
  end
  fields:remove("host")
  for name, value in pairs(fields) do
    lines[#lines + 1] = name .. ": " .. value
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local NAME = "^([%w!#$%%&'*+%-.^_`|~]+):[ \t]*(.-)[ \t]*$"

--- Status, reason and fields of the head of a response, or nil.
local function parse_head(head)
  local status, reason, rest = head:match("^HTTP/1%.[01] (%d%d%d) ?([^\r\n]*)\r\n(.*)\r\n$")
  if not status then
    return nil
  end
  local fields = headers.new()
  for line in rest:gmatch("(.-)\r\n") do
    local name, value = line:match(NAME)
    if not name or value:find("[\r\n\0]") then
      return nil
    end
    fields:add(name, value)
  end
  return math.tointeger(tonumber(status)), reason, fields
end

--- Whether a head is of an interim answer: another one follows it.
---@param head string
function handshake.is_interim(head)
  return head:match("^HTTP/1%.1 1%d%d[ \r]") ~= nil and not head:match("^HTTP/1%.1 101")
end

--- What is wrong with an answer of status 101, or nil.
local function answer_problem(fields, options, key)
  local subprotocol = joined(fields, "sec-websocket-protocol")
  local asked = tokens(table.concat(options.subprotocols or {}, ","))
  if not has_token(joined(fields, "upgrade"), "websocket")
    or not has_token(joined(fields, "connection"), "upgrade") then
    return "the server upgrades to something else"
  elseif joined(fields, "sec-websocket-accept") ~= proto.accept_key(key) then
    return "the server's Sec-WebSocket-Accept does not belong to our key"
  elseif subprotocol and not asked[subprotocol] then
    return ("the server chose the subprotocol '%s', which was not offered"):format(subprotocol)
  end
end

local function failed(what, why, fields)
  return nil, errors.new("HTTP", ("websocket %s: %s"):format(what, why), fields)
end

--- What a server has agreed to, or nil and why not.
---@param head string  of its response, with the empty line
---@param what string  the URL, for messages
---@return neap.websocket.Agreement?
---@return neap.Error? err  with `status` and `headers` if it answered with HTTP
function handshake.check(head, options, key, what)
  local status, reason, fields = parse_head(head)
  if not status then
    return failed(what, "the answer is not HTTP")
  elseif status ~= 101 then
    return failed(what, ("refused with %d %s"):format(status, reason), { status = status, headers = fields })
  end
  local problem = answer_problem(fields, options, key)
  local agreement = { subprotocol = fields:get("sec-websocket-protocol"), headers = fields }
  local extensions = joined(fields, "sec-websocket-extensions")
  if extensions and not problem then
    if options.compress == false then
      problem = ("the server answered with the extensions '%s'"):format(extensions)
    else
      agreement.extensions = extensions
      agreement.pack, problem = packing.agreed(extensions)
    end
  end
  if problem then
    return failed(what, problem, { status = status, headers = fields })
  end
  return agreement
end

return handshake
