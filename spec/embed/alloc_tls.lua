-- What alloc_fail.c runs for TLS: contexts, handshakes, reads, writes, the end.
-- NEAP_CERTS is the folder of spec/support/certs.lua. Every wait is bounded by
-- the virtual clock, all errors are caught.
local neap = require("neap")
local tls, testing = neap.tls, neap.testing
local dir = os.getenv("NEAP_CERTS")
local function path(name)
  return dir .. "/" .. name
end

local function talk(opts, server_opts)
  local a, b = testing.stream_pair()
  local serving = neap.spawn(pcall, b.start_tls, b, server_opts)
  local ok, err = a:start_tls(opts)
  if not ok then
    return tostring(err)
  end
  serving:await()
  local writing = neap.spawn(pcall, a.write, a, ("x"):rep(150000), { "small", "pieces" })
  b:readexactly(150011)
  writing:await()
  b:write("answer")
  a:read()
  local certificate = b:peer_certificate() or a:peer_certificate()
  a:shutdown()
  b:readall()
  b:close()
  a:close()
  a:wait_closed()
  return certificate and certificate.pem
end

local function one()
  local client = tls.context({ ca = path("ca.crt"), cert = path("client.crt"), key = path("client.key"),
    server_name = "other.test", alpn = { "a", "b" }, ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256" })
  local server = { server = true, cert = path("server.crt"), key = path("server.key"), alpn = { "b" },
    ca = path("ca.crt"), verify = "require",
    sni = { ["other.test"] = { cert = path("other.crt"), key = path("other.key"), alpn = { "b" } } } }
  for _ = 1, 2 do -- the second one may resume
    talk({ context = client }, server)
  end
  talk({ ca = path("ca.crt"), server_name = "wrong" }, server)
end

neap.loop.set_exception_handler(function() end)
local function bounded()
  pcall(testing.virtual_clock, neap.timeout, 60, one)
end

-- Lua drops a finalizer that it has no memory to call, and what that would have
-- freed: so none is called meanwhile. (A collection in need calls none anyway.)
collectgarbage("stop")
_G.failing(true) -- of alloc_fail.c
bounded()
_G.failing(false)
collectgarbage("restart")
