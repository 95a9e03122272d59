-- An echo server to measure, as a user would write it. Prints its port, and
-- serves until its input ends or it is stopped.
--
--   build/neap bench/echo.lua [port]
local neap = require("neap")

local server = assert(neap.net.serve("127.0.0.1", tonumber(arg[1]) or 0, function(stream)
  for data in stream:chunks() do
    if not stream:write(data) then
      return
    end
  end
end))

print(server:address().port)
io.stdout:flush()
server:serve_forever()
