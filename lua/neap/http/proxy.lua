--- Which proxy a request takes: that of an option, or that of the environment
--- (http_proxy, https_proxy, all_proxy, and no_proxy for exceptions).
local errors = require("neap.errors")
local url = require("neap.http.url")

local proxy = {}

--- Port by scheme; socks5 and socks4 resolve names themselves.
local SCHEMES = { http = 80, https = 443, socks4 = 1080, socks4a = 1080, socks5 = 1080, socks5h = 1080 }
local LOCAL_NAMES = { socks4 = true, socks5 = true }

---@class neap.http.Proxy
---@field url string  without user and password
---@field host string
---@field port integer
---@field user string?
---@field password string?
---@field resolves boolean  whether it resolves the names of servers

--- A proxy of its URL; "host:port" is one of HTTP.
---@param text string
---@return neap.http.Proxy?
---@return neap.Error? err
function proxy.parse(text)
  local full = text:find("://", 1, true) and text or "http://" .. text
  local parts = url.parse(full)
  if not parts then
    return nil, errors.new("HTTP", ("bad proxy URL '%s'"):format(text))
  elseif not SCHEMES[parts.scheme] then
    return nil, errors.new("HTTP", ("bad proxy URL '%s': the scheme is none of http, https, socks4, socks4a, socks5"
      .. " and socks5h"):format(text))
  end
  local user, password = (parts.userinfo or ""):match("^([^:]*):?(.*)$")
  local host = parts.host:find(":", 1, true) and "[" .. parts.host .. "]" or parts.host
  local port = parts.port or SCHEMES[parts.scheme]
  return {
    url = ("%s://%s:%d"):format(parts.scheme, host, port),
    host = parts.host,
    port = port,
    user = parts.userinfo and url.decode(user),
    password = parts.userinfo and url.decode(password),
    resolves = not LOCAL_NAMES[parts.scheme],
  }
end

--- Whether an entry of no_proxy ("example.com", ".example.com", "host:port")
--- means a server; a domain means those below it, too.
local function matches(entry, host, port)
  local name, number = entry:match("^%[?(.-)%]?:(%d+)$")
  if name and not name:find(":", 1, true) then
    if tonumber(number) ~= port then
      return false
    end
    entry = name
  end
  entry = entry:lower():gsub("^%*?%.", ""):gsub("^%[(.*)%]$", "%1")
  return host == entry or #host > #entry and host:sub(-#entry - 1) == "." .. entry
end

local function is_excepted(list, host, port)
  for entry in list:gmatch("[^,%s]+") do
    if entry == "*" or matches(entry, host, port) then
      return true
    end
  end
  return false
end

local getenv = os.getenv

local function from_environment(...)
  if not getenv then
    return nil
  end
  for _, name in ipairs({ ... }) do
    local value = getenv(name)
    if value and value ~= "" then
      return value
    end
  end
  return nil
end

--- The proxy of the environment for a server, or nil. HTTP_PROXY in capitals is
--- not looked at: a client can set it in a CGI program.
---@param scheme string
---@param host string
---@param port integer
---@return neap.http.Proxy?
---@return neap.Error? err
function proxy.of_environment(scheme, host, port)
  local text
  if scheme == "https" then
    text = from_environment("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
  else
    text = from_environment("http_proxy", "all_proxy", "ALL_PROXY")
  end
  if not text or is_excepted(from_environment("no_proxy", "NO_PROXY") or "", host, port) then
    return nil
  end
  return proxy.parse(text)
end

return proxy
