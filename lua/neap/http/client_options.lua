--- The options of requests and of sessions: name to kind.
local args = require("neap.args")
local tls_options = require("neap.tls_options")

local option = args.option

---@class neap.http.RequestOptions
---@field headers? table  fields, as http.headers takes them
---@field query? table|string  added to the URL's
---@field body? string|string[]|fun(): string?|neap.Stream|neap.File  a function gives piece after piece, then nil
---@field json? any  sent as JSON
---@field form? table  sent urlencoded
---@field multipart? table  name to text, `{ filename=, type=, path= | body= }`, or a list of such
---@field timeout? number  seconds for all of it, the body included
---@field connect_timeout? number  seconds, 30 by default: name, connection and TLS
---@field first_byte_timeout? number  seconds until the head of the answer
---@field idle_timeout? number  seconds in which nothing comes or goes, 120 by default
---@field redirects? integer  how many are followed, 10 by default
---@field tls? neap.Tls
---@field proxy? string|false  a URL; false: none; by default that of the environment
---@field auth? string|table  "user:password", { user, password } or { user=, password= }
---@field bearer? string  a token
---@field cookies? table<string, string>|false  to send besides those of the session; false: none are sent or kept
---@field compress? boolean  whether to take a compressed answer, true by default
---@field max_body? integer  bytes that text() and json() take, 1 GiB by default
---@field max_growth? integer  how many times its compressed size a body may have, 200 by default; 16 MiB it may always
---@field max_header_size? integer  bytes, 256 KiB by default
---@field progress? fun(bytes: integer, total: integer?, kind: "received"|"sent")
---@field retry? integer|neap.http.RetryOptions  how many times to try again where that is safe
---@field version? "1.1"|"2"  "1.1" offers nothing else; "2" without TLS speaks it at once
---@field family? "ipv4"|"ipv6"
---@field bind? string  a local address

---@class neap.http.RetryOptions
---@field attempts? integer  tries in all, 3 by default
---@field delay? number  seconds before the second try, 0.25 by default; it doubles
---@field max_delay? number  seconds, 30 by default
---@field statuses? integer[]  answers after which to try again; 429, 502, 503 and 504 by default

---@class neap.http.SessionOptions: neap.http.RequestOptions
---@field base_url? string  what relative URLs are joined to
---@field max_connections? integer  requests that run at once, 100 by default
---@field max_per_host? integer  of them to one server; no limit by default
---@field max_idle? integer  connections that are kept, as max_connections by default

local client_options = {}

local TOKEN = "^[%w!#$%%&'*+%-.^_`|~]+$"

local function mismatch(expected, value)
  return ("(%s expected, got %s)"):format(expected, type(value))
end

local function any()
  return false
end

local function is_value(value)
  return type(value) == "number" or type(value) == "string" and not value:find("[\r\n\0]")
end

local function field_problem(name, value)
  if type(name) ~= "string" or not name:find(TOKEN) then
    return ("has the invalid name '%s'"):format(tostring(name))
  elseif type(value) ~= "table" then
    return not is_value(value) and ("has an invalid value for '%s'"):format(name) or nil
  end
  for _, one in ipairs(value) do
    if not is_value(one) then
      return ("has an invalid value for '%s'"):format(name)
    end
  end
end

local function fields(value)
  if type(value) ~= "table" then
    return mismatch("table", value)
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

local function text(value)
  if type(value) ~= "string" then
    return mismatch("string", value)
  end
  return value:find("[%c\x7f]") and "has a control character"
end

local function table_of(value)
  return type(value) ~= "table" and mismatch("table", value)
end

local function text_or_table(value)
  return type(value) ~= "string" and table_of(value) and mismatch("string or table", value)
end

local function body(value)
  local kind = type(value)
  local fine = kind == "string" or kind == "number" or kind == "function" or kind == "table" or kind == "userdata"
  return not fine and mismatch("string, list, function or stream", value)
end

local function proxy(value)
  return value ~= false and text(value)
end

local function auth(value)
  if type(value) == "string" then
    return text(value) or not value:find(":", 1, true) and "has no ':' between user and password"
  elseif type(value) ~= "table" then
    return mismatch("string or table", value)
  end
  return (type(value.user or value[1]) ~= "string" or text(value.user or value[1])) and "has no user"
end

local function cookies(value)
  if value == false then
    return false
  elseif type(value) ~= "table" then
    return mismatch("table or false", value)
  end
  for name, one in pairs(value) do
    if type(name) ~= "string" or not name:match(TOKEN) then
      return ("has the invalid name '%s'"):format(tostring(name))
    elseif tostring(one):find("[%c\x7f;]") then
      return ("has an invalid value for '%s'"):format(name)
    end
  end
  return false
end

local function callable(value)
  return type(value) ~= "function" and mismatch("function", value)
end

local retry_kinds = {
  attempts = option.count,
  delay = option.seconds,
  max_delay = option.seconds,
  statuses = table_of,
}

local function retry(value)
  if math.type(value) == "integer" then
    return value < 0 and "out of range (at least 0)"
  elseif type(value) ~= "table" then
    return mismatch("integer or table", value)
  end
  for name, one in pairs(value) do
    if not retry_kinds[name] then
      return ("has the unknown option '%s'"):format(tostring(name))
    end
    local problem = retry_kinds[name](one)
    if problem then
      return ("has the option '%s' %s"):format(name, problem)
    end
  end
  return false
end

--- Of each request, and as defaults of a session.
local common = {
  headers = fields,
  timeout = option.seconds,
  connect_timeout = option.seconds,
  first_byte_timeout = option.seconds,
  idle_timeout = option.seconds,
  redirects = option.integer(0, 1000),
  tls = tls_options.tls,
  proxy = proxy,
  auth = auth,
  bearer = text,
  cookies = cookies,
  compress = option.boolean,
  max_body = option.integer(0, math.maxinteger - 1),
  max_growth = option.count,
  max_header_size = option.integer(64, 1 << 30),
  progress = callable,
  retry = retry,
  version = option.one_of({ ["1.1"] = true, ["2"] = true }),
  family = option.one_of({ ipv4 = true, ipv6 = true }),
  bind = text,
}

local function extended(more)
  for name, kind in pairs(common) do
    more[name] = kind
  end
  return more
end

client_options.session = extended({
  base_url = text,
  max_connections = option.count,
  max_per_host = option.count,
  max_idle = option.count,
})

client_options.request = extended({
  query = text_or_table,
  body = body,
  json = any,
  form = table_of,
  multipart = table_of,
})

--- Of http.request, which takes all in one table.
client_options.whole = {
  method = function(value)
    return type(value) ~= "string" and mismatch("string", value)
      or not value:match(TOKEN) and "is no method"
  end,
  url = function(value) return type(value) ~= "string" and mismatch("string", value) end,
}
for name, kind in pairs(client_options.request) do
  client_options.whole[name] = kind
end

local bodies = { "body", "json", "form", "multipart" }

--- What is wrong with the options of a request as a whole, or nil.
---@return string?
function client_options.conflict(opts)
  local first
  for i = 1, #bodies do
    local name = bodies[i]
    if opts[name] ~= nil then
      if first then
        return ("a request has one body, not '%s' and '%s'"):format(first, name)
      end
      first = name
    end
  end
  return nil
end

return client_options
