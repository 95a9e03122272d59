--- TLS over Streams. Contexts hold certificates, keys and what is accepted;
--- they are made once and used for any number of connections.
---
--- The handshake goes on by itself, whoever waits for it. Only where a server
--- chooses its context by name, a task waits for the client's hello.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")
local options = require("neap.tls_options")
local proto = require("neap.proto.tls")

local tls = {}

---@class neap.TlsContext  made by tls.context
---@field replace fun(self, opts: neap.TlsOptions): true?, neap.Error?  for connections from now on

---@class neap.Stream
---@field start_tls async fun(self, opts?: neap.StartTlsOptions): true?, neap.Error?
---@field alpn fun(self): string?  the protocol agreed on
---@field cipher fun(self): string?
---@field tls_version fun(self): "1.2"|"1.3"|nil
---@field tls_resumed fun(self): boolean  whether a session was resumed
---@field peer_certificate fun(self): neap.Certificate?

---@class neap.StartTlsOptions: neap.TlsOptions
---@field server? boolean  take the server's part
---@field context? neap.TlsContext  instead of the other options

---@class neap.Certificate
---@field subject string  "CN=example.com,O=Example"
---@field issuer string
---@field not_before integer  seconds since 1970
---@field not_after integer
---@field san string[]  the names and addresses that it is for
---@field pem string

-- What C does not keep of a context: { server_name =, sni =, has_cert =, verifies = }
local settings = setmetatable({}, { __mode = "k" })

-- ---- options to contexts ---------------------------------------------------

--- The text of an option that is a file or PEM text, and what to call it.
local function pem_of(opts, name, what)
  local value = opts[name]
  if not value or value:find("-----BEGIN", 1, true) then
    return value, what
  end
  local text, err = proto.read_file(value)
  if not text then
    return nil, err
  end
  return text, ("%s %s"):format(what, value)
end

local files = { ca = "ca", cert = "certificate", key = "key" }

--- What proto.context takes, with the files read.
local function fields_of(opts)
  local fields = { password = opts.password, min_version = opts.min_version, max_version = opts.max_version }
  for name, what in pairs(files) do
    local text, called = pem_of(opts, name, what)
    if opts[name] and not text then
      return nil, called
    end
    fields[name], fields[name .. "_name"] = text, called
  end
  if fields.cert and not fields.key then
    fields.key, fields.key_name = fields.cert, "key (in " .. fields.cert_name .. ")"
  elseif fields.key and not fields.cert then
    return nil, errors.new("TLS", "there is a key, but the option 'cert' is missing")
  end
  fields.keylog = opts.keylog
  fields.handshake_timeout = opts.handshake_timeout
  return fields
end

local verify_names = { [true] = "require", [false] = "none", request = "request", require = "require" }

--- The rest, which cannot fail.
local function add_choices(fields, opts)
  local older, newer = {}, {}
  for name in (opts.ciphers or ""):gmatch("[^:, ]+") do
    table.insert(name:find("^TLS_") and newer or older, name)
  end
  fields.ciphers = #older > 0 and table.concat(older, ":") or opts.ciphers and #newer == 0 and "" or nil
  fields.ciphersuites = #newer > 0 and table.concat(newer, ":") or nil
  fields.verify = verify_names[opts.verify] or "default"
  fields.asks_name = opts.sni ~= nil
  local alpn = {}
  for i, name in ipairs(opts.alpn or {}) do
    alpn[i] = string.pack("s1", name)
  end
  fields.alpn = #alpn > 0 and table.concat(alpn) or nil
end

--- Contexts for clients that were given a table: by what is in it, so that a
--- second connection resumes the session of the first.
local cache, cached = {}, 0
local MAX_CACHED = 32

--- A key that is the same for the same options, files read.
local function key_of(fields, opts)
  local parts = {}
  for name, value in pairs(fields) do
    table.insert(parts, string.pack("s4s4", name, tostring(value)))
  end
  table.insert(parts, opts.server_name or "")
  table.sort(parts)
  return proto.digest(table.concat(parts))
end

local function keep(key, context)
  if cached >= MAX_CACHED then
    cache, cached = {}, 0
  end
  cache[key] = context
  cached = cached + 1
end

local context_of

--- name -> context of a table of names; an error of one is an error of all.
local function names_of(sni)
  local contexts = {}
  for name, value in pairs(sni) do
    local context, err = context_of(value)
    if not context then
      return nil, err
    end
    contexts[tostring(name):lower()] = context
  end
  return function(name)
    name = name:lower()
    return contexts[name] or contexts[name:gsub("^[^.]*", "*", 1)]
  end
end

--- A context of checked options; `shared` ones may be used for others, too.
local function make(opts, shared)
  local fields, err = fields_of(opts)
  if not fields then
    return nil, err
  end
  add_choices(fields, opts)
  local key = shared and not opts.sni and not opts.keylog and key_of(fields, opts)
  if key and cache[key] then
    return cache[key]
  end
  local sni = opts.sni
  if type(sni) == "table" then
    sni, err = names_of(sni)
    if not sni then
      return nil, err
    end
  end
  local context
  context, err = proto.context(fields)
  if not context then
    return nil, err
  end
  settings[context] = {
    server_name = opts.server_name,
    sni = sni,
    has_cert = fields.cert ~= nil or sni ~= nil,
    verifies = opts.verify ~= false,
    opts = opts,
  }
  if key then
    keep(key, context)
  end
  return context
end

local NO_OPTIONS = {}

