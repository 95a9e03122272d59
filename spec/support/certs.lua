--- Certificates for specs, made by the `openssl` command in a folder of their
--- own, which is gone with the Lua state.
---
---   ca          the authority that signed the others
---   server      localhost, 127.0.0.1, ::1
---   other       other.test; wild: *.wild.test
---   client      a client, CN=client
---   expired     localhost, until 2021-01-01
---   self        localhost, signed by itself
---
--- Each is a table: cert, key (paths), pem (the text of cert).
local SCRIPT = [[
set -e
umask 077
dir=$(mktemp -d)
cd "$dir"
exec 2>log
config() { printf '%s\n' '[req]' 'distinguished_name=dn' '[dn]' "$@"; }
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
config '[ca]' 'default_ca=d' '[d]' 'database=index' 'serial=serial' 'new_certs_dir=.' \
  'default_md=sha256' 'policy=p' 'copy_extensions=copy' 'unique_subject=no' \
  '[p]' 'commonName=supplied' > ca.conf
touch index
echo 01 > serial
key ca
openssl req -config ca.conf -x509 -new -key ca.key -days 3650 -subj '/CN=neap spec CA' \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -out ca.crt
# leaf NAME CN SAN START END
leaf() {
  key "$1"
  openssl req -config ca.conf -new -key "$1.key" -subj "/CN=$2" -addext "subjectAltName=$3" -out "$1.csr"
  openssl ca -batch -config ca.conf -notext -cert ca.crt -keyfile ca.key -in "$1.csr" -out "$1.crt" \
    -startdate "$4" -enddate "$5"
}
leaf server localhost DNS:localhost,IP:127.0.0.1,IP:::1 20200101000000Z 20480101000000Z
leaf other other.test DNS:other.test 20200101000000Z 20480101000000Z
leaf wild '*.wild.test' 'DNS:*.wild.test' 20200101000000Z 20480101000000Z
leaf client client DNS:client 20200101000000Z 20480101000000Z
leaf expired localhost DNS:localhost,IP:127.0.0.1 20200101000000Z 20210101000000Z
key self
openssl req -config ca.conf -x509 -new -key self.key -days 3650 -subj '/CN=self' \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out self.crt
openssl ec -in server.key -aes256 -passout pass:secret -out encrypted.key
echo "$dir"
]]

local function run(script)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local pipe = assert(io.popen("sh " .. path, "r"))
  local out = pipe:read("a")
  local ok = pipe:close()
  os.remove(path)
  return assert(ok and out:match("[^\n]+"), "the openssl command could not make certificates")
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local dir = run(SCRIPT)

local certs = setmetatable({ dir = dir, encrypted_key = dir .. "/encrypted.key" }, {
  __gc = function()
    os.execute("rm -rf '" .. dir .. "'")
  end,
})

for _, name in ipairs({ "ca", "server", "other", "wild", "client", "expired", "self" }) do
  local path = dir .. "/" .. name
  certs[name] = { cert = path .. ".crt", key = path .. ".key", pem = read(path .. ".crt") }
end

return certs
