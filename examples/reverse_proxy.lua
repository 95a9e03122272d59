-- A reverse proxy: requests go to another server, bodies stream both ways.
--
--   neap examples/reverse_proxy.lua http://backend:port [port]
--   curl http://127.0.0.1:8080/anything
local neap = require("neap")
local http = neap.http

local backend = arg[1] or error("usage: reverse_proxy.lua URL [port]", 0)
local session = http.session({ redirects = 0, compress = false, cookies = false })
local own = { connection = true, ["keep-alive"] = true, ["transfer-encoding"] = true, host = true, date = true }

--- The fields that are not about one connection alone.
local function passed(fields)
  local list = {}
  for name, value in pairs(fields) do
    if not own[name:lower()] then
      list[#list + 1] = { name, value }
    end
  end
  return http.headers.new(list)
end

local function pass(req)
  local has_body = req.headers["content-length"] or req.headers["transfer-encoding"]
  local response, err = session:request({
    method = req.method, url = backend .. req.path, query = req.query_string,
    headers = passed(req.headers), body = has_body and req:chunks() or nil,
  })
  if not response then
    return { status = 502, text = tostring(err) .. "\n" }
  end
  return { status = response.status, headers = passed(response.headers), stream = function(write)
    for piece in response:chunks() do
      write(piece)
    end
  end }
end

local app = http.app()
app:use(pass)
assert(app:run({ host = "127.0.0.1", port = tonumber(arg[2]) or 8080, ready = function(server)
  print(("listening on http://127.0.0.1:%d"):format(server:address().port))
  io.stdout:flush()
end }))