--- The context of what `tls =` takes.
function context_of(value)
  if proto.is_context(value) then
    return value
  end
  return make(value == true and NO_OPTIONS or value, true)
end

--- A reusable context. Files are read now.
---@overload fun(opts?: neap.TlsOptions): neap.TlsContext?, neap.Error?
function tls.context(...)
  local opts = args.options("context", 1, (...), options.context)
  return make(opts, false)
end

function proto.context_methods:replace(...)
  local opts = args.options("replace", 1, (...), options.context)
  local context, err = make(opts, false)
  if not context then
    return nil, err
  end
  proto.exchange(self, context)
  settings[self] = settings[context]
  return true
end

--- What a client is told by a context or by options, for code that has a TLS of
--- its own: the options, and the texts of the files they name.
---@param value neap.TlsContext|neap.TlsOptions
---@return table? fields
---@return neap.TlsOptions|neap.Error opts
function tls.client_fields(value)
  local opts = options.is_context(value) and settings[value].opts or value
  local fields, err = fields_of(opts)
  if not fields then
    return nil, err
  end
  add_choices(fields, opts)
  return fields, opts
end

-- ---- the two roles ---------------------------------------------------------

--- The context for connections to a peer; `value` is what `tls =` was.
---@return neap.TlsContext?
---@return neap.Error?
function tls.for_client(value)
  return context_of(value)
end

--- The context for a server.
---@return neap.TlsContext?
---@return neap.Error?
function tls.for_server(value)
  local context, err = context_of(value)
  if context and not settings[context].has_cert then
    return nil, errors.new("TLS", "a server needs the options 'cert' and 'key'")
  end
  return context, err
end

--- Takes the client's part on a connected stream, and waits for the handshake.
---@async
---@param host string?  the peer's name, where the context has none
---@param port integer|string|nil  to tell servers of one name apart
---@return true?
---@return neap.Error?
function tls.connect(stream, context, host, port)
  local setting = settings[context]
  local name = setting.server_name or host
  if setting.verifies and not name then
    local text = "there is no name to verify: the option 'server_name' is missing"
    return nil, errors.new("TLS", text)
  end
  local key = name and ("%s %s %s"):format(name, host, port)
  local ok, err = proto.layer(stream, context, true, name and name:gsub("%%.*", ""), key)
  if not ok then
    return nil, err
  end
  return proto.handshake(stream)
end

--- Answers a client's hello with the context of the name in it. What the
--- function of `sni` raises ends the connection, and is reported.
local function answer(stream, sni)
  local ok, name = pcall(proto.hello, stream)
  if not ok or not name then
    return
  end
  local guard <close> = setmetatable({}, {
    __close = function(self)
      if not self.answered then
        pcall(proto.answer, stream, false)
      end
    end,
  })
  local value = sni(name)
  local context, err
  if value then
    context, err = context_of(value)
    if not context then
      error(err, 0)
    end
  end
  proto.answer(stream, context)
  guard.answered = true
end

--- Takes the server's part; does not wait.
---@return true?
---@return neap.Error?
function tls.accept(stream, context)
  local ok, err = proto.layer(stream, context, false)
  if not ok then
    return nil, err
  end
  local sni = settings[context].sni
  if sni then
    local task = core.spawn_handler(answer, stream, sni)
    task:set_name("tls name")
    task:set_daemon(true)
  end
  return true
end

--- Waits until the handshake of a stream is done.
---@type async fun(stream: neap.Stream): true?, neap.Error?
tls.handshake = proto.handshake

--- Every connection that the listener accepts has TLS. Accepting does not wait
--- for the handshake.
---@param listener neap.Listener
---@param context neap.TlsContext
function tls.secure(listener, context)
  core.listener_prepare(listener, function(stream)
    if not tls.accept(stream, context) then
      stream:abort()
    end
  end)
end

--- A handler that is called once the handshake is done, and not if it fails.
---@param handler neap.Handler
---@return neap.Handler
function tls.after_handshake(handler)
  return function(stream)
    if proto.handshake(stream) then
      return handler(stream)
    end
  end
end

-- ---- start_tls -------------------------------------------------------------

--- The context that start_tls is to use.
local function start_context(opts, server)
  local value = opts.context
  if value == nil then
    value = {}
    for name, field in pairs(opts) do
      value[name] = field
    end
    value.server = nil
  end
  return (server and tls.for_server or tls.for_client)(value)
end

--- What connect was told, or else the peer's address.
local function peer_of(stream)
  local address = stream:peername() or NO_OPTIONS
  return core.stream_host(stream) or address.host, address.port or address.path
end

--- Stream:start_tls(opts): TLS from now on, on the same Stream. Waits until
--- what was written is sent, and for the handshake. Plain bytes that came
--- already are refused: whoever sits between could have put them there.
---@async
---@param stream neap.Stream
---@param opts neap.StartTlsOptions|neap.TlsContext|true|nil
---@return true?
---@return neap.Error?
function tls.start(stream, opts)
  if opts == true then
    opts = nil
  elseif proto.is_context(opts) then
    opts = { context = opts }
  end
  opts = args.options("start_tls", 1, opts, options.start)
  local context, err = start_context(opts, opts.server)
  if not context then
    return nil, err
  end
  local ok
  ok, err = stream:flush()
  if not ok then
    return nil, err
  end
  if not opts.server then
    return tls.connect(stream, context, opts.server_name or peer_of(stream))
  end
  ok, err = tls.accept(stream, context)
  if not ok then
    return nil, err
  end
  return proto.handshake(stream)
end

return tls
