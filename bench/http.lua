-- A web server to measure, as a user would write it. Prints its port, and
-- serves until it is stopped.
--
--   build/neap bench/http.lua [port [directory]]
local neap = require("neap")

local app = neap.http.app()

app:get("/", function()
  return "hello\n"
end)

-- About 1 KB of JSON, made anew for each request.
app:get("/json", function()
  local list = {}
  for i = 1, 20 do
    list[i] = { id = i, name = "item " .. i, price = i * 1.25, done = i % 2 == 0 }
  end
  return { json = { items = list } }
end)

-- A path with a parameter, and a field of its own.
app:get("/items/{id}", function(req)
  return { text = "item " .. req.params.id, headers = { ["Cache-Control"] = "no-store" } }
end)

if arg[2] then
  app:static("/static", arg[2])
end

local server = assert(app:serve({ host = "127.0.0.1", port = tonumber(arg[1]) or 0 }))
print(server:address().port)
io.stdout:flush()
server:serve_forever()
