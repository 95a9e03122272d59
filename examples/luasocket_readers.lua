-- Sockets of another library: LuaSocket listens on two ports, accepts through
-- add_reader, and each connection is read through a future that a reader sets.
-- What comes goes back in upper case; other tasks run beside it.
--
--   neap examples/luasocket_readers.lua [port port]
-- Prints the ports, and when a client comes and goes. Ctrl-C ends it. Needs
-- LuaSocket (Debian: lua-socket). Try `nc 127.0.0.1 8881`.
local neap, socket = require("neap"), require("socket")
local loop = neap.loop

--- The next bytes; "" at the end. The future is set once the socket is ready.
local function receive(client)
  local fd, bytes = client:getfd(), neap.future()
  loop.add_reader(fd, function()
    loop.remove_reader(fd)
    local data, _, part = client:receive(1024)
    bytes:set_result(data or part)
  end)
  return bytes:await()
end

local function send(client, data)
  local sent = 0
  while sent < #data do
    local last, problem, partly = client:send(data, sent + 1)
    if problem and problem ~= "timeout" then
      return
    end
    sent = last or partly
    neap.wait_writable(client:getfd())
  end
end

local function echo(client, name)
  print("+ " .. name)
  repeat
    local data = receive(client)
    send(client, data:upper())
  until data == ""
  client:close()
  print("- " .. name)
end

local function listen(port)
  local server = assert(socket.bind("127.0.0.1", port))
  server:settimeout(0) -- never block
  loop.add_reader(server:getfd(), function()
    local client = server:accept()
    if client then
      client:settimeout(0)
      local _, number = server:getsockname()
      neap.spawn(echo, client, "client of " .. number)
    end
  end)
  return (select(2, server:getsockname()))
end

io.stdout:setvbuf("line")
print("listening on", listen(arg[1] or 8881), listen(arg[2] or 8882))
