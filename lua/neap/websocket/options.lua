--- The options of both ends of a WebSocket: name to kind.
local args = require("neap.args")
local tls_options = require("neap.tls_options")

local option = args.option

---@class neap.WebSocketOptions
---@field max_message? integer  bytes of the longest message to receive, 1 MiB by default
---@field max_frame? integer  bytes of the longest frame, as `max_message` by default
---@field max_queue? integer  messages that wait to be received, 16 by default
---@field ping_interval? number|false  seconds of silence before a ping, 20 by default; see `link.written` too
---@field ping_timeout? number  seconds to wait for its answer, 20 by default
---@field close_timeout? number  seconds that closing may take, 5 by default
---@field compress? boolean  permessage-deflate, true by default
---@field subprotocols? string[]  in the order of preference
---@field headers? table  more fields for the handshake

---@class neap.WebSocketAcceptOptions: neap.WebSocketOptions
---@field origins? string[]  of pages that may connect; any by default
---@field on_open? fun(ws: neap.WebSocket)  called before the handler

---@class neap.WebSocketConnectOptions: neap.WebSocketOptions
---@field timeout? number  seconds for connecting and the handshake, 30 by default
---@field tls? table|userdata|true  for wss
---@field origin? string

local options = {}

local MIB = 1024 * 1024

local TOKEN = "^[%w!#$%%&'*+%-.^_`|~]+$"

--- A list of texts that match a pattern.
local function list_of(pattern, what)
  return function(value)
    if type(value) ~= "table" then
      return ("(table expected, got %s)"):format(type(value))
    end
    for i = 1, #value do
      if type(value[i]) ~= "string" or not value[i]:match(pattern) then
        return ("has no %s at index %d"):format(what, i)
      end
    end
    return false
  end
end

local function interval(value)
  if value == false then
    return false
  end
  return option.seconds(value) or value <= 0 and "must be more than 0"
end

local function callable(value)
  return type(value) ~= "function" and ("(function expected, got %s)"):format(type(value))
end

local function line(value)
  if type(value) ~= "string" then
    return ("(string expected, got %s)"):format(type(value))
  end
  return value:find("[%c\x7f]") and "has a control character"
end

local function is_value(value)
  return (type(value) == "string" or type(value) == "number") and not tostring(value):find("[\r\n\0]")
end

--- Fields that the handshake sets itself.
local function is_reserved(name)
  name = name:lower()
  return name == "upgrade" or name == "connection" or name:find("^sec%-websocket%-") ~= nil
end

local function field_problem(name, value)
  if type(name) ~= "string" or not name:match(TOKEN) then
    return ("has the invalid name '%s'"):format(tostring(name))
  elseif is_reserved(name) then
    return ("has '%s', which the handshake sets"):format(name)
  end
  for _, one in ipairs(type(value) == "table" and value or { value }) do
    if not is_value(one) then
      return ("has an invalid value for '%s'"):format(name)
    end
  end
end

--- What http.headers takes.
local function fields(value)
  if type(value) ~= "table" then
    return ("(table expected, got %s)"):format(type(value))
  end
  for name, one in pairs(value) do
    if type(name) == "number" and type(one) == "table" then
      name, one = one[1], one[2]
    end
    local problem = field_problem(name, one)
    if problem then
      return problem
    end
  end
  return false
end

local function extended(more)
  local kinds = {
    max_message = option.count,
    max_frame = option.count,
    max_queue = option.count,
    ping_interval = interval,
    ping_timeout = option.seconds,
    close_timeout = option.seconds,
    compress = option.boolean,
    subprotocols = list_of(TOKEN, "token"),
    headers = fields,
  }
  for name, kind in pairs(more) do
    kinds[name] = kind
  end
  return kinds
end

options.accept = extended({ origins = list_of("^%S+$", "origin"), on_open = callable })
options.connect = extended({ timeout = option.seconds, tls = tls_options.tls, origin = line })

--- What a link takes.
---@return neap.websocket.LinkOptions
function options.of_link(given, client)
  local max_message = given.max_message or MIB
  local ping_interval = given.ping_interval
  if ping_interval == nil then
    ping_interval = 20
  end
  return {
    client = client,
    max_message = max_message,
    max_frame = given.max_frame or max_message,
    max_queue = given.max_queue or 16,
    ping_interval = ping_interval,
    ping_timeout = given.ping_timeout or 20,
    close_timeout = given.close_timeout or 5,
  }
end

local cached = setmetatable({}, { __mode = "k" })

--- The same for a server, which has one table of options for all connections of
--- a route: made once.
---@return neap.websocket.LinkOptions
function options.of_server(given)
  local made = cached[given]
  if not made then
    made = options.of_link(given, false)
    cached[given] = made
  end
  return made
end

return options
