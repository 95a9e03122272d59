-- A client that talks in lines: sends each of its arguments as a line, and
-- prints what comes back.
--
--   neap examples/echo_client.lua [host [port [line ...]]]
--
-- With echo_server.lua running it prints the lines again; without, why it could
-- not connect.
local neap = require("neap")

local lines = table.move(arg, 3, #arg, 1, {})
if #lines == 0 then
  lines = { "hello", "how are you", "bye" }
end

local function main()
  local stream <close>, err = neap.net.connect(arg[1] or "127.0.0.1", arg[2] or 8888, { timeout = 5 })
  if not stream then
    io.stderr:write(tostring(err), "\n")
    return 1
  end
  stream:timeout(5) -- for each read and write
  for _, line in ipairs(lines) do
    assert(stream:write(line, "\n"))
    print(assert(stream:readline()))
  end
  return 0
end

os.exit(main(), true)
