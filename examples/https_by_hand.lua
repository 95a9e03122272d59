-- A page over HTTPS with nothing but a stream: the request is written by hand.
--
--   neap examples/https_by_hand.lua [host [port [path [ca.pem]]]]
--
-- Prints the protocol and the cipher, then what the server answers. The server
-- must have a certificate for the host, signed by one that the system trusts,
-- or by one of the last argument.
local neap = require("neap")

local host, port, path, ca = arg[1] or "example.com", arg[2] or 443, arg[3] or "/", arg[4]

local stream, err = neap.net.connect(host, port, {
  tls = ca and { ca = ca, alpn = { "http/1.1" } } or true,
  timeout = 10,
})
if not stream then
  print("no connection: " .. err)
  os.exit(1, true)
end
print("TLS " .. stream:tls_version(), stream:cipher())

stream:timeout(10)
assert(stream:write(("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(path, host)))
for line in stream:lines() do -- raises if the connection is cut
  print(line)
end
stream:close()
