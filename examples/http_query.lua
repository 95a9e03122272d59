-- A client session that reads a page with a query: what it asks for, what came.
--
--   neap examples/http_query.lua [url]
--
-- Prints the status and the text of `/2?age=20&name=jerry`; without a URL, from
-- a small server of its own.
local neap = require("neap")
local http = neap.http

local server
local base = arg[1]
if not base then
  local app = http.app()
  app:get("/{n}", function(req)
    return ("%s is %s\n"):format(req.query.name, req.query.age)
  end)
  server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
  base = ("http://127.0.0.1:%d"):format(server:address().port)
end

local session <close> = http.session()
local response = assert(session:get(base .. "/2", { query = { name = "jerry", age = 20 } }))
print(response.status, response.url:match("/2.*"))
io.write(assert(response:text()))

if server then
  server:close()
end
