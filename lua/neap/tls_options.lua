--- The options of TLS, name to kind, and the kind of the option `tls` of
--- others. OpenSSL is not needed for it.
local args = require("neap.args")

local option = args.option

---@class neap.TlsOptions
---@field ca? string  what to trust: a file or PEM text; by default the system's
---@field cert? string  our certificate and those that signed it: a file or PEM text
---@field key? string  its key: a file or PEM text; by default it is in `cert`
---@field password? string  of the key
---@field verify? boolean|"request"|"require"  clients: true by default; servers: whether to ask for a certificate
---@field server_name? string  the name to ask for and to verify; by default the host
---@field alpn? string[]  protocols; the server's order counts
---@field min_version? "1.2"|"1.3"
---@field max_version? "1.2"|"1.3"
---@field ciphers? string  in OpenSSL's notation; names of TLS 1.3 begin with TLS_
---@field sni? table<string, neap.Tls>|fun(name: string): neap.Tls?  servers: contexts by name, "*.example.com" too
---@field keylog? string  a file to which keys are appended, for Wireshark
---@field handshake_timeout? number  seconds, 10 by default

---@alias neap.Tls neap.TlsContext|neap.TlsOptions|true

local tls_options = {}

local function string_option(value)
  return type(value) ~= "string" and ("(string expected, got %s)"):format(type(value))
end

local verify_values = { [true] = true, [false] = true, request = true, require = true }

local function verify_option(value)
  return not verify_values[value] and "is neither a boolean nor 'request' or 'require'"
end

local function alpn_option(value)
  if type(value) ~= "table" then
    return ("(table expected, got %s)"):format(type(value))
  end
  for i, name in ipairs(value) do
    if type(name) ~= "string" or #name < 1 or #name > 255 then
      return ("has at index %d no name of 1 to 255 bytes"):format(i)
    end
  end
  return #value == 0 and "is an empty list"
end

local function sni_option(value)
  local kind = type(value)
  return kind ~= "table" and kind ~= "function" and ("(table or function expected, got %s)"):format(kind)
end

--- A host name as it can be sent and verified.
local function name_option(value)
  if type(value) ~= "string" then
    return string_option(value)
  end
  return (#value == 0 or #value > 255 or value:find("%z")) and "is no name"
end

--- Whether a value is a TlsContext, told by the name of its class: what checks
--- options may be copied to a thread, which no C function can be.
function tls_options.is_context(value)
  local class = type(value) == "userdata" and debug.getmetatable(value)
  return class and class.__name == "TlsContext" or false
end

--- Of tls.context.
tls_options.context = {
  ca = string_option,
  cert = string_option,
  key = string_option,
  password = string_option,
  verify = verify_option,
  server_name = name_option,
  alpn = alpn_option,
  min_version = string_option,
  max_version = string_option,
  ciphers = string_option,
  sni = sni_option,
  keylog = string_option,
  handshake_timeout = option.seconds,
}

--- What is wrong with a value where `tls` is an option; false if nothing is.
function tls_options.tls(value)
  if type(value) == "boolean" then
    return false
  elseif type(value) == "userdata" then
    return not tls_options.is_context(value) and "is no TlsContext"
  elseif type(value) ~= "table" then
    return ("(true, table or TlsContext expected, got %s)"):format(type(value))
  end
  for key, field in next, value do
    local kind = tls_options.context[key]
    if not kind then
      return ("has the unknown option '%s'"):format(tostring(key))
    end
    local problem = kind(field)
    if problem then
      return ("has the option '%s' %s"):format(key, problem)
    end
  end
  return false
end

--- Of start_tls.
tls_options.start = { server = option.boolean, context = tls_options.tls }
for name, kind in pairs(tls_options.context) do
  tls_options.start[name] = kind
end

return tls_options
