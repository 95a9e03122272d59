--- URLs and their parts: parsing, joining, and the percent-encoding of what is
--- put into them. Values and text, no I/O. What is no URL is a returned error
--- with the code `HTTP`.
local args = require("neap.args")
local errors = require("neap.errors")
local http1 = require("neap.proto.http1")

local url = {}

---@class neap.http.Url
---@field scheme string  in lower case
---@field host string  in lower case; an IPv6 address without its brackets
---@field port integer?  as written; see `url.default_ports`
---@field path string  as written, with its percent-encoding; "/" if there is none
---@field query string?  without its "?"
---@field fragment string?  without its "#"
---@field userinfo string?  as written

--- The ports of the schemes that have one.
url.default_ports = { http = 80, https = 443, ws = 80, wss = 443 }

local MAX_LENGTH = 64 * 1024

-- ---- percent-encoding --------------------------------------------------------

local function encode_byte(byte)
  return ("%%%02X"):format(byte:byte())
end

--- Encodes text as one component of a URL: a segment of a path, a key or a
--- value of a query.
---@overload fun(text: string): string
function url.encode(...)
  local text = args.string("encode", 1, (...), select("#", ...))
  return (text:gsub("[^%w%-._~]", encode_byte))
end

--- Undoes percent-encoding. What is no valid one stays as it is.
---@overload fun(text: string): string
function url.decode(...)
  return http1.decode(args.string("decode", 1, (...), select("#", ...)))
end

-- ---- queries -----------------------------------------------------------------

local function sorted_keys(fields)
  local keys = {}
  for key in pairs(fields) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function encode_field(key, value)
  return url.encode(tostring(key)) .. "=" .. url.encode(tostring(value))
end

--- The text of a query: keys in alphabetical order, a list repeats its key.
---@overload fun(fields: table<string, string|number|boolean|list>): string
function url.build_query(...)
  local fields = ...
  args.table("build_query", 1, fields, select("#", ...))
  local parts = {}
  for _, key in ipairs(sorted_keys(fields)) do
    local value = fields[key]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = encode_field(key, one)
    end
  end
  return table.concat(parts, "&")
end

