-- An echo server and a client that talk TLS, with a certificate that the
-- `openssl` command makes for this run.
--
--   neap examples/tls_echo.lua
--
-- Prints what the client knows about the connection, and what comes back.
local neap = require("neap")

local dir = assert(neap.fs.mkdtemp("tls_echo-"))
local cert, key = dir .. "/cert.pem", dir .. "/key.pem"

local function make_certificate()
  local result = assert(neap.process.run({
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-days", "1", "-keyout", key, "-out", cert,
  }))
  assert(result.code == 0, result.stderr)
end

local function echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end

make_certificate()
local server = assert(neap.net.serve("127.0.0.1", 0, echo, { tls = { cert = cert, key = key } }))

-- A client trusts what its system trusts, or what it is told to.
local port = server:address().port
local stream = assert(neap.net.connect("127.0.0.1", port, { tls = { ca = cert } }))
print("version", stream:tls_version())
print("peer", stream:peer_certificate().subject)
stream:write("hello\n")
print("echo", stream:readline())
stream:close()

-- Without that, there is no connection but an error that says why.
local _, err = neap.net.connect("127.0.0.1", port, { tls = true })
print("refused", err)

server:close()
neap.fs.rmdir(dir, { recursive = true })
