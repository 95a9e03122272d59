--- What neap.net does where the option `tls` is given. OpenSSL is loaded only
--- then; a build without it says so.
local secure = {}

local function tls()
  if not package.preload["neap.tls"] then
    error("this neap was built without 'tls' (see neap.features)", 0)
  end
  return require("neap.tls")
end

--- The context for a client; nil without an error where no TLS is asked for.
---@param value neap.Tls|false|nil  the option
---@return neap.TlsContext? context
---@return neap.Error? err
function secure.context(value)
  if value then
    return tls().for_client(value)
  end
end

--- Aborts a stream that is not handed over.
local Guard = {
  __close = function(guard)
    if guard.stream then
      guard.stream:abort()
    end
  end,
}

--- The stream with TLS, once the handshake is done; it is gone if that fails.
---@async
---@param fields table  of the error: host and port, or path
function secure.connect(stream, context, fields)
  local guard <close> = setmetatable({ stream = stream }, Guard)
  local ok, err = tls().connect(stream, context, fields.host, fields.port or fields.path)
  if not ok then
    for name, value in pairs(fields) do
      err[name] = value
    end
    return nil, err
  end
  guard.stream = nil
  return stream
end

--- What `open()` listens on, whose connections get TLS if it is asked for.
---@async
---@param value neap.Tls|false|nil  the option
---@param open async fun(): neap.Listener?, neap.Error?
---@return neap.Listener?
---@return neap.Error?
function secure.listen(value, open)
  if not value then
    return open()
  end
  local context, err = tls().for_server(value)
  if not context then
    return nil, err
  end
  local listener
  listener, err = open()
  if not listener then
    return nil, err
  end
  tls().secure(listener, context)
  return listener
end

--- The handler of a server: with TLS it is called after the handshake.
---@param value neap.Tls|false|nil  the option
---@param handler neap.Handler
function secure.handler(value, handler)
  return value and tls().after_handshake(handler) or handler
end

return secure
