--- TLS on the loopback, for specs: servers and clients with our certificates.
local assert = require("luassert")
local certs = require("spec.support.certs")
local neap = require("neap")

local net = neap.net

local secure = {}

local Closing = {
  __close = function(server)
    server[1]:close(0)
    server[1]:wait_closed()
  end,
}

--- A handler that sends back what comes.
function secure.echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end

--- A server until the end of the block; its port.
function secure.serve(opts, handler)
  opts = opts or {}
  opts.cert = opts.cert or certs.server.cert
  opts.key = opts.key or certs.server.key
  local server = assert(net.serve("127.0.0.1", 0, handler or secure.echo, { tls = opts }))
  return setmetatable({ server }, Closing), server:address().port
end

--- What connecting to a port gives.
function secure.client(port, opts, host)
  opts = opts or {}
  opts.ca = opts.ca or certs.ca.cert
  return net.connect(host or "127.0.0.1", port, { tls = opts })
end

--- Connecting is the error `TLS`, which has these texts in it.
function secure.refused(port, opts, ...)
  local stream, err = secure.client(port, opts)
  assert.is_nil(stream)
  assert.equal("TLS", err.code)
  assert.equal(port, err.port)
  for _, part in ipairs({ ... }) do
    assert.is_truthy(err.message:find(part, 1, true), err.message)
  end
end

--- Connects, says something and gives the stream.
function secure.talk(port, opts)
  local stream = assert(secure.client(port, opts))
  stream:write("hello")
  assert.equal("hello", stream:readexactly(5))
  return stream
end

return secure
