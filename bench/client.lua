-- Requests by http.session, as a user would write them. Prints the CPU seconds,
-- the bytes and the most memory (MiB).
--
--   build/neap bench/client.lua URL REQUESTS AT_ONCE
local neap = require("neap")

local url, left, at_once = arg[1], tonumber(arg[2]), tonumber(arg[3])
local bytes = 0
local session <close> = neap.http.session({ max_connections = at_once, compress = false })

local function run()
  while left > 0 do
    left = left - 1
    local response = assert(session:get(url))
    for piece in response:chunks() do
      bytes = bytes + #piece
    end
  end
end

neap.task_group(function(group)
  for _ = 1, at_once do
    group:spawn(run)
  end
end)

local status = assert(io.open("/proc/self/status")):read("a")
print(("%.3f %d %d"):format(os.clock(), bytes, tonumber(status:match("VmHWM:%s*(%d+)")) // 1024))
