-- Serves a directory: files with their types, ranges and tags, the index.html
-- of a directory or a list of what is in it. No path and no link leads out.
--
--   neap examples/static_site.lua [directory [port]]
--
-- Prints where it listens, and a line for each request, as web servers do.
local neap = require("neap")

local app = neap.http.app()
app:static("/", arg[1] or ".", { listing = true })

assert(app:run({
  host = "127.0.0.1",
  port = tonumber(arg[2]) or 8080,
  access_log = function(line)
    print(line)
    io.stdout:flush()
  end,
  ready = function(server)
    print(("listening on http://127.0.0.1:%d"):format(server:address().port))
    io.stdout:flush()
  end,
}))
