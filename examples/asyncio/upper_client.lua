-- A client with a prompt: each line that is typed is sent, and what comes back
-- is printed. It works with raw_sockets.lua, line_echo_server.lua and the chats.
--
-- Run: neap examples/asyncio/upper_client.lua [port]
-- Prints a prompt, and the answers.
local neap = require "neap"

local stream <close> = assert(neap.net.connect("127.0.0.1", arg[1] or 8080))

local function ask()
  neap.stdout:write(">>: ")
  return neap.stdin:readline()
end

for message in ask do
  if message ~= "" then
    assert(stream:write(message, "\n"))
    local data, err = stream:read(1024)
    if not data then
      print(err or "the server has closed the connection")
      break
    end
    neap.stdout:write((data:gsub("\n$", "")), "\n")
  end
end
