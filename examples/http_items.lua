-- An app as aiohttp's tutorials have it: "/" answers 201 with the path, and
-- "/{id}" 200 with the id.
--
--   neap examples/http_items.lua [port]
--   curl -i http://127.0.0.1:3888/12301?name=x
--
-- Prints where it listens, and the parameters and query of each request.
local neap = require("neap")

local function index(req)
  return { text = req.path, status = 201 }
end

local function item(req)
  print(("id = %s, query = %s"):format(req.params.id, req.query_string))
  io.stdout:flush()
  return { text = req.params.id, status = 200 }
end

local app = neap.http.app()
app:get("/", index)
app:get("/{id}", item)

assert(app:run({
  host = "0.0.0.0",
  port = tonumber(arg[1]) or 3888,
  ready = function(server)
    print(("listening on http://0.0.0.0:%d"):format(server:address().port))
    io.stdout:flush()
  end,
}))
