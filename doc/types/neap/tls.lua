---@meta neap.tls

--- TLS over Streams. Wherever `tls =` is an option, it takes `true`, options or a
--- context. A peer that ends without saying so gives the error `TLS` behind what came
--- whole.
---
--- In the examples `cert`, `key` and `ca` are the paths of a server's certificate for
--- "localhost", of its key, and of the certificate that signed it.
---@class neap.tls
local tls = {}

--- Options of TLS.
---@class neap.TlsOptions
---@field ca? string  what to trust: a file or PEM text; by default the system's
---@field cert? string  our certificate and those that signed it: a file or PEM text
---@field key? string  its key: a file or PEM text; by default it is in `cert`
---@field password? string  of the key
---@field verify? boolean|"request"|"require"  clients: the chain and the name, true by default; servers: whether to ask for a certificate
---@field server_name? string  the name to ask for and to verify; by default the host
---@field alpn? string[]  protocols; the server's order counts
---@field min_version? "1.2"|"1.3"  "1.2" by default
---@field max_version? "1.2"|"1.3"
---@field ciphers? string  in OpenSSL's notation; names of TLS 1.3 begin with TLS_
---@field sni? table<string, neap.Tls>|fun(name: string): neap.Tls?  servers: contexts by name, "*.example.com" too
---@field keylog? string  a file to which keys are appended, for Wireshark
---@field handshake_timeout? number  seconds, 10 by default

--- What `tls =` takes.
---@alias neap.Tls neap.TlsContext|neap.TlsOptions|true

--- The options of `stream:start_tls`: those of TLS, and the role.
---@class neap.StartTlsOptions: neap.TlsOptions
---@field server? boolean  take the server's part
---@field context? neap.TlsContext  instead of the other options

--- What a peer showed.
---@class neap.Certificate
---@field subject string  "CN=example.com,O=Example"
---@field issuer string
---@field not_before integer  seconds since 1970
---@field not_after integer
---@field san string[]  the names and addresses that it is for
---@field pem string

--- A context that can be used for any number of connections. Files are read now; what
--- is wrong with them is returned. What the system trusts is read when the context
--- verifies somebody for the first time.
---
--- ```lua
--- local context = assert(tls.context { cert = cert, key = key })
--- local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream)
---   stream:write("secret\n")
--- end, { tls = context }))
--- local client <close> = assert(neap.net.connect("localhost", server:address().port, { tls = { ca = ca } }))
--- print(client:readline(), client:tls_version()) --> secret 1.3
--- print(client:peer_certificate().subject) --> CN=localhost
--- ```
---@param opts? neap.TlsOptions
---@return neap.TlsContext? context
---@return neap.Error? err
function tls.context(opts) end

--- Certificates, keys and what is accepted.
---@class neap.TlsContext
local TlsContext = {}

--- Exchanges what is in it, for connections from now on: a server gets a new
--- certificate while it serves. Where that fails, it is as it was.
---
--- ```lua
--- local context = assert(tls.context { cert = cert, key = key })
--- print(context:replace { cert = cert, key = key }) --> true
--- print(select(2, context:replace { cert = ca, key = key }).code) --> TLS
--- ```
---@param opts neap.TlsOptions
---@return true? ok
---@return neap.Error? err
function TlsContext:replace(opts) end

return tls