--- Adds a field to a table in which repeated ones become a list.
---@param fields table
---@param key string
---@param value any
function url.add_field(fields, key, value)
  local before = fields[key]
  if before == nil then
    fields[key] = value
  elseif type(before) == "table" and #before > 0 then
    before[#before + 1] = value
  else
    fields[key] = { before, value }
  end
end

--- The fields of a query or of a urlencoded form. A repeated key has a list, a
--- key without a value "".
---@overload fun(text: string): table<string, string|string[]>
function url.parse_query(...)
  return http1.query(args.string("parse_query", 1, (...), select("#", ...)))
end

-- ---- parsing -----------------------------------------------------------------

local function bad(text, why)
  local shown = #text > 200 and text:sub(1, 200) .. "..." or text
  return nil, errors.new("HTTP", ("bad URL '%s': %s"):format(shown, why))
end

--- The five parts of RFC 3986, appendix B, as they are written; scheme,
--- authority, query and fragment may be nil.
local function split(text)
  local rest, fragment = text:match("^([^#]*)#?(.*)$")
  fragment = #rest < #text and fragment or nil
  local before, query = rest:match("^([^?]*)%??(.*)$")
  query = #before < #rest and query or nil
  local scheme, after = before:match("^(%a[%w+.-]*):(.*)$")
  after = after or before
  local authority, path = after:match("^//([^/]*)(.*)$")
  return { scheme, authority, path or after, query, fragment, n = 5 }
end

--- Whether each "%" begins an encoded byte.
local function is_encoded(text)
  return not text:gsub("%%%x%x", ""):find("%", 1, true)
end

--- Host and port of an authority, or nil and what is wrong.
local function parse_host(text)
  local host, port = text:match("^%[([%x:.]+)%](.*)$")
  if not host then
    host, port = text:match("^([^:%[%]]*)(.*)$")
  end
  if not host or host == "" then
    return nil, "it has no host"
  elseif port ~= "" and port ~= ":" and not port:match("^:%d+$") then
    return nil, "its port is no number"
  end
  local number = tonumber(port:match("%d+"))
  if number and (number < 1 or number > 65535) then
    return nil, "its port is out of range (1 to 65535)"
  elseif not is_encoded(host) or host:find('[%c%s"<>\\^`{|}]') or host:find("[\x80-\xff]") then
    return nil, "its host has characters that none has"
  end
  return host:lower(), math.tointeger(number)
end

--- What is written plainly and should not be: bytes beyond ASCII.
local function escape(text)
  return text and (text:gsub("[\x80-\xff]", encode_byte))
end

--- The parts of an absolute URL.
---@overload fun(text: string): neap.http.Url?, neap.Error?
function url.parse(...)
  local text = args.string("parse", 1, (...), select("#", ...))
  if #text > MAX_LENGTH then
    return bad(text, "it is too long")
  elseif text:find("[%c\x7f ]") then
    return bad(text, "it has a space or a control character")
  end
  local scheme, authority, path, query, fragment = table.unpack(split(text), 1, 5)
  if not scheme then
    return bad(text, "it has no scheme")
  elseif not authority then
    return bad(text, "it has no host")
  elseif not is_encoded(path .. (query or "")) then
    return bad(text, "a '%' is not followed by two hexadecimal digits")
  end
  local userinfo, address = authority:match("^(.*)@([^@]*)$")
  local host, port = parse_host(address or authority)
  if not host then
    return bad(text, port)
  end
  return {
    scheme = scheme:lower(),
    host = host,
    port = port,
    path = path == "" and "/" or escape(path),
    query = escape(query),
    fragment = escape(fragment),
    userinfo = userinfo,
  }
end

-- ---- joining -----------------------------------------------------------------

--- RFC 3986, 5.2.4: without "." and "..".
local function remove_dots(path)
  local out = {}
  local rooted = path:sub(1, 1) == "/"
  local last
  for segment in (rooted and path:sub(2) or path):gmatch("[^/]*") do
    last = segment
    if segment == ".." then
      out[#out] = nil
    elseif segment ~= "." then
      out[#out + 1] = segment
    end
  end
  if last == "." or last == ".." then
    out[#out + 1] = ""
  end
  return (rooted and "/" or "") .. table.concat(out, "/")
end

local function recompose(scheme, authority, path, query, fragment)
  return table.concat({
    scheme and scheme .. ":" or "",
    authority and "//" .. authority or "",
    path,
    query and "?" .. query or "",
    fragment and "#" .. fragment or "",
  })
end

--- The path of a reference that has one of its own and no leading slash.
local function merge(base_authority, base_path, path)
  if base_authority and base_path == "" then
    return "/" .. path
  end
  return (base_path:match("^.*/") or "") .. path
end

--- What a reference means at a base: the target of a link or a redirect.
---@overload fun(base: string, reference: string): string
function url.join(...)
  local count = select("#", ...)
  local base = args.string("join", 1, (...), count)
  local reference = args.string("join", 2, (select(2, ...)), count)
  local scheme, authority, path, query = table.unpack(split(base), 1, 4)
  local r_scheme, r_authority, r_path, r_query, r_fragment = table.unpack(split(reference), 1, 5)
  if r_scheme then
    return recompose(r_scheme, r_authority, remove_dots(r_path), r_query, r_fragment)
  elseif r_authority then
    return recompose(scheme, r_authority, remove_dots(r_path), r_query, r_fragment)
  elseif r_path == "" then
    return recompose(scheme, authority, path, r_query or query, r_fragment)
  elseif r_path:sub(1, 1) ~= "/" then
    r_path = merge(authority, path, r_path)
  end
  return recompose(scheme, authority, remove_dots(r_path), r_query, r_fragment)
end

return url
