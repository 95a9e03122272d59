-- An echo server with TLS to measure, as a user would write it. Prints its
-- port, and serves until it is stopped.
--
--   build/neap bench/tls_echo.lua cert key
local neap = require("neap")

local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
  local data = stream:read()
  while data and stream:write(data) do
    data = stream:read()
  end
end, { tls = { cert = arg[1], key = arg[2] } }))

print(server:address().port)
io.stdout:flush()
server:serve_forever()
