--- Sessions of the HTTP client: connections, cookies and defaults that requests
--- share. Any number of tasks use one at a time; requests beyond its limits wait
--- in the order in which they came.
local args = require("neap.args")
local core = require("neap.core")
local curl = require("neap.proto.curl")
local errors = require("neap.errors")
local headers = require("neap.http.headers")
local names = require("neap.http.names")
local options = require("neap.http.client_options")
local retry = require("neap.http.retry")
local target = require("neap.http.target")
local upload = require("neap.http.upload")

local session = {}

---@class neap.http.Session
---@field get async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
---@field post async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
---@field put async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
---@field delete async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
---@field patch async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
---@field head async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
---@field options async fun(self, url: string, opts?: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
local Session = { __name = "Session" }
Session.__index = Session

local CONNECTIONS = 100
local NO_LIMIT = (1 << 32) - 1
local MAX_TARGETS = 256

-- Methods whose requests have a length even without a body.
local WITH_BODY = { POST = true, PUT = true, PATCH = true }

-- ---- fields ---------------------------------------------------------------------

local function default_fields(opts)
  local fields = headers.new(opts.headers)
  if not fields:get("user-agent") then
    fields:set("User-Agent", "neap/" .. require("neap").version)
  end
  if opts.compress ~= false and not fields:get("accept-encoding") then
    fields:set("Accept-Encoding", "gzip, deflate")
  end
  return fields
end

--- A field as libcurl takes it: "name;" is one without a value, "Expect:" none
--- at all.
local function line_of(name, value)
  if value ~= "" then
    return name .. ": " .. value
  end
  return name:lower() == "expect" and "Expect:" or name .. ";"
end

--- Fields as lines, without those that libcurl decides: how the body is framed,
--- and Cookie, which it joins with those that servers have set.
---@return { lines: string[], keys: string[], has: table<string, true>, length: string?, cookie: string? }
local function header_of(fields)
  local header = { lines = {}, keys = {}, has = {} }
  for name, value in pairs(fields) do
    local key = name:lower()
    if key == "content-length" then
      header.length = header.length or value
    elseif key == "cookie" then
      header.cookie = header.cookie or value
    elseif key ~= "transfer-encoding" then
      local n = #header.lines + 1
      header.lines[n], header.keys[n] = line_of(name, value), key
    end
    header.has[key] = true
  end
  return header
end

--- Adds what a request needs and neither it nor its session says.
local function add_needed(self, lines, own, opts, source)
  local has, common = own.has, self._header.has
  local bearer = opts.bearer or self._opts.bearer
  if bearer and not has.authorization and not common.authorization then
    lines[#lines + 1] = "Authorization: Bearer " .. bearer
  end
  if source and source.type and not has["content-type"] and not common["content-type"] then
    lines[#lines + 1] = "Content-Type: " .. source.type
  end
  if not has.expect and not common.expect then
    lines[#lines + 1] = "Expect:" -- no round trip before the body
  end
end

local no_header = header_of(headers.new())

--- The header of a request with fields or a body of its own: those of the
--- session but for the ones that it has itself, then its own.
local function own_fields(self, opts, source)
  local common, own = self._header, opts.headers and header_of(headers.new(opts.headers)) or no_header
  local length = own.length or common.length
  if source and source.open and length and not source.length then
    source.length = math.tointeger(tonumber(length))
  end
  local plain = opts.compress == false and not self._own_encoding
  local lines = {}
  for i, key in ipairs(common.keys) do
    if not own.has[key] and not (plain and key == "accept-encoding") then
      lines[#lines + 1] = common.lines[i]
    end
  end
  table.move(own.lines, 1, #own.lines, #lines + 1, lines)
  add_needed(self, lines, own, opts, source)
  return lines, own.cookie or common.cookie
end

--- The lines of a header, and the value of its Cookie field.
local function fields_of(self, opts, source)
  if not source and not opts.headers and not opts.bearer and opts.compress == nil and not self._opts.bearer then
    return self._header.lines, self._header.cookie
  end
  return own_fields(self, opts, source)
end

-- ---- plans -----------------------------------------------------------------------

--- Parsed URLs are kept: programs ask for the same ones again and again.
local function target_of(self, text, query)
  local known = not query and self._targets[text]
  if known then
    return known
  end
  local where, err = target.parse(text, query, self._opts.base_url)
  if where and not query then
    if self._ntargets >= MAX_TARGETS then
      self._targets, self._ntargets = {}, 0
    end
    self._targets[text] = where
    self._ntargets = self._ntargets + 1
  end
  return where, err
end

local function cookie_text(field, ...)
  local parts = { field }
  for _, cookies in ipairs({ ... }) do
    local list = {}
    for name, value in pairs(cookies) do
      list[#list + 1] = name .. "=" .. tostring(value)
    end
    table.sort(list)
    table.move(list, 1, #list, #parts + 1, parts)
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

--- What is sent besides the cookies of the session.
local function cookie_of(self, opts, field)
  local own, common = opts.cookies, self._opts.cookies
  if own == false or not own and not common then
    return field
  end
  return cookie_text(field, common or {}, own or {})
end

local none = {}

--- What is to be done for a request to a target; nil and an error if it cannot
--- be.
local function plan_of(self, method, where, given)
  local opts = given or none
  local source, err = upload.source(opts)
  if err then
    return nil, err
  elseif not source and WITH_BODY[method] then
    source = { data = "" }
  end
  local all = given and setmetatable({}, self._defaults) or self._opts
  for name, value in pairs(opts) do
    all[name] = value
  end
  if all.progress and source and source.data and source.data ~= "" then
    source = upload.in_pieces(source)
  end
  local fields, cookie = fields_of(self, opts, source)
  return {
    session = self,
    method = method,
    target = where,
    opts = all,
    fields = fields,
    cookie = cookie_of(self, opts, cookie),
    source = source,
    deadline = all.timeout and core.now() + all.timeout or nil,
    same_origin = true,
    common = false,
  }
end

--- Whether a request is like others with its method and URL: it has no options,
--- or a timeout alone.
local function is_common(opts)
  local first = next(opts)
  return first == nil or first == "timeout" and next(opts, first) == nil
end

--- The plan of such a request, which is made once.
local function common_plan(self, method, where, timeout)
  local plan = where.plans[method]
  if not plan then
    local err
    plan, err = plan_of(self, method, where, nil)
    if not plan then
      return nil, err
    end
    plan.deadline = nil
    plan.common = not plan.source and { number = 0, ends = -math.huge }
    where.plans[method], plan.meta = plan, { __index = plan }
  end
  timeout = timeout or self._opts.timeout
  return timeout and setmetatable({ deadline = core.now() + timeout }, plan.meta) or plan
end

local function make_plan(self, method, text, opts)
  local where, err = target_of(self, text, opts and opts.query)
  if not where then
    return nil, err
  elseif not opts or is_common(opts) then
    return common_plan(self, method, where, opts and opts.timeout)
  end
  return plan_of(self, method, where, opts)
end

local function check_open(self)
  if self._closed then
    error(errors.new("CLOSED", "the session is closed"), 3)
  end
end

--- Checked arguments in, response out.
---@async
function session.run(self, method, text, opts)
  core.checkwait()
  check_open(self)
  local plan, err = make_plan(self, method, text, opts)
  if not plan then
    return nil, err
  end
  return retry.run(plan)
end

-- ---- the class ---------------------------------------------------------------------

local function verb(name)
  local method = name:upper()
  Session[name] = function(self, ...)
    local text, opts = ...
    if type(text) ~= "string" or opts ~= nil then
      text = args.string(name, 1, text, select("#", ...))
      if opts ~= nil then
        args.options(name, 2, opts, options.request)
      end
      local problem = opts and options.conflict(opts)
      if problem then
        args.fail(name, 2, problem)
      end
    end
    return session.run(self, method, text, opts)
  end
end
for _, name in ipairs({ "get", "post", "put", "delete", "patch", "head", "options" }) do
  verb(name)
end

--- The method, the URL and the rest of a request in one table.
function session.split(opts)
  local rest = {}
  for name, value in pairs(opts) do
    rest[name] = value
  end
  rest.method, rest.url = nil, nil
  return (opts.method or "GET"):upper(), opts.url, rest
end

--- Sends the request that a table describes.
---@async
---@overload async fun(self, request: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
function Session:request(...)
  local opts = ...
  args.table("request", 1, opts, select("#", ...))
  args.options("request", 1, opts, options.whole)
  local problem = not opts.url and "the option 'url' is missing" or options.conflict(opts)
  if problem then
    args.fail("request", 1, problem)
  end
  return session.run(self, session.split(opts))
end

--- Opens a WebSocket, with the session's base URL, fields, credentials, cookies,
--- TLS and timeout. It goes through no proxy.
---@async
---@overload async fun(self, url: string, opts?: neap.WebSocketConnectOptions): neap.WebSocket?, neap.Error?
function Session:websocket(...)
  local text, opts = ...
  text = args.string("websocket", 1, text, select("#", ...))
  check_open(self)
  return require("neap.http.session_websocket").connect(self, text, opts)
end

--- The cookies that servers have set.
---@return table[] cookies  { name =, value =, domain =, path =, secure =, expires = }
function Session:cookies()
  check_open(self)
  local list = {}
  for _, line in ipairs(self._pool:cookies()) do
    local cookie = require("neap.http.session_websocket").cookie_of(line)
    cookie.subdomains = nil
    list[#list + 1] = cookie
  end
  return list
end

--- Forgets the cookies that servers have set.
function Session:clear_cookies()
  check_open(self)
  self._pool:set_cookie("ALL")
end

--- Ends its requests and connections: whoever waits for one gets `CLOSED`.
function Session:close()
  self._closed = true
  self._pool:close()
end

Session.__close = Session.close

function Session:__tostring()
  return self._closed and "Session: closed" or "Session: open"
end

--- A session of checked options.
---@return neap.http.Session
function session.make(opts)
  local most = opts.max_connections or CONNECTIONS
  return setmetatable({
    _opts = opts,
    _defaults = { __index = opts },
    _header = header_of(default_fields(opts)),
    _own_encoding = opts.headers and headers.new(opts.headers):get("accept-encoding") ~= nil,
    _pool = curl.pool(most, opts.max_per_host or NO_LIMIT, opts.max_idle or most),
    _names = names.new(),
    _targets = {},
    _ntargets = 0,
    _plans = 0, -- how many have a number
    _closed = false,
  }, Session)
end

--- A session: its requests share connections, cookies and these defaults.
---@overload fun(opts?: neap.http.SessionOptions): neap.http.Session
function session.new(...)
  local given = args.options("session", 1, (...), options.session)
  local opts = {}
  for name, value in pairs(given) do
    opts[name] = value
  end
  return session.make(opts)
end

return session
