-- Ten pages side by side, at most three at a time, on one pool of connections.
--
--   neap examples/http_client.lua [url]
--
-- Prints each page's status and size as it comes; without a URL, pages of a
-- small server of its own.
local neap = require("neap")
local http = neap.http

local server
local base = arg[1]
if not base then
  local app = http.app()
  app:get("/page/{n:%d+}", function(req)
    neap.sleep(0.01)
    return ("page %s\n"):format(req.params.n):rep(100)
  end)
  server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
  base = ("http://127.0.0.1:%d/page/"):format(server:address().port)
end

local session <close> = http.session({ max_connections = 3, timeout = 30 })

neap.task_group(function(group)
  for i = 1, 10 do
    group:spawn(function()
      local response, err = session:get(base .. i)
      if response then
        print(("%2d  %d %s, %d bytes"):format(i, response.status, response.reason, #assert(response:text())))
      else
        print(("%2d  %s"):format(i, err))
      end
    end)
  end
end)

if server then
  server:close()
end
