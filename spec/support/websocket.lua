--- WebSockets for specs: pairs in memory, raw frames, a server over TCP.
local connection = require("neap.websocket.connection")
local headers = require("neap.http.headers")
local neap = require("neap")
local options = require("neap.websocket.options")
local websocket = require("neap.websocket")

local support = {}

local Ends = {
  __close = function(ends)
    for _, one in ipairs(ends) do
      if one.abort then
        one:abort()
      else
        one:close()
      end
    end
    for _, one in ipairs(ends) do
      one:wait_closed()
    end
  end,
}

--- A handler that sends back what comes.
function support.echo(ws)
  for message, kind in ws:messages() do
    ws:send(message, kind)
  end
end

--- What is closed at the end of a case, whatever it is.
function support.closing(...)
  return setmetatable({ ... }, Ends)
end

--- A WebSocket on a stream, without a handshake.
function support.on(stream, client, opts, pack)
  return connection.new(stream, options.of_link(opts or {}, client), pack)
end

--- Both ends, in memory: server, client, and what closes them.
function support.pair(server_opts, client_opts, pack)
  local a, b = neap.testing.stream_pair()
  local server = support.on(a, false, server_opts, pack)
  local client = support.on(b, true, client_opts, pack)
  return server, client, support.closing(server, client)
end

--- A WebSocket of which the other end is a bare stream.
function support.raw(client, opts, pack)
  local a, b = neap.testing.stream_pair()
  local ws = support.on(a, client, opts, pack)
  return ws, b, support.closing(ws, b)
end

--- The bytes of a frame; `head` is its first byte. It is masked unless `key` is
--- false.
function support.frame(head, payload, key)
  local n = #payload
  local mask = key == false and 0 or 0x80
  local length
  if n < 126 then
    length = string.char(mask | n)
  elseif n < 65536 then
    length = string.char(mask | 126) .. string.pack(">I2", n)
  else
    length = string.char(mask | 127) .. string.pack(">I8", n)
  end
  if key == false then
    return string.char(head) .. length .. payload
  end
  key = key or "\1\2\3\4"
  local masked = {}
  for i = 1, n do
    masked[i] = string.char(payload:byte(i) ~ key:byte((i - 1) % 4 + 1))
  end
  return string.char(head) .. length .. key .. table.concat(masked)
end

--- The next frame that comes on a stream: its first byte, its payload, and
--- whether it was masked; nil at the end.
function support.read_frame(stream)
  local start = stream:readexactly(2)
  if not start then
    return nil
  end
  local head, length = start:byte(1, 2)
  local masked = length & 0x80 ~= 0
  length = length & 0x7f
  if length == 126 then
    length = string.unpack(">I2", (stream:readexactly(2)))
  elseif length == 127 then
    length = string.unpack(">I8", (stream:readexactly(8)))
  end
  local key = masked and stream:readexactly(4) or "\0\0\0\0"
  local payload = length > 0 and stream:readexactly(length) or ""
  local bytes = {}
  for i = 1, #payload do
    bytes[i] = string.char(payload:byte(i) ~ key:byte((i - 1) % 4 + 1))
  end
  return head, table.concat(bytes), masked
end

--- The request that a stream begins with.
function support.read_request(stream)
  local head = assert(stream:readuntil("\r\n\r\n"))
  local method, path, version = head:match("^(%S+) (%S+) HTTP/([%d.]+)\r\n")
  local fields = headers.new()
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    fields:add(name, value)
  end
  return { method = method, path = path, version = version, headers = fields }
end

--- A server on a free port that runs `fn(ws, req)`, and its URL.
function support.serve(fn, opts, scheme)
  local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
    websocket.accept(support.read_request(stream), stream, fn, opts)
  end))
  return server, ("%s://127.0.0.1:%d/chat?x=1"):format(scheme or "ws", server:address().port)
end

return support
