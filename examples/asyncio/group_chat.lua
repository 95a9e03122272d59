-- A chat for a group: what a client sends goes to all of them, with its address
-- in front; "quit" leaves. The console, a task beside the server's, prints the
-- live tasks for each line that is typed; "quit", the end of the input or Ctrl-C
-- ends it all.
--
-- Run: neap examples/asyncio/group_chat.lua [port]
-- Prints where it serves, then who comes and goes and what they say, and
-- "closed" at the end. Connect with upper_client.lua, with 3999 as its argument.
local neap = require "neap"

io.stdout:setvbuf("line")

local Chat = {}
Chat.__index = Chat

function Chat.new(port)
  local self = setmetatable({ streams = {} }, Chat)
  self.server = assert(neap.net.serve("127.0.0.1", port, function(stream)
    return self:handler(stream)
  end))
  return self
end

function Chat:handler(stream)
  local peer = stream:peername()
  local client = ("%s:%d"):format(peer.host, peer.port)
  self.streams[stream] = true
  print("+ " .. client)
  for data in stream:chunks() do
    if data:match("^quit%s*$") then
      break
    end
    print((data:gsub("%s+$", "")))
    for other in pairs(self.streams) do
      neap.spawn(pcall, other.write, other, client .. "-" .. data) -- it may be slow, or gone
    end
  end
  self.streams[stream] = nil
  print("- " .. client)
end

function Chat:console()
  for line in neap.stdin:lines() do
    if line == "quit" then
      break
    end
    for _, task in ipairs(neap.tasks()) do
      print(task)
    end
  end
end

local chat = Chat.new(arg[1] or 3999)
print("Serving on port " .. chat.server:address().port)
neap.race { neap.spawn(chat.console, chat), neap.spawn(neap.signal.wait, "INT") }
chat.server:close(0)
chat.server:wait_closed()
print("closed")
