-- Raw sockets, here LuaSocket's, on two ports: `add_reader` says when a socket
-- is ready, its callback fills a future, and a task awaits that. What a client
-- sends comes back in upper case.
--
-- Run: neap examples/asyncio/raw_sockets.lua [port port]
-- Prints the ports, and who comes, what they send and who goes; "closed" after
-- Ctrl-C. Needs LuaSocket (Debian: lua-socket). Try it with upper_client.lua.
local neap, socket = require "neap", require "socket"
local loop = neap.loop

--- A future of what `read` returns once the socket is ready.
local function when_ready(sock, read)
  local future, fd = neap.future(), sock:getfd()
  loop.add_reader(fd, function()
    loop.remove_reader(fd)
    future:set_result(read())
  end)
  return future
end

local function handle_data_ready(conn, name)
  while true do
    local data = when_ready(conn, function()
      local all, _, part = conn:receive(1024)
      return all or part
    end):await()
    if data == "" then
      break
    end
    print(("echoing %q to %s"):format(data, name))
    conn:send(data:upper()) -- let us hope that it takes all
  end
  print("closing " .. name)
  conn:close()
end

local function build_listen_socket(port)
  local sock = assert(socket.bind("127.0.0.1", port))
  sock:settimeout(0) -- never block
  return sock
end

local function handle_incoming(sock)
  local _, port = sock:getsockname()
  print("listening on " .. port)
  while true do
    local conn = when_ready(sock, function() return sock:accept() end):await()
    if conn then
      print("accepted client of " .. port)
      conn:settimeout(0)
      neap.spawn(handle_data_ready, conn, "client of " .. port)
    end
  end
end

io.stdout:setvbuf("line")
local sockets = { build_listen_socket(arg[1] or 8080), build_listen_socket(arg[2] or 8081) }
local servers = neap.spawn(neap.map, sockets, handle_incoming)
neap.signal.wait("INT")
servers:cancel()
neap.wait { servers }
for _, sock in ipairs(sockets) do
  loop.remove_reader(sock:getfd())
  sock:close()
end
print("closed")
