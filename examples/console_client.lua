-- A client with a console: it sends each line that is typed and prints what
-- comes, at the same time. The line "quit", or the end of the input, ends it.
--
--   neap examples/console_client.lua [host [port]]
--
-- Prints a prompt, and what the server sends; start examples/chat.lua first.
local neap = require("neap")

local host, port = arg[1] or "127.0.0.1", arg[2] or 8888
local prompt = neap.stdin:isatty() and "> " or ""

local function print_lines(stream)
  for line in stream:lines() do
    neap.stdout:write(prompt ~= "" and "\r" or "", line, "\n", prompt)
  end
end

local function send_lines(stream)
  neap.stdout:write(prompt)
  for line in neap.stdin:lines() do
    if line == "quit" then
      break
    elseif line:find("%S") then
      assert(stream:write(line, "\n"))
    end
    neap.stdout:write(prompt)
  end
  stream:shutdown()
end

local stream <close> = assert(neap.net.connect(host, port))
neap.spawn(send_lines, stream):set_daemon(true) -- the server ends it all
print_lines(stream)
