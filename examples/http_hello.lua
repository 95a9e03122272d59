-- The smallest web server: it greets whoever asks.
--
--   neap examples/http_hello.lua [port]
--   curl http://127.0.0.1:8080/hello/world
--
-- Prints where it listens. Ctrl-C ends it, after the requests under way.
local neap = require("neap")

local app = neap.http.app()

app:get("/", function()
  return "hello\n"
end)

app:get("/hello/{name}", function(req)
  return ("hello, %s\n"):format(req.params.name)
end)

assert(app:run({
  host = "127.0.0.1",
  port = tonumber(arg[1]) or 8080,
  ready = function(server)
    print(("listening on http://127.0.0.1:%d"):format(server:address().port))
    io.stdout:flush()
  end,
}))
