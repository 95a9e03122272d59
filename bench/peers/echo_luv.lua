-- An echo server as a user of luv would write it. Prints its port.
local uv = require("luv")

local server = uv.new_tcp()
server:bind("127.0.0.1", 0)
server:listen(1024, function(problem)
  assert(not problem, problem)
  local client = uv.new_tcp()
  server:accept(client)
  client:nodelay(true)
  client:read_start(function(failure, data)
    if failure or not data then
      client:close()
    else
      client:write(data)
    end
  end)
end)
print(server:getsockname().port)
io.stdout:flush()
uv.run()
