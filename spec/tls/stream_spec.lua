--- A Stream with TLS does what every Stream does.
local certs = require("spec.support.certs")
local conformance = require("spec.support.stream_conformance")
local neap = require("neap")

local net, tls = neap.net, neap.tls

local function accept_one(listener, connect)
  local accepting = neap.spawn(function()
    local stream = assert(listener:accept())
    -- the client's connect needs our part of the handshake, which goes on by itself
    return stream
  end)
  local client = assert(connect())
  local server = accepting:await()
  listener:close()
  return client, server
end

local function tcp(context, client_opts)
  return function()
    local listener = assert(net.listen("127.0.0.1", 0, { tls = context }))
    return accept_one(listener, function()
      return net.connect("127.0.0.1", listener:address().port, { tls = client_opts })
    end)
  end
end

local function unix(context, client_opts)
  return function()
    local path = "@neap-spec-" .. neap.random_bytes(8):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    local listener = assert(net.listen_unix(path, { tls = context }))
    return accept_one(listener, function()
      return net.connect_unix(path, { tls = client_opts })
    end)
  end
end

--- The first of a pair is the server's end.
local function swapped(make)
  return function()
    local a, b = make()
    return b, a
  end
end

for _, version in ipairs({ "1.2", "1.3" }) do
  local context = assert(tls.context({ cert = certs.server.cert, key = certs.server.key }))
  local client = { ca = certs.ca.cert, server_name = "localhost", min_version = version, max_version = version }
  local name = "a Stream of TLS " .. version

  conformance.run({ name = name .. " over TCP", make = tcp(context, client), reset = true })
  -- the tickets of TLS 1.3 are unread then, and libuv calls bytes and a reset an end
  local reset = version == "1.2"
  conformance.run({ name = name .. " over TCP, the server's end", make = swapped(tcp(context, client)), reset = reset })
  conformance.run({ name = name .. " over a Unix socket", make = unix(context, client) })
end
