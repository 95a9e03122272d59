--- What handlers return, as one kind of value: a Response. `http.response` makes
--- one of a string, nil or a table, so that middleware can look at what a
--- handler returned, and change it.
local args = require("neap.args")
local headers = require("neap.http.headers")

local response = {}

---@class neap.http.Response
---@field status integer?  200 by default
---@field headers neap.http.Headers|table|nil  a value may be a list
---@field text string?  text/plain
---@field html string?  text/html
---@field json any  a value for JSON
---@field body string?  bytes; application/octet-stream unless the headers say otherwise
---@field file string?  the path of a file
---@field stream async fun(write: async fun(data: string): true?, neap.Error?)?  the body, piece by piece
---@field events async fun(send: async fun(event: string|table): true?, neap.Error?)?  server-sent events
---@field trailers table?  fields behind a stream, or a function that returns them
---@field type string?  the Content-Type, if the headers do not say it
---@field cookies table<string, string|neap.http.Cookie|false>?  to be set; false removes one
local Response = { __name = "Response" }

function Response:__tostring()
  return ("Response (%s)"):format(self.status)
end

local bodies = { "text", "html", "json", "body", "file", "stream", "events" }

-- What a response may have: 1 for its body, 0 for anything else.
local fields = {
  status = 0, headers = 0, trailers = 0, type = 0, cookies = 0, filename = 0, max_age = 0, websocket = 0,
  _fetched = 0,
}
for _, key in ipairs(bodies) do
  fields[key] = 1
end

--- Whether it is a status that a handler may give.
---@return boolean
function response.is_status(value)
  return math.type(value) == "integer" and value >= 200 and value <= 999
end

--- What is wrong with the table of a response.
local function problem_of(value)
  for key in pairs(value) do
    if not fields[key] then
      return ("a response has no field '%s'"):format(tostring(key))
    end
  end
  if not response.is_status(value.status or 200) then
    return "the status of a response is an integer from 200 to 999"
  end
  local found = {}
  for _, key in ipairs(bodies) do
    found[#found + 1] = value[key] ~= nil and key or nil
  end
  return ("a response has one body, not '%s' and '%s'"):format(found[1], found[2])
end

--- The table of a response as a Response; nil if something is wrong with it.
local function copy_of(value)
  local self, count = { status = 200, headers = nil, text = nil, json = nil }, 0 -- room for what most have
  for key, item in next, value do
    local is_body = fields[key]
    if not is_body then
      return nil
    end
    count = count + is_body
    self[key] = item
  end
  local fine = count <= 1 and (self.status == 200 or response.is_status(self.status))
  return fine and setmetatable(self, Response) or nil
end

--- A Response of what a handler may return. Raises what is no response.
---@overload fun(value: neap.http.Response|table|string|nil): neap.http.Response
function response.new(...)
  local value = ...
  if getmetatable(value) == Response then
    return value
  end
  local kind = type(value)
  if kind == "string" then
    return setmetatable({ status = 200, headers = headers.new(), text = value }, Response)
  elseif value == nil then
    return setmetatable({ status = 204, headers = headers.new() }, Response)
  elseif kind ~= "table" then
    args.refuse("response", 1, value, 1, "string, table or nil")
  end
  local self = copy_of(value)
  if not self then
    args.fail("response", 1, problem_of(value))
  end
  local given = self.headers
  if not headers.is(given) then
    self.headers = headers.new(given)
  end
  return self
end

--- A file that has been fetched.
---@param fetched neap.http.Fetched
---@param max_age integer?
---@return neap.http.Response
function response.of_file(fetched, max_age)
  return setmetatable({
    status = 200,
    headers = headers.new(),
    file = fetched.path,
    max_age = max_age,
    _fetched = fetched,
  }, Response)
end

--- A redirect to a URL.
---@overload fun(url: string, status?: integer): neap.http.Response
function response.redirect(...)
  local url, status = ...
  url = args.string("redirect", 1, url, select("#", ...))
  status = args.optional_integer("redirect", 2, status, 300, 302)
  if status > 399 then
    args.fail("redirect", 2, "out of range (300 to 399)")
  end
  return response.new({
    status = status,
    headers = { Location = (url:gsub("[%c \x80-\xff]", function(byte)
      return ("%%%02X"):format(byte:byte())
    end)) },
    text = "",
  })
end

--- A plain answer with a status and its name.
---@param status integer
---@param text string?  instead of the name
---@return neap.http.Response
function response.plain(status, text, fields_of)
  local self = response.new({ status = status, headers = fields_of })
  self.text = text or ("%d %s\n"):format(status, require("neap.proto.http1").reason(status))
  return self
end

return response
