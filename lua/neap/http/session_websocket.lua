--- What a WebSocket takes from the session that it is opened by: the base of
--- relative URLs, fields, credentials, cookies, TLS, the timeout.
local args = require("neap.args")
local headers = require("neap.http.headers")
local url = require("neap.http.url")

local session_websocket = {}

local NETSCAPE = { "domain", "subdomains", "path", "secure", "expires", "name", "value" }

--- A cookie of its line in Netscape's format.
---@param line string
---@return table  { name =, value =, domain =, subdomains =, path =, secure =, expires = }
function session_websocket.cookie_of(line)
  local cookie, i = {}, 0
  for field in (line .. "\t"):gmatch("([^\t]*)\t") do
    i = i + 1
    cookie[NETSCAPE[i] or i] = field
  end
  cookie.domain = cookie.domain:gsub("^#HttpOnly_", ""):gsub("^%.", "")
  cookie.secure, cookie.subdomains = cookie.secure == "TRUE", cookie.subdomains == "TRUE"
  cookie.expires = cookie.expires ~= "0" and tonumber(cookie.expires) or nil
  return cookie
end

local function is_below(path, of)
  return path:sub(1, #of) == of and (of:sub(-1) == "/" or #path == #of or path:sub(#of + 1, #of + 1) == "/")
end

--- Whether a cookie goes to a server (RFC 6265, 5.4).
local function belongs(cookie, parts)
  local domain, host = cookie.domain:lower(), parts.host
  local same = host == domain or cookie.subdomains and host:sub(-#domain - 1) == "." .. domain
  return same and is_below(parts.path, cookie.path)
    and (not cookie.secure or parts.scheme == "wss" or parts.scheme == "https")
    and (not cookie.expires or cookie.expires > os.time())
end

--- The value of the Cookie field, or nil.
local function cookies_for(session, parts, field)
  local opts, list = session._opts, { field }
  for _, line in ipairs(opts.cookies ~= false and session._pool:cookies() or {}) do
    local cookie = session_websocket.cookie_of(line)
    if belongs(cookie, parts) then
      list[#list + 1] = cookie.name .. "=" .. cookie.value
    end
  end
  local own = {}
  for name, value in pairs(opts.cookies or {}) do
    own[#own + 1] = name .. "=" .. tostring(value)
  end
  table.sort(own)
  table.move(own, 1, #own, #list + 1, list)
  return #list > 0 and table.concat(list, "; ") or nil
end

local function authorization(opts)
  local auth = opts.auth
  if opts.bearer then
    return "Bearer " .. opts.bearer
  elseif not auth then
    return nil
  end
  local text = type(auth) == "string" and auth
    or (auth.user or auth[1]) .. ":" .. (auth.password or auth[2] or "")
  return "Basic " .. require("neap.proto.ws").base64(text)
end

--- The fields of the session with those of the call in their place.
local function fields_for(session, parts, given)
  local fields = headers.new(session._opts.headers)
  local own = headers.new(given)
  for name in pairs(own) do
    fields:set(name, own:get_all(name))
  end
  if not fields:get("authorization") and not parts.userinfo then
    fields:set("Authorization", authorization(session._opts))
  end
  fields:set("Cookie", cookies_for(session, parts, fields:get("cookie")))
  return fields
end

--- Opens one; see websocket.connect.
---@async
---@param session neap.http.Session
---@param text string
---@param opts? table
---@return neap.WebSocket?
---@return neap.Error? err
function session_websocket.connect(session, text, opts)
  opts = args.options("websocket", 2, opts, require("neap.websocket.options").connect)
  local base = session._opts.base_url
  if base and not text:find("^%a[%w+.-]*:") then
    text = url.join(base, text)
  end
  local all = { tls = session._opts.tls, timeout = session._opts.timeout }
  for name, value in pairs(opts) do
    all[name] = value
  end
  local parts = url.parse(text)
  if parts then
    all.headers = fields_for(session, parts, opts.headers)
  end
  return require("neap.websocket").connect(text, all)
end

return session_websocket
