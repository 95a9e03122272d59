--- What a handler sees of a request. Fields that cost something to make are made
--- when they are first looked at, from the bytes of the head, which the
--- connection has checked. Handlers and middleware may keep values of their own
--- in a request.
local args = require("neap.args")
local body = require("neap.http.body")
local headers = require("neap.http.headers")
local router = require("neap.http.router")
local url = require("neap.http.url")

local request = {}

---@class neap.http.Request
---@field method string
---@field path string  decoded
---@field raw_path string  as it was sent
---@field query table<string, string|string[]>
---@field query_string string  "" without one
---@field headers neap.http.Headers
---@field params table<string, string>  of the route
---@field peer neap.Address
---@field version string  "1.1"
---@field cookies table<string, string>
---@field host string  of the target or the field Host, with its port
---@field id string  names the request in the log; X-Request-Id where it is a plain word
---@field trailers neap.http.Headers  behind a chunked body that was read to its end
---@field app_state table?  for the program
local Request = { __name = "Request" }
local methods = {}

-- The bits of the flags that a head comes with; see http1.c.
local FLAG_HTTP10, FLAG_UPGRADE, FLAG_ENCODED, FLAG_ABSOLUTE = 1, 2, 4, 8

-- ---- fields made on first use --------------------------------------------------

local make = {}

function make.headers(self)
  local fields = headers.of_head(self._head)
  if self._flags & FLAG_ABSOLUTE ~= 0 then
    -- the target's authority is what counts
    fields:set("Host", self._head:match("^%S+ %a+://([^/?%s]*)"))
  end
  return fields
end

function make.query(self)
  return url.parse_query(self.query_string)
end

function make.query_string()
  return ""
end

function make.params()
  return {}
end

function make.peer(self)
  return self._link.conn:stream():peername() or {}
end

function make.version(self)
  return self._flags & FLAG_HTTP10 ~= 0 and "1.0" or "1.1"
end

function make.host(self)
  return self.headers:get("host") or ""
end

local function unquote(value)
  return value:match('^"(.*)"$') or value
end

--- The first of cookies with one name is the most specific one.
function make.cookies(self)
  local cookies = {}
  for _, field in ipairs(self.headers:get_all("cookie")) do
    for pair in field:gmatch("[^;]+") do
      local name, value = pair:match("^%s*([^=%s]+)%s*=%s*(.-)%s*$")
      if name and cookies[name] == nil then
        cookies[name] = unquote(value)
      end
    end
  end
  return cookies
end

function make.raw_path(self)
  return self.path
end

local MAX_ID = 64

function make.id(self)
  local given = self.headers:get("x-request-id")
  if given and #given <= MAX_ID and given:find("^[%w._-]+$") then
    return given
  end
  local bytes = require("neap.core").random_bytes(8)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

function make.trailers(self)
  local text = self._trailer
  return text and headers.of_head(text) or headers.new()
end

-- ---- the body ----------------------------------------------------------------

--- The whole body.
---@async
---@param self neap.http.Request
---@return string? text
---@return neap.Error? err  LIMIT for too large a one; HTTP for an invalid one
function methods.text(self)
  return body.text(self)
end

--- The value of a body of JSON; `null` of lua-cjson stands for null.
---@async
---@param self neap.http.Request
---@return any value
---@return neap.Error? err
function methods.json(self)
  local text, err = body.text(self)
  if not text then
    return nil, err
  end
  return require("neap.http.json").decode(text)
end

--- The fields of a form, urlencoded or multipart. A repeated field is a list, an
--- uploaded file `{ filename =, type =, size =, path = }`, whose file is removed
--- after the request.
---@async
---@param self neap.http.Request
---@return table<string, any>? fields
---@return neap.Error? err
function methods.form(self)
  return require("neap.http.forms").read(self)
end

--- Gives the body piece by piece as it comes; raises what is wrong with it.
---@param self neap.http.Request
---@return async fun(): string?
function methods.chunks(self)
  return body.chunks(self)
end

--- Whether it asks for this media type: "text/html", "text/*".
---@param self neap.http.Request
---@param kind string
---@return boolean
function methods.is(self, kind)
  if type(kind) ~= "string" then
    args.refuse("is", 1, kind, 1, "string")
  end
  local own = (self.headers:get("content-type") or ""):match("^%s*([^;%s]*)"):lower()
  local family = kind:match("^(.*/)%*$")
  return own == kind:lower() or family ~= nil and own:sub(1, #family) == family:lower()
end

-- ---- making ------------------------------------------------------------------

function Request.__index(self, name)
  local method = methods[name]
  if method then
    return method
  end
  local maker = make[name]
  if not maker then
    return nil
  end
  local value = maker(self)
  rawset(self, name, value)
  return value
end

function Request.__tostring(self)
  return ("Request (%s %s)"):format(self.method, self.path)
end

---@class neap.http.Link  what the requests of a connection share
---@field server neap.http.Server
---@field conn table  reads bodies and writes answers, whatever the wire
---@field req neap.http.Request?  the one that is being answered
---@field cleanup function?  what to do after that
---@field socket table?  the WebSocket that the connection became: see `answer.talk`

--- A request of what a connection has read.
---@param link neap.http.Link
function request.new(link, method, path, query, head, length, flags)
  local self = setmetatable({
    method = method,
    path = path,
    query_string = query ~= "" and query or nil, -- what is looked at first has its place
    _route = path, -- where the routes look; a zero byte is an encoded slash
    _link = link,
    _head = head,
    _length = length,
    _flags = flags,
  }, Request)
  if flags & FLAG_ENCODED ~= 0 then
    self.raw_path = path
    self._route = router.matched_path(path)
    self.path = router.visible_path(self._route)
  end
  return self
end

--- Whether it asks for another protocol on this connection.
function request.upgrades(self)
  return self._flags & FLAG_UPGRADE ~= 0
end

return request
