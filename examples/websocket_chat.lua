-- A chat in the browser: what one page sends goes to all pages, over WebSockets.
--
--   neap examples/websocket_chat.lua [host [port]]
--
-- Prints the address to open, in several windows. Ctrl-C tells the pages that
-- the server ends, and ends it.
local neap = require("neap")
local app = neap.http.app()
local members = {} -- the queue of texts for each

local function broadcast(text)
  for queue in pairs(members) do
    if not queue:full() then -- who does not read misses some
      queue:put_nowait(text)
    end
  end
end

local function send_all(ws, queue)
  for text in queue:items() do
    ws:send(text)
  end
end

local function chat(ws, req)
  local name, queue = req.query.name or "somebody", neap.sync.queue(100)
  local sender = neap.spawn(send_all, ws, queue)
  members[queue] = name
  broadcast(("* %s joined"):format(name))

  local text = ws:receive()
  while text do
    broadcast(("%s: %s"):format(name, text))
    text = ws:receive()
  end

  members[queue] = nil
  broadcast(("* %s left"):format(name))
  queue:close()
  neap.await(sender)
end

local here = arg[0]:match("^.*/") or ""
app:get("/", function()
  return { file = here .. "websocket_chat.html" }
end)
app:websocket("/chat", chat, { max_message = 1000 })

app:run({
  host = arg[1] or "127.0.0.1",
  port = tonumber(arg[2]) or 8080,
  ready = function(server)
    print(("open http://%s:%d/"):format(server:address().host, server:address().port))
    io.stdout:flush()
  end,
})
