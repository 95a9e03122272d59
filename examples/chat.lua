-- A chat: each line that a client sends goes to all clients, with the client's
-- address in front. The line "quit" leaves.
--
--   neap examples/chat.lua [host [port]]
--
-- Prints where it listens. Connect with `neap examples/console_client.lua`. Its
-- own console takes commands: `who` prints the live tasks, `quit` or Ctrl-C says
-- goodbye to everybody and ends it.
local neap = require("neap")
local clients = {} -- the queue of lines for each

local function broadcast(text)
  for _, queue in pairs(clients) do
    if not queue:full() then -- who does not read misses lines
      queue:put(text)
    end
  end
end

local function send_lines(stream, queue)
  for text in queue:items() do
    stream:write(text)
  end
end

local function chat(stream)
  local peer, queue <close> = stream:peername(), neap.sync.queue(100)
  clients[stream] = queue
  local sender = neap.spawn(send_lines, stream, queue)
  local line = stream:readline()
  while line and line ~= "quit" do
    broadcast(("%s:%d: %s\n"):format(peer.host, peer.port, line))
    line = stream:readline()
  end
  clients[stream] = nil
  queue:close()
  neap.await(sender)
end

local server <close> = assert(neap.net.serve(arg[1] or "127.0.0.1", arg[2] or 8888, chat))
neap.stdout:write(("listening on %s:%d\n"):format(server:address().host, server:address().port))

neap.spawn(function()
  for line in neap.stdin:lines() do
    if line == "quit" then
      server:close()
    elseif line == "who" then
      for _, task in ipairs(neap.tasks()) do
        neap.stdout:write(tostring(task), "\n")
      end
    end
  end
end):set_daemon(true) -- it need not end
pcall(server.serve_forever, server) -- Ctrl-C cancels it
neap.shield(function()
  broadcast("* the server ends\n")
  server:close(0.1)
  server:wait_closed()
end)
