-- Bodies piece by piece, both ways: what is posted comes back in upper case
-- while it is still being sent, and a count is as long as it is asked to be.
-- Neither is ever in memory as a whole: writing waits for the client.
--
--   neap examples/http_stream.lua [port]
--   curl -T - http://127.0.0.1:8080/upper
--   curl http://127.0.0.1:8080/count/1000000
--
-- Prints where it listens.
local neap = require("neap")

local app = neap.http.app()

app:route("*", "/upper", function(req)
  return {
    type = "text/plain; charset=utf-8",
    stream = function(write)
      for piece in req:chunks() do
        write(piece:upper())
      end
    end,
  }
end)

app:get("/count/{n:%d+}", function(req)
  return {
    type = "text/plain; charset=utf-8",
    stream = function(write)
      for i = 1, math.tointeger(req.params.n) or 0 do
        if not write(i .. "\n") then
          return -- the client is gone
        end
      end
    end,
  }
end)

local server <close> = assert(app:serve({ host = "127.0.0.1", port = tonumber(arg[1]) or 8080 }))
print(("listening on http://127.0.0.1:%d"):format(server:address().port))
io.stdout:flush()
server:serve_forever()
