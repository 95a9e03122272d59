-- Fetches a page by hand, with a protocol. Start a server, then:
--
--   python3 -m http.server 8000
--   neap examples/protocol_http_get.lua [host [port [path]]]
--
-- Prints the status line, how many headers there were, and the page.
local neap = require("neap")

local host, port, path = arg[1] or "127.0.0.1", arg[2] or 8000, arg[3] or "/"
local done = neap.future()

local function getter()
  local parts = {}
  local protocol = {}
  function protocol.connection_made(_, transport)
    transport:writelines({
      "GET ", path, " HTTP/1.0\r\n", "Host: ", host, "\r\n", "\r\n",
    })
  end
  function protocol.data_received(_, data)
    table.insert(parts, data)
  end
  function protocol.connection_lost(_, err)
    if err then
      done:set_error(err)
    else
      done:set_result(table.concat(parts)) -- HTTP/1.0: the page ends with the connection
    end
  end
  return protocol
end

assert(neap.protocol.create_connection(getter, host, port))
local head, body = done:await():match("^(.-)\r\n\r\n(.*)$")
local _, headers = head:gsub("\r\n", "")
print(head:match("^[^\r]*"))
print(headers .. " headers, " .. #body .. " bytes")
io.write(body)
