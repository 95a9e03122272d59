-- A WebSocket echo server to measure, as a user would write it. Prints its port,
-- and serves until it is stopped.
--
--   build/neap bench/websocket_echo.lua [port]
local http = require("neap").http

local app = http.app()

app:websocket("/", function(ws)
  for message, kind in ws:messages() do
    ws:send(message, kind)
  end
end)

local server = assert(app:serve({ host = "127.0.0.1", port = tonumber(arg[1]) or 0 }))
print(server:address().port)
io.stdout:flush()
server:serve_forever()
