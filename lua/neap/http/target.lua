--- Where a request goes: an http or https URL in its parts.
local errors = require("neap.errors")
local url = require("neap.http.url")

local target = {}

---@class neap.http.Target
---@field text string  the URL without user, password and fragment
---@field scheme "http"|"https"
---@field secure boolean
---@field host string
---@field port integer
---@field origin string  scheme, host and port
---@field shown string  "host:port", for messages
---@field shown_host string  as a Host field has it
---@field user string?
---@field password string?
---@field plans table  those that requests to it have in common, by method
---@field environment_proxy neap.http.Proxy|false|nil  once it is known

local SCHEMES = { http = false, https = true }

local function bad(text, why)
  local shown = #text > 200 and text:sub(1, 200) .. "..." or text
  return nil, errors.new("HTTP", ("bad URL '%s': %s"):format(shown, why))
end

local function add_query(query, more)
  if more == nil or more == "" then
    return query
  end
  local text = type(more) == "table" and url.build_query(more) or more
  if text:find("[%c\x7f ]") then
    return nil, "the query has a space or a control character"
  end
  return query and query ~= "" and query .. "&" .. text or text
end

--- The target of a URL; `base` is what a relative one is joined to.
---@param text string
---@param query? table|string  to add
---@param base? string
---@return neap.http.Target?
---@return neap.Error? err
function target.parse(text, query, base)
  if base and not text:find("^%a[%w+.-]*:") then
    text = url.join(base, text)
  end
  local parts, err = url.parse(text)
  if not parts then
    return nil, err
  end
  local secure = SCHEMES[parts.scheme]
  if secure == nil then
    return bad(text, "its scheme is neither http nor https")
  end
  local full, why = add_query(parts.query, query)
  if why then
    return bad(text, why)
  end
  local port = parts.port or url.default_ports[parts.scheme]
  local host = parts.host:find(":", 1, true) and "[" .. parts.host .. "]" or parts.host
  local shown_host = parts.port and host .. ":" .. port or host
  local user, password
  if parts.userinfo then
    user, password = parts.userinfo:match("^([^:]*):?(.*)$")
  end
  return {
    text = ("%s://%s%s%s"):format(parts.scheme, shown_host, parts.path, full and "?" .. full or ""),
    scheme = parts.scheme,
    secure = secure,
    host = parts.host,
    port = port,
    origin = ("%s://%s:%d"):format(parts.scheme, host, port),
    shown = host .. ":" .. port,
    shown_host = shown_host,
    plans = {},
    user = user and url.decode(user),
    password = password and url.decode(password),
  }
end

return target
