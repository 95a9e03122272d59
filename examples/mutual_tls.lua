-- A server that lets in those who show a certificate which its own authority
-- has signed, and knows their names.
--
--   neap examples/mutual_tls.lua
--
-- Prints what alice is told, and what somebody without a certificate is.
local neap = require("neap")

local dir = assert(neap.fs.mkdtemp("mutual_tls-"))

-- sign NAME: NAME.pem and NAME.key, signed by the authority
local SCRIPT = [[
set -e
cd "$DIR"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
sign() {
  key "$1"
  printf 'subjectAltName=DNS:%s\n' "$1" > ext
  openssl req -new -key "$1.key" -subj "/CN=$1" |
    openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile ext -out "$1.pem"
}
key ca
openssl req -x509 -new -key ca.key -subj "/CN=our authority" -days 1 -out ca.pem
sign localhost
sign alice
]]

local result = assert(neap.process.run(("DIR='%s'\n%s"):format(dir, SCRIPT), { shell = true }))
assert(result.code == 0, result.stderr)

local function greet(stream)
  stream:write("hello ", stream:peer_certificate().subject, "\n")
end

local server = assert(neap.net.serve("127.0.0.1", 0, greet, {
  tls = { cert = dir .. "/localhost.pem", key = dir .. "/localhost.key", ca = dir .. "/ca.pem", verify = "require" },
}))

local function visit(name)
  local stream <close> = assert(neap.net.connect("127.0.0.1", server:address().port, {
    tls = {
      ca = dir .. "/ca.pem",
      server_name = "localhost",
      cert = name and dir .. "/" .. name .. ".pem",
      key = name and dir .. "/" .. name .. ".key",
    },
  }))
  return stream:readline()
end

print("alice", visit("alice"))
print("nobody", select(2, visit(nil))) -- TLS 1.3: the refusal comes with the first read

server:close()
neap.fs.rmdir(dir, { recursive = true })
