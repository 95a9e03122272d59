-- A clock in the browser: a page, and server-sent events that set it.
--
--   neap examples/sse_clock.lua [port [seconds]]     one event each second
--   curl -N http://127.0.0.1:8080/events
--
-- Prints where it listens.
local neap = require("neap")

local PAGE = [[<!DOCTYPE html>
<meta charset="utf-8">
<title>clock</title>
<h1 id="time">-</h1>
<script>
  const time = document.getElementById("time")
  new EventSource("/events").addEventListener("tick", (e) => { time.textContent = e.data })
</script>
]]

local interval = tonumber(arg[2]) or 1
local app = neap.http.app()

app:get("/", function()
  return { html = PAGE }
end)

app:get("/events", function()
  return {
    events = function(send)
      for tick in neap.every(interval) do
        if not send({ event = "tick", id = tick, data = os.date("%H:%M:%S") }) then
          return -- the page was closed
        end
      end
    end,
  }
end)

local server <close> = assert(app:serve({ host = "127.0.0.1", port = tonumber(arg[1]) or 8080 }))
print(("listening on http://127.0.0.1:%d"):format(server:address().port))
io.stdout:flush()
server:serve_forever()
