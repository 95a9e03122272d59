--- Cookies that an answer sets, as RFC 6265 writes them. What a cookie cannot
--- hold is an error of the program.
local http1 = require("neap.proto.http1")

local cookies = {}

---@class neap.http.Cookie
---@field value string
---@field path string?  "/" by default
---@field domain string?
---@field max_age integer?  seconds; without it the cookie ends with the browser's session
---@field expires number?  seconds since 1970
---@field secure boolean?
---@field http_only boolean?  true by default: scripts of the page do not see it
---@field same_site "lax"|"strict"|"none"|nil  "lax" by default

local fields = {
  value = true, path = true, domain = true, max_age = true, expires = true,
  secure = true, http_only = true, same_site = true,
}

local SITES = { lax = "Lax", strict = "Strict", none = "None" }

local function check(name, cookie)
  if not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    error(("the name of a cookie is no token: '%s'"):format(name), 0)
  end
  for key in pairs(cookie) do
    if not fields[key] then
      error(("a cookie has no field '%s'"):format(tostring(key)), 0)
    end
  end
  if tostring(cookie.value):find('[%c\x7f-\xff ",;\\]') then
    error(("the value of the cookie '%s' has a byte that no cookie can hold"):format(name), 0)
  end
  for _, key in ipairs({ "path", "domain" }) do
    if tostring(cookie[key] or ""):find("[%c\x7f;]") then
      error(("the %s of the cookie '%s' is invalid"):format(key, name), 0)
    end
  end
  if cookie.same_site and not SITES[cookie.same_site] then
    error(("the same_site of the cookie '%s' is none of lax, strict, none"):format(name), 0)
  end
end

--- The value of a Set-Cookie field.
---@param name string
---@param cookie neap.http.Cookie|string|number|false  false removes it
---@return string
function cookies.format(name, cookie)
  if cookie == false then
    cookie = { value = "", max_age = 0, expires = 0 }
  elseif type(cookie) ~= "table" then
    cookie = { value = tostring(cookie) }
  end
  check(name, cookie)
  local parts = { ("%s=%s"):format(name, cookie.value or ""), "Path=" .. (cookie.path or "/") }
  if cookie.domain then
    parts[#parts + 1] = "Domain=" .. cookie.domain
  end
  if cookie.max_age then
    parts[#parts + 1] = ("Max-Age=%d"):format(cookie.max_age)
  end
  if cookie.expires then
    parts[#parts + 1] = "Expires=" .. http1.date(cookie.expires)
  end
  if cookie.secure then
    parts[#parts + 1] = "Secure"
  end
  if cookie.http_only ~= false then
    parts[#parts + 1] = "HttpOnly"
  end
  parts[#parts + 1] = "SameSite=" .. SITES[cookie.same_site or "lax"]
  return table.concat(parts, "; ")
end

--- Adds a Set-Cookie field for each, by their names' order.
---@param headers neap.http.Headers
---@param list table<string, neap.http.Cookie|string|false>
function cookies.add(headers, list)
  local names = {}
  for name in pairs(list) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  for _, name in ipairs(names) do
    headers:add("Set-Cookie", cookies.format(name, list[name]))
  end
end

return cookies
