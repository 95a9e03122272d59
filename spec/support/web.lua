--- Apps under test: on a stream in memory, where a spec writes bytes and reads
--- bytes, or on a port.
local neap = require("neap")
local server = require("neap.http.server")

local web = {}

--- Sends bytes to an app and ends our direction; everything that comes back.
---@param app table
---@param bytes string|string[]  a list is written piece by piece
---@param opts table?  of serve
---@return string
---@return neap.Error? err  if it did not end orderly
function web.talk(app, bytes, opts)
  local client, theirs = neap.testing.stream_pair()
  local open <close> = client
  local task = neap.spawn(server.serve_stream, app, theirs, opts)
  for _, piece in ipairs(type(bytes) == "table" and bytes or { bytes }) do
    open:write(piece)
    if type(bytes) == "table" then
      neap.testing.settle()
    end
  end
  open:shutdown()
  local got = {}
  local data, err = open:read()
  while data do
    got[#got + 1] = data
    data, err = open:read()
  end
  task:await()
  return table.concat(got), err
end

--- Splits what came back into its answers: { status, reason, fields, body }. The
--- names of fields are in lower case; interim answers are among them.
---@param text string
---@param methods string[]?  of the requests: "HEAD" has no body
---@return table[]
function web.answers(text, methods)
  local list, at = {}, 1
  while at <= #text do
    local head, rest = text:match("^(HTTP/1%.1 .-\r\n)\r\n()", at)
    assert(head, "no answer at: " .. text:sub(at, at + 200))
    local one = { fields = {}, status = tonumber(head:match("^%S+ (%d%d%d)")) }
    one.reason = head:match("^%S+ %d+ ([^\r]*)")
    for name, value in head:gmatch("\n([^:\r]+): ([^\r]*)") do
      one.fields[name:lower()] = value
    end
    at = rest
    local length = tonumber(one.fields["content-length"])
    local method = methods and methods[#list + 1]
    if one.status < 200 or one.status == 204 or one.status == 304 or method == "HEAD" then
      one.body = ""
    elseif length then
      one.body = text:sub(at, at + length - 1)
      at = at + length
    elseif one.fields["transfer-encoding"] == "chunked" then
      one.body, at = web.dechunk(text, at)
    else
      one.body, at = text:sub(at), #text + 1
    end
    list[#list + 1] = one
  end
  return list
end

--- The body of chunks at a position, where it ends, and the trailer's lines.
function web.dechunk(text, at)
  local out = {}
  while true do
    local size, data = text:match("^(%x+)\r\n()", at)
    assert(size, "no chunk at: " .. text:sub(at, at + 80))
    local n = tonumber(size, 16)
    if n == 0 then
      local trailer, rest = text:match("^(.-)\r\n()", data)
      while trailer and trailer ~= "" do
        out.trailer = (out.trailer or "") .. trailer .. "\n"
        trailer, rest = text:match("^(.-)\r\n()", rest)
      end
      return table.concat(out), rest, out.trailer
    end
    out[#out + 1] = text:sub(data, data + n - 1)
    assert(text:sub(data + n, data + n + 1) == "\r\n", "a chunk without its end")
    at = data + n + 2
  end
end

--- The only answer to a request.
function web.answer(app, bytes, opts)
  local list = web.answers(web.talk(app, bytes, opts), { type(bytes) == "string" and bytes:match("^%u+") or nil })
  assert(#list == 1, #list .. " answers")
  return list[1]
end

--- The text of a GET, or of another request, with its fields.
function web.request(line, fields, body)
  local out = { line:find(" ") and line or "GET " .. line, " HTTP/1.1\r\nHost: test\r\n" }
  for _, field in ipairs(fields or {}) do
    out[#out + 1] = field .. "\r\n"
  end
  if body then
    out[#out + 1] = ("Content-Length: %d\r\n"):format(#body)
  end
  out[#out + 1] = "\r\n" .. (body or "")
  return table.concat(out)
end

--- An app that says hello, with the query of the request.
function web.hello()
  return neap.http.app():get("/", function(req) return "hello " .. req.query_string end)
end

--- A client of an app in memory: its stream, and the task that serves it.
function web.open(app, opts)
  local client, theirs = neap.testing.stream_pair()
  return client, neap.spawn(server.serve_stream, app, theirs, opts)
end

--- Serves an app on a free port: its server, and what connects to it.
function web.serve(app, opts)
  opts = opts or {}
  opts.host, opts.port = "127.0.0.1", 0
  local serving = assert(app:serve(opts))
  return serving, function()
    return assert(neap.net.connect("127.0.0.1", serving:address().port))
  end
end

--- Closes a server and waits until it is gone.
function web.stop(serving)
  serving:close(0)
  serving:wait_closed()
end

--- One answer off a stream: its head, and its body by Content-Length.
function web.read_answer(stream)
  local head, err = stream:readuntil("\r\n\r\n")
  if not head then
    return nil, err
  end
  return head, stream:readexactly(tonumber(head:match("Content%-Length: (%d+)")))
end

return web
